import type { DataType } from '../record/data-type.ts'
import { type ColumnShape, isVariable, type Leaf, type RowLayout } from '../record/row-layout.ts'
import { cachedAccessor } from './cached-accessor.ts'
import type { CodeBuilder } from './code-builder.ts'
import type { RowAccessor, Value } from './value.ts'

/** The names of a buffer's views in generated code. */
export interface ViewNames {
  readonly u8: string
  readonly i16: string
  readonly u16: string
  readonly i32: string
  readonly f32: string
  readonly f64: string
  readonly i64: string
}

/** Views in locals of their own names. */
export const VIEW_NAMES: ViewNames = { u8: 'u8', i16: 'i16', u16: 'u16', i32: 'i32', f32: 'f32', f64: 'f64', i64: 'i64' }

/** Reads the columns of a record in place. `p` names the payload's byte offset. */
export const recordAccessor = (cg: CodeBuilder, layout: RowLayout, views: ViewNames, p: string): RowAccessor => {
  const vtable = cg.fresh('vt')
  if (layout.leaves.some(leaf => leaf.nullable)) cg.line(`const ${vtable} = ${p} - ${views.i32}[${p} >> 2]`)
  const nullTest = (leaf: Leaf): string => {
    if (!leaf.nullable) return 'false'
    const isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${views.u16}[(${vtable} + ${4 + 2 * leaf.index}) >> 1] === 0`)
    return isNull
  }
  const readLeaf = (leaf: Leaf): Value => {
    const { type } = leaf
    const isNull = nullTest(leaf)
    if (isVariable(type)) {
      const [offset, length] = [cg.fresh('o'), cg.fresh('l')]
      cg.line(`const ${offset} = ${p} + ${leaf.offset + 4} + ${views.i32}[(${p} + ${leaf.offset}) >> 2]`)
      cg.line(`const ${length} = ${isNull === 'false' ? '' : `${isNull} ? 0 : `}${views.i32}[(${offset} >> 2) - 1]`)
      return { form: 'bytes', type, isNull, buffer: views.u8, offset, length, words: views.i32 }
    }
    const code = cg.fresh('v')
    cg.line(`const ${code} = ${scalarRead(type, views, p, leaf.offset)}`)
    return { form: 'scalar', type, isNull, code }
  }
  const readShape = (shape: ColumnShape): Value => {
    if (shape.kind === 'leaf') return readLeaf(shape.leaf)
    const isNull = shape.presence === null ? 'false' : nullTest(shape.presence)
    return { form: 'struct', type: shape.type, isNull, fields: shape.fields.map(readShape) }
  }
  return cachedAccessor(cg, ordinal => readShape(layout.columns[ordinal]))
}

const scalarRead = (type: DataType, views: ViewNames, p: string, offset: number): string => {
  const at = `(${p} + ${offset})`
  switch (type.kind) {
    case 'null':
      return '0'
    case 'boolean':
      return `${views.u8}[${at}] !== 0`
    case 'byte':
      return `${views.u8}[${at}] << 24 >> 24`
    case 'short':
      return `${views.i16}[${at} >> 1]`
    case 'integer':
    case 'date':
      return `${views.i32}[${at} >> 2]`
    case 'float':
      return `${views.f32}[${at} >> 2]`
    case 'double':
      return `${views.f64}[${at} >> 3]`
    case 'long':
      return `${views.i64}[${at} >> 3]`
    case 'timestamp':
      return `${views.i32}[(${at} >> 2) + 1] * 4294967296 + (${views.i32}[${at} >> 2] >>> 0)`
    case 'decimal':
      return type.precision > 18
        ? `(${views.i64}[(${at} >> 3) + 1] << 64n) | BigInt.asUintN(64, ${views.i64}[${at} >> 3])`
        : `${views.i64}[${at} >> 3]`
    default:
      throw new Error(`no scalar of type ${type.kind}`)
  }
}
