import { compileExpression, compilePredicate } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKeyWords } from '../expression/key-emitter.ts'
import type { RowAccessor } from '../expression/value.ts'
import { booleanType, type StructType } from '../record/data-type.ts'
import type { BurstLocals } from './aggregate.ts'
import { Deduplicate } from './deduplicate.ts'
import { emitKeys, emitLookup, emitTouch, endMillis } from './keyed-access.ts'
import type { Consumer, OpContext } from './op-context.ts'

export interface MarkDistinctSpec {
  readonly operatorId: number
  readonly keys: readonly Bound[]
  readonly values: readonly Bound[]
  readonly condition: Bound | null
  readonly eventTimeKey: number | null
  readonly perEpoch: boolean
  /** The row's columns, and the mark. */
  readonly schema: StructType
}

const HOME_BYTES = 8

/**
 * Lets all rows pass, with one more column: true for the first of its group that has these values. The aggregation above adds up marked
 * rows only. State is an entry for each group and values, let go with its group; it holds the hash of the group, which says whose it is.
 */
export class MarkDistinct extends Deduplicate {
  override readonly name = 'distinct'
  readonly #spec: MarkDistinctSpec
  readonly #present: readonly Bound[]

  constructor(spec: MarkDistinctSpec, isComplete: boolean) {
    // Nulls are not counted, so there are none in state.
    const present = spec.values.map((value): Bound => ({ ...value, nullable: false }))
    // In complete mode groups are kept for ever.
    const eventTimeKey = isComplete ? null : spec.eventTimeKey
    super({ ...spec, keys: [...spec.keys, ...present], eventTimeKey, time: null, expiry: null }, HOME_BYTES)
    this.#spec = { ...spec, eventTimeKey }
    this.#present = present
  }

  override emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals, next: Consumer): void {
    const { cg } = c
    const { keys, values, condition, eventTimeKey } = this.#spec
    const store = cg.constant(this.store)
    const group = emitKeys(c, keys, row)
    const end = endMillis(group.values, eventTimeKey)
    const tests: string[] = []
    if (condition !== null) tests.push(compilePredicate(cg, condition, row, c.compile))
    const found = values.map(value => compileExpression(cg, value, row, c.compile))
    for (const { isNull } of found) if (isNull !== 'false') tests.push(`!${isNull}`)
    // A late row is the aggregation's to drop and count.
    if (eventTimeKey !== null) tests.push(`${end} > ${burst.late}`)
    const mark = cg.fresh('mark')
    cg.line(`let ${mark} = false`)
    cg.open(`if (${tests.length === 0 ? 'true' : tests.join(' && ')}) {`)
    const key = emitKeyWords(cg, [...group.values, ...found.map(value => ({ ...value, isNull: 'false' }))], [...keys, ...this.#present])
    const insert = (hash: string): string => `${store}.insert(${hash}, ${key.buffer}, 0, ${key.length}, ${end})`
    const { entry, isNew } = emitLookup(c, this.store, key, burst, insert)
    cg.open(`if (${isNew}) {`)
    cg.line(`${entry.i32}[${entry.value} >> 2] = ${group.key.emitHash()}`)
    emitTouch(c, store, entry, burst.tracking, burst.tag)
    cg.line(`${mark} = true`)
    cg.close()
    cg.close()
    cg.holds('boolean', mark)
    const mine = this.#spec.schema.fields.length - 1
    const marked = { form: 'scalar', type: booleanType, isNull: 'false', code: mark } as const
    next({ column: ordinal => (ordinal === mine ? marked : row.column(ordinal)) }, skip)
  }

  /** Values go to the task of their group. */
  homeHash(_hash: number, bytes: Uint8Array, _keyOffset: number, _keyLength: number, valueOffset: number): number {
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(valueOffset, true)
  }
}
