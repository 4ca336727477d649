import { CodeBuilder } from '../../../src/expression/code-builder.ts'
import { columnAccessor } from '../../../src/expression/column-accessor.ts'
import { objectToColumns } from '../../../src/expression/column-codec.ts'
import { type CompileContext, compileExpression } from '../../../src/expression/compile.ts'
import type { Bound, Expression } from '../../../src/expression/expression.ts'
import { objectAccessor } from '../../../src/expression/object-accessor.ts'
import { objectWriter, type UserRow } from '../../../src/expression/object-codec.ts'
import { recordAccessor, VIEW_NAMES } from '../../../src/expression/record-accessor.ts'
import { resolveExpression } from '../../../src/expression/resolve.ts'
import type { SplitLimits } from '../../../src/expression/split-function.ts'
import type { Value } from '../../../src/expression/value.ts'
import { ChainState } from '../../../src/operator/chain-state.ts'
import { makeContext } from '../../../src/operator/compile-context.ts'
import { emitExpandWindow } from '../../../src/operator/window.ts'
import { ColumnBatch } from '../../../src/record/column-batch.ts'
import { field, type StructType, structType, windowType } from '../../../src/record/data-type.ts'
import { RecordBuffer } from '../../../src/record/record-buffer.ts'
import { RowLayout } from '../../../src/record/row-layout.ts'
import { call, col } from '../../support/plans.ts'
import { goldenValue } from './golden-file.ts'

/** Computes one expression as the engine does, by a generated function; the answers in the form of a golden file. */

const NOW = 1_700_000_000_000_000

const newContext = (cg: CodeBuilder): CompileContext => makeContext(cg, new ChainState(0, () => NOW))

/** Over plain objects. */
export const overObjects = (bound: Bound, schema: StructType): ((row: UserRow) => unknown) => {
  const cg = new CodeBuilder()
  const value = compileExpression(cg, bound, objectAccessor(cg, schema, 'row'), newContext(cg))
  cg.line(`return ${takeOut(cg, value)}`)
  const compute = cg.build('overObject', ['row']).call as (row: UserRow) => unknown
  return row => goldenValue(compute(row), bound.type)
}

/** Over records: the row is encoded first. `limits`: from what size on the code is cut in parts. */
export const overRecords = (bound: Bound, schema: StructType, limits?: SplitLimits): ((row: UserRow) => unknown) => {
  const layout = RowLayout.of(schema)
  const write = objectWriter(schema)
  const cg = new CodeBuilder(limits)
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const value = compileExpression(cg, bound, recordAccessor(cg, layout, VIEW_NAMES, 'p'), newContext(cg))
  cg.line(`return ${takeOut(cg, value)}`)
  const compute = cg.build('overRecord', ['views', 'p']).call as (views: RecordBuffer, p: number) => unknown
  return row => {
    const buffer = new RecordBuffer(layout, 256)
    write(row, buffer)
    return goldenValue(compute(buffer, buffer.next()), bound.type)
  }
}

/** Over columns: the row is put into the last place of a batch, behind another of itself. */
export const overColumns = (bound: Bound, schema: StructType, limits?: SplitLimits): ((row: UserRow) => unknown) => {
  const batch = new ColumnBatch(RowLayout.of(schema), 2)
  const write = objectToColumns(batch)
  const cg = new CodeBuilder(limits)
  const value = compileExpression(cg, bound, columnAccessor(cg, batch, 'at'), newContext(cg))
  cg.line(`return ${takeOut(cg, value)}`)
  const compute = cg.build('overColumns', ['at']).call as (at: number) => unknown
  return row => {
    batch.clear()
    write(row, 0)
    write(row, 1)
    return goldenValue(compute(1), bound.type)
  }
}

/** JS that gives the value as the engine holds it: bytes are copied, strings decoded, a struct is the list of its fields. */
const takeOut = (cg: CodeBuilder, value: Value): string => {
  const orNull = (code: string): string => (value.isNull === 'false' ? code : `(${value.isNull} ? null : ${code})`)
  switch (value.form) {
    case 'scalar':
    case 'text':
      return orNull(value.code)
    case 'struct':
      return orNull(`[${value.fields.map(f => takeOut(cg, f)).join(', ')}]`)
    case 'bytes': {
      const copy = `${value.buffer}.slice(${value.offset}, ${value.offset} + ${value.length})`
      const decoder = cg.constant(new TextDecoder('utf-8', { ignoreBOM: true }))
      return orNull(value.type.kind === 'string' ? `${decoder}.decode(${copy})` : copy)
    }
  }
}

type WindowExpression = Extract<Expression, { kind: 'window' }>

/** The windows of a row, first one first. */
export const windowsOf = (window: WindowExpression, schema: StructType): ((row: UserRow) => unknown) => {
  const compute = overWindows(window, schema, col('window'))
  return row => (compute(row) as [number, number][]).map(([start, end]) => ({ start, end }))
}

/** The times of those windows. */
export const windowTimesOf = (window: WindowExpression, schema: StructType): ((row: UserRow) => unknown) =>
  overWindows(window, schema, call('windowTime', col('window')))

/** An expression over each window of a row, first one first. */
const overWindows = (window: WindowExpression, schema: StructType, of: Expression): ((row: UserRow) => unknown[]) => {
  const cg = new CodeBuilder()
  const state = new ChainState(0, () => NOW)
  const spec = { ...window, time: resolveExpression(window.time, schema) }
  cg.line('const found = []')
  cg.open('for (const row of [only]) {')
  const context = { cg, compile: newContext(cg), state, registers: cg.constant(state.registers) }
  const bound = resolveExpression(of, structType([...schema.fields, field('window', windowType)]))
  emitExpandWindow(context, spec, schema, objectAccessor(cg, schema, 'row'), 'continue', row => {
    cg.line(`found.push(${takeOut(cg, compileExpression(cg, bound, row, context.compile))})`)
  })
  cg.close()
  cg.line('return found.reverse()')
  return cg.build('windows', ['only']).call as (row: UserRow) => unknown[]
}
