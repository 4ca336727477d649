import type { DataType } from '../record/data-type.ts'
import { isVariable, type Leaf, type RowLayout } from '../record/row-layout.ts'
import { copyToWords, copyWords, encodeAscii, encodeUtf8, utf8Length } from '../record/strings.ts'
import { refuseNull } from '../record/user-value.ts'
import type { CodeBuilder } from './code-builder.ts'
import { type BytesValue, scalarCode } from './convert.ts'
import { type LeafValue, leafValues } from './leaf-values.ts'
import type { Value } from './value.ts'

const NULL_TESTS_MOST = 32

type RowLeaf = LeafValue<Leaf>

/** A string or binary of the row: where it begins in the record, and how long it is. */
interface Variable {
  readonly leaf: Leaf
  readonly value: BytesValue | Extract<Value, { form: 'text' }>
  readonly start: string
  readonly length: string
}

/**
 * Encodes one row straight into the output: its size, a claim, stores at constant offsets, a commit. `out` names something with `claim`,
 * `commit`, the views and `preambleOffset`; it never refuses, but its views may change with a claim. `hash` goes into the frame's header.
 */
export const emitRecord = (cg: CodeBuilder, layout: RowLayout, values: readonly Value[], out: string, hash = '0'): void => {
  const leaves = leavesOfRow(layout, values)
  const nullTests = [...new Set(leaves.filter(({ value }) => value.isNull !== 'false').map(({ value }) => value.isNull))]
  checkNulls(cg, leaves)
  const hasNull = cg.fresh('hasNull')
  // A few at a time: what is one statement stays in one function, however large.
  for (let i = 0; i < nullTests.length; i += NULL_TESTS_MOST) {
    const tests = nullTests.slice(i, i + NULL_TESTS_MOST).join(' || ')
    cg.line(i === 0 ? `let ${hasNull} = ${tests}` : `${hasNull} = ${hasNull} || ${tests}`)
  }
  const fixed = nullTests.length > 0 ? `${hasNull} ? ${layout.fixedBytesWithVtable} : ${layout.fixedBytes}` : String(layout.fixedBytes)
  const variables = leaves.flatMap(leafValue => variableOf(cg, leafValue))
  cg.holds('boolean', hasNull)
  for (const { value } of leaves) cg.note(value)
  for (const { start, length } of variables) cg.holds('number', start, length)
  const texts = variables.filter(({ value }) => value.form === 'text')
  const [end, p, u8] = [cg.fresh('end'), cg.fresh('w'), cg.fresh('wu8')]
  for (const { value, length } of texts) if (value.form === 'text') cg.line(`let ${length} = ${value.code}.length`)
  for (const { start } of variables) cg.line(`let ${start} = 0`)
  cg.line(`let ${end} = ${fixed}`)
  emitStarts(cg, variables, end)
  cg.line(`let ${p} = ${out}.claim(${end}${texts.length > 0 ? ' + 4' : ''}), ${u8} = ${out}.u8`)
  if (texts.length > 0) emitTexts(cg, variables, texts, { fixed, end, p, u8, out })
  const views = loadViews(cg, leaves, out)
  emitVariables(cg, variables, { p, u8, i32: views.i32 })
  for (const { leaf, value } of leaves) {
    if (isVariable(leaf.type)) continue
    const code = leaf.presence ? 'true' : leaf.type.kind === 'null' ? '0' : scalarCode(value)
    cg.line(store(leaf.type, code, `${p} + ${leaf.offset}`, { ...views, u8 }))
  }
  const shared = `${views.i32}[${p} >> 2] = ${p} - ${out}.preambleOffset`
  if (nullTests.length === 0) {
    cg.line(shared)
  } else {
    const [vtable, u16] = [cg.fresh('vt'), cg.fresh('wu16')]
    cg.open(`if (${hasNull}) {`)
    cg.line(`const ${vtable} = ${p} + ${layout.ownVtableOffset}, ${u16} = ${out}.u16`)
    cg.line(`${views.i32}[${p} >> 2] = ${-layout.ownVtableOffset}`)
    cg.line(`${cg.constant(writeVtable)}(${views.i32}, ${vtable} >> 2, ${cg.constant(layout.vtableWords)})`)
    for (const { leaf, value } of leaves) {
      if (value.isNull !== 'false') cg.line(`if (${value.isNull}) ${u16}[(${vtable} + ${4 + 2 * leaf.index}) >> 1] = 0`)
    }
    cg.close('} else {')
    cg.line(shared)
    cg.close()
  }
  cg.line(`${out}.commit(1, ${end}, ${hash})`)
}

/** Readers of a non-nullable column never test it, so a null must not get that far. */
export const checkNulls = (cg: CodeBuilder, leaves: readonly RowLeaf[]): void => {
  for (const { leaf, value } of leaves) {
    if (leaf.nullable || value.isNull === 'false') continue
    cg.line(`if (${value.isNull}) ${cg.constant(refuseNull)}(${JSON.stringify(leaf.path.join('.'))})`)
  }
}

const variableOf = (cg: CodeBuilder, { leaf, value }: RowLeaf): Variable[] => {
  if (!isVariable(leaf.type)) return []
  if (value.form === 'text') return [{ leaf, value, start: cg.fresh('at'), length: cg.fresh('len') }]
  if (value.form === 'bytes') return [{ leaf, value, start: cg.fresh('at'), length: value.length }]
  throw new Error(`a ${value.form} of type ${value.type.kind} is no string`)
}

/** Each string stands at a multiple of 4 behind the one before: its length, its bytes, a zero. Nulls take nothing. */
const emitStarts = (cg: CodeBuilder, variables: readonly Variable[], end: string): void => {
  for (const { value, start, length } of variables) {
    const next = `${start} = (${end} + 3) & -4; ${end} = ${start} + 5 + ${length}`
    cg.line(value.isNull === 'false' ? next : `if (!${value.isNull}) { ${next} }`)
  }
}

/**
 * JS strings are taken for ASCII and encoded into place at once. If one is not, the row is measured and claimed anew; a claim that is not
 * committed is forgotten by the next.
 */
const emitTexts = (
  cg: CodeBuilder,
  variables: readonly Variable[],
  texts: readonly Variable[],
  names: { fixed: string; end: string; p: string; u8: string; out: string },
): void => {
  const { fixed, end, p, u8, out } = names
  const encode = (fn: unknown, { value, start }: Variable): string =>
    value.form === 'text' ? `${cg.constant(fn)}(${value.code}, ${u8}, ${p} + ${start} + 4)` : ''
  cg.open(`if (${texts.map(text => `${encode(encodeAscii, text)} < 0`).join(' || ')}) {`)
  for (const { value, length } of texts) if (value.form === 'text') cg.line(`${length} = ${cg.constant(utf8Length)}(${value.code})`)
  cg.line(`${end} = ${fixed}`)
  emitStarts(cg, variables, end)
  cg.line(`${p} = ${out}.claim(${end}); ${u8} = ${out}.u8`)
  for (const text of texts) cg.line(encode(encodeUtf8, text))
  cg.close()
}

const emitVariables = (cg: CodeBuilder, variables: readonly Variable[], names: { p: string; u8: string; i32: string }): void => {
  const { p, u8, i32 } = names
  for (const { leaf, value, start, length } of variables) {
    const slot = `${i32}[(${p} + ${leaf.offset}) >> 2]`
    const guarded = value.isNull !== 'false'
    if (guarded) cg.open(`if (${value.isNull}) ${slot} = 0; else {`)
    cg.line(`${slot} = ${start} - ${leaf.offset}; ${i32}[(${p} + ${start}) >> 2] = ${length}`)
    if (value.form === 'bytes') {
      const to = `${p} + ${start} + 4`
      if (value.words === undefined)
        cg.line(`${cg.constant(copyToWords)}(${value.buffer}, ${value.offset}, ${length}, ${u8}, ${i32}, ${to})`)
      else cg.line(`${cg.constant(copyWords)}(${value.buffer}, ${value.words}, ${value.offset}, ${length}, ${u8}, ${i32}, ${to})`)
    }
    cg.line(`${u8}[${p} + ${start} + 4 + ${length}] = 0`)
    if (guarded) cg.close()
  }
}

interface StoreViews {
  readonly i16: string
  readonly i32: string
  readonly f32: string
  readonly f64: string
  readonly i64: string
}

/** The views that the row needs, read after the claim, which may have replaced them. */
const loadViews = (cg: CodeBuilder, leaves: readonly RowLeaf[], out: string): StoreViews => {
  const used = new Set(leaves.map(({ leaf }) => leaf.type.kind))
  const load = (view: string, needed: boolean): string => {
    const name = cg.fresh(`w${view}`)
    if (needed) cg.line(`const ${name} = ${out}.${view}`)
    return name
  }
  return {
    i16: load('i16', used.has('short')),
    i32: load('i32', true),
    f32: load('f32', used.has('float')),
    f64: load('f64', used.has('double')),
    i64: load('i64', used.has('long') || used.has('decimal')),
  }
}

const writeVtable = (i32: Int32Array, at: number, vtable: Int32Array): void => {
  for (let i = 0; i < vtable.length; i++) i32[at + i] = vtable[i]
}

/** The leaves of a row with their values. */
export const leavesOfRow = (layout: RowLayout, values: readonly Value[]): readonly RowLeaf[] => leafValues(layout.columns, values)

const store = (type: DataType, code: string, at: string, views: StoreViews & { readonly u8: string }): string => {
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
      // Two int32 words: a bigint made of a double would be an allocation. A store takes an integer modulo 2^32.
      return `${views.i32}[(${at}) >> 2] = ${code}; ${views.i32}[((${at}) >> 2) + 1] = Math.floor(${code} / 4294967296)`
    case 'decimal':
      return type.precision > 18
        ? `${views.i64}[(${at}) >> 3] = BigInt.asIntN(64, ${code}); ${views.i64}[((${at}) >> 3) + 1] = BigInt.asIntN(64, ${code} >> 64n)`
        : `${views.i64}[(${at}) >> 3] = ${code}`
    default:
      throw new Error(`no scalar of type ${type.kind}`)
  }
}
