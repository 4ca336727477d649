import { compileExpression, compilePredicate } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKey } from '../expression/key-emitter.ts'
import { recordAccessor } from '../expression/record-accessor.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import type { StructType } from '../record/data-type.ts'
import { type Consumer, type OpContext, readAll } from './op-context.ts'
import type { StaticTable } from './static-table.ts'

export interface TableJoinSpec {
  readonly type: 'inner' | 'leftOuter' | 'leftSemi' | 'leftAnti'
  readonly streamKeys: readonly Bound[]
  readonly residual: Bound | null
}

/** Joins each row with the rows of a static table that have equal keys. A null key equals nothing. */
export const emitTableJoin = (
  c: OpContext,
  spec: TableJoinSpec,
  input: StructType,
  table: StaticTable,
  row: RowAccessor,
  skip: string,
  next: Consumer,
): void => {
  const { cg } = c
  const keys = spec.streamKeys.map(key => compileExpression(cg, key, row, c.compile))
  const nulls = keys.filter(key => key.isNull !== 'false').map(key => key.isNull)
  const columns = readAll(row, input)
  const key = emitKey(
    cg,
    keys.map(value => ({ ...value, isNull: 'false' })),
    spec.streamKeys.map(({ type }) => ({ type, nullable: false })),
  )
  const { arena, rows, layout } = table
  const [handle, q, p] = [cg.fresh('h'), cg.fresh('q'), cg.fresh('p')]
  const find = `${cg.constant(table.index)}.find(${key.hash}, ${key.buffer}, 0, ${key.length})`
  cg.line(`const ${handle} = ${nulls.length === 0 ? find : `${nulls.join(' || ')} ? 0 : ${find}`}`)
  const first = cg.constant((h: number) => {
    if (h === 0) return 0
    const segment = arena.segments[h >>> arena.segmentShift]
    const at = (h & arena.handleMask) << 3
    return segment.i32[(at + 16 + ((segment.i32[(at >> 2) + 1] + 7) & ~7)) >> 2]
  }, 'first')
  const { u8, i16, u16, i32, f32, f64, i64 } = rows
  const names = Object.fromEntries(
    Object.entries({ u8, i16, u16, i32, f32, f64, i64 }).map(([name, view]) => [name, cg.constant(view, name)]),
  )
  const views = { u8: names.u8, i16: names.i16, u16: names.u16, i32: names.i32, f32: names.f32, f64: names.f64, i64: names.i64 }
  const tableColumns = (miss: string): Value[] =>
    readAll(recordAccessor(cg, layout, views, p), layout.schema).map(value => (miss === 'false' ? value : orMissing(value, miss)))
  const residual = (): string =>
    spec.residual === null ? 'true' : compilePredicate(cg, spec.residual, valuesAccessor([...columns, ...tableColumns('false')]), c.compile)
  const step = `${p} = ${q} << 3; ${q} = ${views.i32}[(${p} >> 2) - 3]`

  switch (spec.type) {
    case 'leftSemi':
    case 'leftAnti': {
      const found = cg.fresh('found')
      cg.line(`let ${found} = false`)
      cg.open(`for (let ${q} = ${first}(${handle}), ${p} = 0; ${q} !== 0; ) {`)
      cg.line(step)
      cg.line(`if (${residual()}) { ${found} = true; break }`)
      cg.close()
      cg.line(`if (${spec.type === 'leftSemi' ? '!' : ''}${found}) ${skip}`)
      next(valuesAccessor(columns), skip)
      return
    }
    case 'inner':
      cg.open(`for (let ${q} = ${first}(${handle}), ${p} = 0; ${q} !== 0; ) {`)
      cg.line(step)
      if (spec.residual !== null) cg.line(`if (!(${residual()})) continue`)
      next(valuesAccessor([...columns, ...tableColumns('false')]), 'continue')
      cg.close()
      return
    case 'leftOuter': {
      const [any, miss] = [cg.fresh('any'), cg.fresh('miss')]
      cg.open(`for (let ${q} = ${first}(${handle}), ${p} = 0, ${any} = false, ${miss} = false; ; ) {`)
      cg.line(`if (${q} !== 0) { ${step} } else { if (${any}) break; ${any} = true; ${miss} = true; ${p} = ${table.missing} }`)
      if (spec.residual !== null) {
        cg.open(`if (!${miss}) {`)
        cg.line(`if (!(${residual()})) continue`)
        cg.close()
      }
      cg.line(`${any} = true`)
      next(valuesAccessor([...columns, ...tableColumns(miss)]), 'continue')
      cg.close()
      return
    }
    default:
      spec.type satisfies never
  }
}

const orMissing = (value: Value, miss: string): Value => ({
  ...value,
  isNull: value.isNull === 'false' ? miss : `(${miss} || ${value.isNull})`,
})
