import { CodeBuilder } from '../expression/code-builder.ts'
import { compileExpression } from '../expression/compile.ts'
import { scalarCode } from '../expression/convert.ts'
import type { Bound } from '../expression/expression.ts'
import { recordAccessor, type ViewNames } from '../expression/record-accessor.ts'
import { emitRecord } from '../expression/record-emitter.ts'
import { scalarCodes } from '../expression/scalar-code.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import type { SortKey } from '../plan/analyzed-plan.ts'
import { booleanType, field, type StructType, structType } from '../record/data-type.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { KeyedStore } from '../state/keyed-store.ts'
import type { GroupOperator } from './aggregate.ts'
import type { EpochPolicy } from './epoch-policy.ts'
import { MergeSort } from './merge-sort.ts'
import { type Consumer, type OpContext, readAll } from './op-context.ts'
import { OperatorFlags } from './stateful.ts'

export interface SortSpec {
  readonly operatorId: number
  readonly by: readonly SortKey[]
  readonly schema: StructType
}

/**
 * Puts the rows of each epoch in order, at its end: the whole result of an aggregation in complete mode, or a table. It runs in one task,
 * and nothing of it outlives the epoch.
 */
export class Sort implements GroupOperator {
  readonly operatorId: number
  readonly name = 'sort'
  readonly store = new KeyedStore({ valueBytes: 0, varSlots: [], timed: false })
  readonly flags = new OperatorFlags()
  readonly isTransient = true
  /** Emits one row downstream, by its place in the buffer; generated. */
  emit: (handle: number) => void = () => {
    throw new Error('the sort is not compiled')
  }
  readonly #schema: StructType
  /** What is sorted by and is no column of the row itself: computed once a row, and kept behind its columns. */
  readonly #computed: readonly Bound[]
  readonly #keys: readonly (Omit<SortKey, 'value'> & { readonly column: number })[]
  readonly #rows: RecordBuffer
  readonly #compare: (a: number, b: number) => number
  readonly #isFull: () => boolean
  #places: Int32Array | null = null
  #collected = 0
  #sorting: MergeSort | null = null
  #emitted = 0

  constructor({ operatorId, by, schema }: SortSpec, isFull: () => boolean) {
    this.operatorId = operatorId
    this.#schema = schema
    this.#isFull = isFull
    const computed: Bound[] = []
    // What is the same in every row orders nothing.
    this.#keys = by
      .filter(({ value }) => value.kind !== 'literal')
      .map(({ value, ...key }) => ({
        ...key,
        column: value.kind === 'input' ? value.ordinal : schema.fields.length + computed.push(value) - 1,
      }))
    this.#computed = computed
    this.#rows = new RecordBuffer(
      RowLayout.of(structType([...schema.fields, ...computed.map(({ type, nullable }, i) => field(`by${i}`, type, nullable))])),
    )
    this.#compare = this.#compileCompare()
  }

  emitRow(c: OpContext, row: RowAccessor): void {
    const { cg } = c
    const computed = this.#computed.map(value => compileExpression(cg, value, row, c.compile))
    emitRecord(cg, this.#rows.layout, [...readAll(row, this.#schema), ...computed], cg.constant(this.#rows))
  }

  emitGroup({ cg }: OpContext, handle: string, next: Consumer): void {
    next(this.#accessor(cg, handle), 'return')
  }

  beginEpoch(): void {}

  advance(): boolean {
    return true
  }

  finishEpoch(_policy: EpochPolicy, budget: number): boolean {
    if (this.#sorting === null && !this.#collect(budget)) return false
    const sorting = this.#sorting
    if (sorting === null || !sorting.step(budget)) return false
    const { items } = sorting
    for (let left = budget; this.#emitted < items.length; ) {
      if (left-- <= 0 || this.#isFull()) return false
      this.emit(items[this.#emitted++])
    }
    this.#rows.clear()
    this.#sorting = this.#places = null
    this.#collected = this.#emitted = 0
    return true
  }

  restore(): void {
    throw new Error('a sort keeps no state')
  }

  /** The places of the rows; true when all are there. */
  #collect(budget: number): boolean {
    this.#places ??= new Int32Array(this.#rows.rowCount)
    for (let left = budget; this.#collected < this.#places.length; ) {
      if (left-- <= 0) return false
      this.#places[this.#collected++] = this.#rows.next()
    }
    this.#sorting = new MergeSort(this.#places, this.#compare)
    return true
  }

  #accessor(cg: CodeBuilder, place: string): RowAccessor {
    // The views are others once the buffer has grown.
    const names: ViewNames = {
      u8: cg.fresh('u8'),
      i16: cg.fresh('i16'),
      u16: cg.fresh('u16'),
      i32: cg.fresh('i32'),
      f32: cg.fresh('f32'),
      f64: cg.fresh('f64'),
      i64: cg.fresh('i64'),
    }
    const pairs = Object.entries(names).map(([view, name]) => `${view}: ${name}`)
    cg.line(`const { ${pairs.join(', ')} } = ${cg.constant(this.#rows)}`)
    return recordAccessor(cg, this.#rows.layout, names, place)
  }

  #compileCompare(): (a: number, b: number) => number {
    const cg = new CodeBuilder()
    const [left, right] = ['a', 'b'].map(place => this.#accessor(cg, place))
    for (const { column, ascending, nullsFirst } of this.#keys) {
      const [a, b] = [left.column(column), right.column(column)]
      cg.open(`if (${a.isNull} || ${b.isNull}) {`)
      cg.line(`if (!(${a.isNull} && ${b.isNull})) return ${a.isNull} === ${nullsFirst} ? -1 : 1`)
      cg.close('} else {')
      for (const [operator, sign] of [['<', ascending ? -1 : 1] as const, ['>', ascending ? 1 : -1] as const])
        cg.line(`if (${comparison(cg, operator, a, b)}) return ${sign}`)
      cg.close()
    }
    cg.line('return 0')
    return cg.build('compareRows', ['a', 'b']).call as (a: number, b: number) => number
  }
}

/** `a < b` or `a > b` as expressions have it, of values that are not null. */
const comparison = (cg: CodeBuilder, operator: string, a: Value, b: Value): string => {
  const args = [a, b].map((value): Value => ({ ...value, isNull: 'false' }))
  return scalarCode(scalarCodes[operator](cg, { kind: 'call', name: operator, args: [], type: booleanType, nullable: false }, args))
}
