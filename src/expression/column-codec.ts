import type { ColumnBatch } from '../record/column-batch.ts'
import { isVariable } from '../record/row-layout.ts'
import { CodeBuilder } from './code-builder.ts'
import { columnAccessor } from './column-accessor.ts'
import { asBytes, scalarCode } from './convert.ts'
import { objectAccessor } from './object-accessor.ts'
import type { UserRow } from './object-codec.ts'
import { emitObject } from './object-emitter.ts'
import { checkNulls, leavesOfRow } from './record-emitter.ts'
import type { Value } from './value.ts'

/** A function that checks a row object and puts it into a batch as row `at`. Throws VALUE_TYPE_MISMATCH and NULL_IN_NON_NULLABLE. */
export const objectToColumns = (batch: ColumnBatch): ((row: UserRow, at: number) => void) => {
  const { schema } = batch.layout
  const cg = new CodeBuilder()
  const row = objectAccessor(cg, schema, 'row')
  const values = schema.fields.map((_, i) => row.column(i))
  emitColumns(cg, batch, values, 'at')
  return cg.build('writeColumns', ['row', 'at']).call as (row: UserRow, at: number) => void
}

/** A function that makes an object of row `at` of a batch. */
export const columnsToObject = (batch: ColumnBatch): ((at: number) => UserRow) => {
  const { schema } = batch.layout
  const cg = new CodeBuilder()
  const row = columnAccessor(cg, batch, 'at')
  cg.line(`return ${emitObject(cg, schema, row)}`)
  return cg.build('readColumns', ['at']).call as (at: number) => UserRow
}

const emitColumns = (cg: CodeBuilder, batch: ColumnBatch, values: readonly Value[], at: string): void => {
  const leaves = leavesOfRow(batch.layout, values)
  checkNulls(cg, leaves)
  for (const { leaf, value } of leaves) {
    const column = batch.column(leaf.index)
    if (column.nulls !== null) cg.line(`${cg.constant(column.nulls, 'n')}[${at}] = ${value.isNull} ? 1 : 0`)
    if (leaf.type.kind === 'null') continue
    if (isVariable(leaf.type)) {
      const { buffer, offset, length } = asBytes(cg, value)
      cg.line(`${cg.constant(column)}.copy(${at}, ${buffer}, ${offset}, ${length})`)
    } else if (column.kind !== 'bytes') {
      const target = cg.constant(column.values, 'c')
      const code = scalarCode(value)
      if (leaf.type.kind === 'boolean') cg.line(`${target}[${at}] = ${code} ? 1 : 0`)
      else if (leaf.type.kind !== 'decimal' || leaf.type.precision <= 18) cg.line(`${target}[${at}] = ${code}`)
      else cg.line(`${target}[2 * ${at}] = BigInt.asIntN(64, ${code}); ${target}[2 * ${at} + 1] = BigInt.asIntN(64, ${code} >> 64n)`)
    }
  }
}
