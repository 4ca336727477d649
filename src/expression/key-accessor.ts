import { cachedAccessor } from './cached-accessor.ts'
import type { CodeBuilder } from './code-builder.ts'
import { isBytes, type KeyColumn, type KeyLeaf, type KeyShape, layoutKey } from './key-layout.ts'
import type { RowAccessor, Value } from './value.ts'

/** Reads key columns back from canonical key bytes, in place. `p` is an expression for the key's byte offset, a multiple of 8. */
export const keyAccessor = (
  cg: CodeBuilder,
  columns: readonly KeyColumn[],
  views: { readonly u8: string; readonly i32: string; readonly f64: string; readonly i64: string },
  p: string,
): RowAccessor => {
  const layout = layoutKey(columns)
  const at = cg.fresh('k')
  cg.line(`const ${at} = ${p}`)
  const nullTest = (leaf: KeyLeaf): string => {
    if (!leaf.nullable) return 'false'
    const isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = (${views.i32}[(${at} >> 2) + ${leaf.bit >> 5}] & ${1 << (leaf.bit & 31)}) !== 0`)
    return isNull
  }
  const readLeaf = (leaf: KeyLeaf): Value => {
    const isNull = nullTest(leaf)
    const { type } = leaf
    const i32 = `${views.i32}[(${at} + ${leaf.offset}) >> 2]`
    if (isBytes(type)) {
      const [offset, length] = [cg.fresh('o'), cg.fresh('l')]
      cg.line(`const ${offset} = ${at} + ${i32}, ${length} = ${views.i32}[((${at} + ${leaf.offset}) >> 2) + 1]`)
      return { form: 'bytes', type, isNull, buffer: views.u8, offset, length }
    }
    const code = cg.fresh('v')
    const i64 = `${views.i64}[(${at} + ${leaf.offset}) >> 3]`
    const read = (): string => {
      switch (type.kind) {
        case 'null':
          return '0'
        case 'boolean':
          return `${i32} !== 0`
        case 'byte':
        case 'short':
        case 'integer':
        case 'date':
          return i32
        case 'long':
          return i64
        case 'decimal':
          return type.precision > 18 ? `(${views.i64}[((${at} + ${leaf.offset}) >> 3) + 1] << 64n) | BigInt.asUintN(64, ${i64})` : i64
        default:
          return `${views.f64}[(${at} + ${leaf.offset}) >> 3]`
      }
    }
    cg.line(`const ${code} = ${read()}`)
    return { form: 'scalar', type, isNull, code }
  }
  const readShape = (shape: KeyShape): Value => {
    if (shape.kind === 'leaf') return readLeaf(shape.leaf)
    const isNull = shape.presence === null ? 'false' : nullTest(shape.presence)
    return { form: 'struct', type: shape.type, isNull, fields: shape.fields.map(readShape) }
  }
  return cachedAccessor(cg, ordinal => readShape(layout.columns[ordinal]))
}
