import type { DataType } from '../record/data-type.ts'
import { type ColumnShape, isVariable, type Leaf, type RowLayout } from '../record/row-layout.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, type BytesValue, scalarCode } from './convert.ts'
import type { Value } from './value.ts'

const copyThreshold = 48

/** A loop for the short, the platform's copy for the long; the latter makes a view, some 100 bytes of garbage. */
const copyBytes = (source: Uint8Array, from: number, length: number, target: Uint8Array, to: number): void => {
  if (length > copyThreshold) target.set(from === 0 && length === source.length ? source : source.subarray(from, from + length), to)
  else for (let i = 0; i < length; i++) target[to + i] = source[from + i]
}

/**
 * Encodes one row straight into the output: its size, a claim, stores at constant offsets, a commit. `out` names something with `claim`, `commit`, the views
 * and `preambleOffset`; it never refuses, but its views may change with a claim.
 */
export const emitRecord = (cg: CodeBuilder, layout: RowLayout, values: readonly Value[], out: string, hash = '0'): void => {
  const leaves: { leaf: Leaf; value: Value }[] = []
  for (const [ordinal, shape] of layout.columns.entries()) flatten(shape, values[ordinal], 'false', leaves)
  const nullable = leaves.filter(({ value }) => value.isNull !== 'false')
  const end = cg.fresh('end')
  const hasNull = cg.fresh('hasNull')
  if (nullable.length > 0) cg.line(`const ${hasNull} = ${nullable.map(({ value }) => value.isNull).join(' || ')}`)
  const fixed = nullable.length > 0 ? `${hasNull} ? ${layout.fixedBytesWithVtable} : ${layout.fixedBytes}` : String(layout.fixedBytes)
  cg.line(`let ${end} = ${fixed}`)
  const strings = new Map<Leaf, { bytes: BytesValue; start: string }>()
  for (const { leaf, value } of leaves) {
    if (!isVariable(leaf.type)) continue
    const bytes = asBytes(cg, value)
    const start = cg.fresh('at')
    cg.line(`const ${start} = (${end} + 3) & -4`)
    const after = `${end} = ${start} + 5 + ${bytes.length}`
    cg.line(bytes.isNull === 'false' ? after : `if (!${bytes.isNull}) ${after}`)
    strings.set(leaf, { bytes, start })
  }
  const p = cg.fresh('w')
  const [u8, i16, u16, i32, f32, f64, i64] = ['u8', 'i16', 'u16', 'i32', 'f32', 'f64', 'i64'].map(name => cg.fresh(`w${name}`))
  cg.line(`const ${p} = ${out}.claim(${end})`)
  const used = new Set(leaves.map(({ leaf }) => leaf.type.kind))
  cg.line(`const ${u8} = ${out}.u8, ${i32} = ${out}.i32`)
  if (used.has('double')) cg.line(`const ${f64} = ${out}.f64`)
  if (used.has('float')) cg.line(`const ${f32} = ${out}.f32`)
  if (used.has('short')) cg.line(`const ${i16} = ${out}.i16`)
  if (used.has('long') || used.has('decimal')) cg.line(`const ${i64} = ${out}.i64`)
  for (const { leaf, value } of leaves) {
    const at = `${p} + ${leaf.offset}`
    const variable = strings.get(leaf)
    if (variable !== undefined) {
      const { bytes, start } = variable
      const guarded = bytes.isNull !== 'false'
      if (guarded) cg.open(`if (${bytes.isNull}) ${i32}[(${at}) >> 2] = 0; else {`)
      cg.line(`${i32}[(${at}) >> 2] = ${start} - ${leaf.offset}`)
      cg.line(`${i32}[(${p} + ${start}) >> 2] = ${bytes.length}`)
      cg.line(`${cg.constant(copyBytes)}(${bytes.buffer}, ${bytes.offset}, ${bytes.length}, ${u8}, ${p} + ${start} + 4)`)
      cg.line(`${u8}[${p} + ${start} + 4 + ${bytes.length}] = 0`)
      if (guarded) cg.close()
      continue
    }
    const code = leaf.presence ? 'true' : leaf.type.kind === 'null' ? '0' : scalarCode(value)
    cg.line(store(leaf.type, code, at, { u8, i16, i32, f32, f64, i64 }))
  }
  if (nullable.length === 0) {
    cg.line(`${i32}[${p} >> 2] = ${p} - ${out}.preambleOffset`)
  } else {
    cg.open(`if (${hasNull}) {`)
    const vtable = cg.fresh('vt')
    cg.line(`const ${vtable} = ${p} + ${layout.ownVtableOffset}, ${u16} = ${out}.u16`)
    cg.line(`${i32}[${p} >> 2] = ${-layout.ownVtableOffset}`)
    cg.line(`${cg.constant(writeVtable)}(${u8}, ${vtable}, ${cg.constant(layout.vtable)})`)
    for (const { leaf, value } of nullable) cg.line(`if (${value.isNull}) ${u16}[(${vtable} + ${4 + 2 * leaf.index}) >> 1] = 0`)
    cg.close('} else {')
    cg.line(`${i32}[${p} >> 2] = ${p} - ${out}.preambleOffset`)
    cg.close()
  }
  cg.line(`${out}.commit(1, ${end}, ${hash})`)
}

const writeVtable = (u8: Uint8Array, at: number, vtable: Uint8Array): void => {
  for (let i = 0; i < vtable.length; i++) u8[at + i] = vtable[i]
}

/** Pairs each leaf of a column with its value. A field of a null struct is null. */
const flatten = (shape: ColumnShape, value: Value, outerNull: string, leaves: { leaf: Leaf; value: Value }[]): void => {
  const isNull = either(outerNull, value.isNull)
  if (shape.kind === 'leaf') {
    leaves.push({ leaf: shape.leaf, value: { ...value, isNull } })
    return
  }
  if (value.form !== 'struct') throw new Error(`a ${value.form} for a struct column`)
  if (shape.presence !== null) leaves.push({ leaf: shape.presence, value: { form: 'scalar', type: shape.presence.type, isNull, code: 'true' } })
  for (const [i, fieldShape] of shape.fields.entries()) flatten(fieldShape, value.fields[i], isNull, leaves)
}

const either = (left: string, right: string): string => (left === 'false' ? right : right === 'false' ? left : `(${left} || ${right})`)

const store = (
  type: DataType,
  code: string,
  at: string,
  views: { u8: string; i16: string; i32: string; f32: string; f64: string; i64: string },
): string => {
  switch (type.kind) {
    case 'null':
    case 'byte':
      return `${views.u8}[${at}] = ${code}`
    case 'boolean':
      return `${views.u8}[${at}] = ${code} ? 1 : 0`
    case 'short':
      return `${views.i16}[(${at}) >> 1] = ${code}`
    case 'integer':
    case 'date':
      return `${views.i32}[(${at}) >> 2] = ${code}`
    case 'float':
      return `${views.f32}[(${at}) >> 2] = ${code}`
    case 'double':
      return `${views.f64}[(${at}) >> 3] = ${code}`
    case 'long':
      return `${views.i64}[(${at}) >> 3] = ${code}`
    case 'timestamp':
      // Two int32 words: a double to a bigint would be an allocation.
      return `${views.i32}[((${at}) >> 2) + 1] = Math.floor(${code} / 4294967296); ${views.i32}[(${at}) >> 2] = ${code} - Math.floor(${code} / 4294967296) * 4294967296 | 0`
    case 'decimal':
      return type.precision > 18
        ? `${views.i64}[(${at}) >> 3] = BigInt.asIntN(64, ${code}); ${views.i64}[((${at}) >> 3) + 1] = BigInt.asIntN(64, ${code} >> 64n)`
        : `${views.i64}[(${at}) >> 3] = ${code}`
    default:
      throw new Error(`no scalar of type ${type.kind}`)
  }
}
