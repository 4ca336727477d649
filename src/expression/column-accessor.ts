import type { BatchColumn, ColumnBatch } from '../record/column-batch.ts'
import type { ColumnShape, Leaf } from '../record/row-layout.ts'
import { cachedAccessor } from './cached-accessor.ts'
import type { CodeBuilder } from './code-builder.ts'
import type { RowAccessor, Value } from './value.ts'

/** Reads the columns of one row of a batch in place: what nobody asks for costs nothing. `at` names the row's number in the batch. */
export const columnAccessor = (cg: CodeBuilder, batch: ColumnBatch, at: string): RowAccessor => {
  const nullTest = (nulls: Uint8Array | null, outerNull: string): string => {
    if (nulls === null) return outerNull
    const isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${outerNull === 'false' ? '' : `${outerNull} || `}${cg.constant(nulls, 'n')}[${at}] !== 0`)
    return isNull
  }
  const readLeaf = (leaf: Leaf, outerNull: string): Value => {
    const { type } = leaf
    if (type.kind === 'null') return { form: 'scalar', type, isNull: 'true', code: '0' }
    const column = batch.column(leaf.index)
    const isNull = nullTest(column.nulls, outerNull)
    if (column.kind === 'bytes') {
      const [page, offset, length] = [cg.fresh('page'), cg.fresh('o'), cg.fresh('l')]
      cg.line(`const ${page} = ${cg.constant(column)}.page, ${offset} = ${cg.constant(column.offsets, 'c')}[${at}]`)
      cg.line(`const ${length} = ${isNull === 'false' ? '' : `${isNull} ? 0 : `}${cg.constant(column.lengths, 'c')}[${at}]`)
      return { form: 'bytes', type, isNull, buffer: page, offset, length }
    }
    const code = cg.fresh('v')
    cg.line(`const ${code} = ${scalarRead(cg, leaf, column, at)}`)
    return { form: 'scalar', type, isNull, code }
  }
  const readShape = (shape: ColumnShape, outerNull: string): Value => {
    if (shape.kind === 'leaf') return readLeaf(shape.leaf, outerNull)
    const isNull = shape.presence === null ? outerNull : nullTest(batch.column(shape.presence.index).nulls, outerNull)
    return { form: 'struct', type: shape.type, isNull, fields: shape.fields.map(field => readShape(field, isNull)) }
  }
  return cachedAccessor(cg, ordinal => readShape(batch.layout.columns[ordinal], 'false'))
}

const scalarRead = (cg: CodeBuilder, { type }: Leaf, column: Exclude<BatchColumn, { kind: 'bytes' }>, at: string): string => {
  const values = cg.constant(column.values, 'c')
  if (type.kind === 'boolean') return `${values}[${at}] !== 0`
  if (type.kind === 'decimal' && type.precision > 18) return `(${values}[2 * ${at} + 1] << 64n) | BigInt.asUintN(64, ${values}[2 * ${at}])`
  return `${values}[${at}]`
}
