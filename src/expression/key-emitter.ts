import type { DataType } from '../record/data-type.ts'
import { copyBytes, copyWords, encodeUtf8 } from '../record/strings.ts'
import type { CodeBuilder } from './code-builder.ts'
import { scalarCode } from './convert.ts'
import { isBytes, type KeyColumn, type KeyLayout, type KeyLeaf, layoutKey } from './key-layout.ts'
import { type LeafValue, leafValues } from './leaf-values.ts'
import type { Value } from './value.ts'

/** Up to here a loop is faster than a call into the platform. */
const SHORT_TEXT = 32

/** Memory that keys are composed in; one per place in the code. */
class KeyScratch {
  u8: Uint8Array
  i32: Int32Array
  f64: Float64Array
  i64: BigInt64Array
  /** Where `composeText` ended. */
  textEnd = 0

  constructor(bytes: number) {
    const buffer = new ArrayBuffer(Math.max(8, (bytes + 7) & ~7))
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.f64 = new Float64Array(buffer)
    this.i64 = new BigInt64Array(buffer)
  }

  reserve(bytes: number): void {
    if (bytes <= this.u8.length) return
    const next = new KeyScratch(2 * bytes)
    this.u8 = next.u8
    this.i32 = next.i32
    this.f64 = next.f64
    this.i64 = next.i64
  }

  /** Copies a string behind the slots. Returns the end. */
  append(source: Uint8Array, offset: number, length: number, at: number): number {
    copyBytes(source, offset, length, this.u8, at)
    return at + length
  }

  /** The same from a place at a multiple of 4. What it writes behind the end is overwritten by what follows, or by `pad`. */
  appendWords(source: Uint8Array, words: Int32Array, offset: number, length: number, at: number): number {
    if ((at & 3) === 0) copyWords(source, words, offset, length, this.u8, this.i32, at)
    else copyBytes(source, offset, length, this.u8, at)
    return at + length
  }

  /** The same for a JS string. */
  appendText(text: string, at: number): number {
    return at + encodeUtf8(text, this.u8, at)
  }

  /** Zeros up to the next multiple of 8; returns it. */
  pad(end: number): number {
    let at = end
    while ((at & 7) !== 0) this.u8[at++] = 0
    return at
  }

  hash(length: number): number {
    return hashWords(this.i32, length >> 2)
  }

  /**
   * The whole of a key that is one string, in one pass: each word is hashed as it is written. Returns the hash; the length is in `textEnd`.
   * `slot`: 0, or 8 behind null bits.
   */
  composeText(text: string, isNull: boolean, slot: 0 | 8): number {
    const { length } = text
    if (isNull || length > SHORT_TEXT) return this.#composeOther(text, isNull, slot)
    const { i32 } = this
    let at = slot >> 2
    let h = 0
    if (slot > 0) {
      i32[0] = i32[1] = 0
      h = NO_NULLS_HASH
    }
    i32[at] = slot + 8
    i32[at + 1] = length
    h = mixWord(mixWord(h, slot + 8), length)
    at += 2
    let units = 0
    let i = 0
    for (; i + 4 <= length; i += 4) {
      const a = text.charCodeAt(i)
      const b = text.charCodeAt(i + 1)
      const c = text.charCodeAt(i + 2)
      const d = text.charCodeAt(i + 3)
      units |= a | b | c | d
      const word = a | (b << 8) | (c << 16) | (d << 24)
      i32[at++] = word
      h = mixWord(h, word)
    }
    if (i < length) {
      let word = 0
      for (let shift = 0; i < length; i++, shift += 8) {
        const unit = text.charCodeAt(i)
        units |= unit
        word |= unit << shift
      }
      i32[at++] = word
      h = mixWord(h, word)
    }
    if (units >= 0x80) return this.#composeOther(text, false, slot)
    if ((at & 1) !== 0) {
      i32[at++] = 0
      h = mixWord(h, 0)
    }
    this.textEnd = at << 2
    return finishHash(h, at)
  }

  /** The same for null, and for strings that are long or not ASCII. */
  #composeOther(text: string, isNull: boolean, slot: number): number {
    const from = slot + 8
    this.reserve(from + 8 + 3 * text.length)
    const at = slot >> 2
    if (slot > 0) {
      this.i32[0] = isNull ? 1 : 0
      this.i32[1] = 0
    }
    const end = isNull ? from : this.appendText(text, from)
    this.i32[at] = isNull ? 0 : from
    this.i32[at + 1] = end - from
    this.textEnd = this.pad(end)
    return this.hash(this.textEnd)
  }
}

const mixWord = (hash: number, word: number): number => {
  const k = Math.imul(word, 0xcc9e2d51)
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** MurmurHash3 over int32 words. The same everywhere and always: hashes are kept in checkpoints. */
export const hashWords = (words: Int32Array, count: number): number => {
  let h = 0
  for (let i = 0; i < count; i++) h = mixWord(h, words[i])
  return finishHash(h, count)
}

const finishHash = (hash: number, count: number): number => {
  let h = hash ^ (count << 2)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const NO_NULLS_HASH = mixWord(mixWord(0, 0), 0)

/** Where a key is found. `fixedBytes` is its length when that is known; `length` says it always. */
interface KeyPlace {
  /** The scratch object: `.u8`, `.i32`. */
  readonly views: string
  readonly buffer: string
  readonly length: string
  readonly fixedBytes: number | null
  /** The key's int32 words, where its length is known. */
  readonly words: readonly string[]
  /** Those of them that tell keys apart: the others follow from them. */
  readonly telling: readonly number[]
}

/** A key whose bytes and hash are there. */
export interface KeyCode extends KeyPlace {
  readonly hash: string
}

/** A key of which only the words are there, if its length is known. The rest may be emitted in a block that is seldom entered. */
export interface KeyInWords extends KeyPlace {
  /** Completes the bytes. */
  emitBytes(): void
  /** Computes the hash. Returns its name, which is good in the block at hand. */
  emitHash(): string
}

/** Composes the canonical bytes of a key and its hash. `columns` must be the same for all code that shares an index. */
export const emitKey = (cg: CodeBuilder, values: readonly Value[], columns: readonly KeyColumn[]): KeyCode => {
  const key = emitKeyWords(cg, values, columns)
  key.emitBytes()
  return { ...key, hash: key.emitHash() }
}

/** The bytes alone, of values that are read back and never searched for: −0 stays what it is, and there is no hash. */
export const emitKeyBytes = (cg: CodeBuilder, values: readonly Value[], columns: readonly KeyColumn[]): KeyPlace => {
  const key = emitKeyWords(cg, values, columns, false)
  key.emitBytes()
  return key
}

/** The same as `emitKey`, but only what is needed in order to compare the key with another one. */
export const emitKeyWords = (cg: CodeBuilder, values: readonly Value[], columns: readonly KeyColumn[], isSearched = true): KeyInWords => {
  const layout = layoutKey(columns)
  const scratch = new KeyScratch(layout.fixedBytes + SHORT_TEXT)
  const k = cg.constant(scratch, 'key')
  const leaves = leafValues(layout.columns, values)
  const strings = leaves.filter(({ leaf }) => isBytes(leaf.type))
  const place = { views: k, buffer: `${k}.u8` }
  const only = isSearched && leaves.length === 1 ? leaves[0].value : null
  if (only?.form === 'text') {
    const [length, hash] = [cg.fresh('klen'), cg.fresh('hash')]
    cg.line(`const ${hash} = ${k}.composeText(${only.code}, ${only.isNull}, ${layout.nullWords === 0 ? 0 : 8}), ${length} = ${k}.textEnd`)
    return { ...place, length, fixedBytes: null, words: [], telling: [], emitBytes: () => {}, emitHash: () => hash }
  }
  const end = cg.fresh('end')
  if (strings.length > 0) {
    cg.line(`let ${end} = ${layout.fixedBytes}`)
    cg.line(`${k}.reserve(${layout.fixedBytes + 8} + ${strings.map(({ value }) => roomFor(value)).join(' + ')})`)
  }
  const [i32, f64, i64] = [cg.fresh('ki'), cg.fresh('kf'), cg.fresh('kl')]
  cg.line(`const ${i32} = ${k}.i32, ${f64} = ${k}.f64, ${i64} = ${k}.i64`)
  const direct = strings.length > 0 ? [] : wordsOf(leaves, layout)
  if (strings.length > 0) {
    for (let word = 0; word < layout.nullWords; word++) cg.line(`${i32}[${word}] = ${nullBits(leaves, word)}`)
  }
  for (const { leaf, value } of leaves) {
    if (isBytes(leaf.type) || direct[leaf.offset >> 2] !== undefined) continue
    const guarded = value.isNull !== 'false'
    const at = leaf.offset
    const wide = leaf.type.kind === 'decimal' && leaf.type.precision > 18
    const zero = `${i64}[${at >> 3}] = 0n${wide ? `, ${i64}[${(at >> 3) + 1}] = 0n` : ''}`
    if (guarded) cg.open(`if (${value.isNull}) ${zero}; else {`)
    emitSlot(cg, leaf, value, at, { i32, f64, i64 }, isSearched ? ' + 0' : '')
    if (guarded) cg.close()
  }
  for (const { leaf, value } of strings) {
    const guarded = value.isNull !== 'false'
    if (guarded) cg.open(`if (${value.isNull}) ${i64}[${leaf.offset >> 3}] = 0n; else {`)
    const slot = leaf.offset >> 2
    cg.line(`${i32}[${slot}] = ${end}; ${end} = ${appendCode(k, value, end)}; ${i32}[${slot + 1}] = ${end} - ${i32}[${slot}]`)
    if (guarded) cg.close()
  }
  if (strings.length > 0) {
    const [length, hash] = [cg.fresh('klen'), cg.fresh('hash')]
    cg.line(`const ${length} = ${k}.pad(${end})`)
    if (isSearched) cg.line(`const ${hash} = ${k}.hash(${length})`)
    return { ...place, length, fixedBytes: null, words: [], telling: [], emitBytes: () => {}, emitHash: () => hash }
  }
  const { fixedBytes } = layout
  const words = Array.from({ length: fixedBytes >> 2 }, (_, i) => {
    const word = cg.fresh('kw')
    cg.line(`const ${word} = ${direct[i]?.code ?? `${i32}[${i}]`}`)
    cg.holds('number', word)
    return word
  })
  return {
    ...place,
    length: String(fixedBytes),
    fixedBytes,
    words,
    telling: words.flatMap((_, i) => (direct[i]?.follows ? [] : [i])),
    emitBytes: () => {
      const stores = words.flatMap((word, i) => (direct[i] === undefined ? [] : [`${i32}[${i}] = ${word}`]))
      if (stores.length > 0) cg.line(stores.join('; '))
    },
    emitHash: () => {
      const hash = cg.fresh('hash')
      emitFixedHash(cg, words, hash)
      cg.holds('number', hash)
      return hash
    },
  }
}

/** The most bytes that a string can take. */
const roomFor = (value: Value): string => {
  if (value.form === 'text') return `3 * ${value.code}.length`
  if (value.form === 'bytes') return value.length
  throw new Error(`a ${value.form} of type ${value.type.kind} is no string`)
}

const appendCode = (k: string, value: Value, end: string): string => {
  if (value.form === 'text') return `${k}.appendText(${value.code}, ${end})`
  if (value.form !== 'bytes') throw new Error('no string')
  return value.words === undefined
    ? `${k}.append(${value.buffer}, ${value.offset}, ${value.length}, ${end})`
    : `${k}.appendWords(${value.buffer}, ${value.words}, ${value.offset}, ${value.length}, ${end})`
}

/** A word that need not be written and read back. `follows`: from another word. */
interface DirectWord {
  readonly code: string
  readonly follows: boolean
}

/** By their place, the words of nulls, integers and booleans. The others are made by writing what they are part of. */
const wordsOf = (leaves: readonly LeafValue<KeyLeaf>[], { nullWords }: KeyLayout): (DirectWord | undefined)[] => {
  const words: (DirectWord | undefined)[] = []
  for (let word = 0; word < nullWords; word++) {
    const code = nullBits(leaves, word)
    words[word] = { code, follows: code === '0' }
  }
  for (const { leaf, value } of leaves) {
    const code = directCode(leaf.type, value)
    if (code === null) continue
    const low = value.isNull === 'false' ? code : `(${value.isNull} ? 0 : ${code})`
    words[leaf.offset >> 2] = { code: low, follows: false }
    words[(leaf.offset >> 2) + 1] = { code: leaf.type.kind === 'boolean' ? '0' : `${low} >> 31`, follows: true }
  }
  return words
}

const directCode = ({ kind }: DataType, value: Value): string | null => {
  if (kind === 'boolean') return `(${scalarCode(value)} ? 1 : 0)`
  return kind === 'byte' || kind === 'short' || kind === 'integer' || kind === 'date' ? scalarCode(value) : null
}

const nullBits = (leaves: readonly LeafValue<KeyLeaf>[], word: number): string =>
  leaves
    .filter(({ leaf, value }) => leaf.bit >> 5 === word && value.isNull !== 'false')
    .map(({ leaf, value }) => `(${value.isNull} ? ${1 << (leaf.bit & 31)} : 0)`)
    .join(' | ') || '0'

/** `hashWords`, unrolled. */
const emitFixedHash = (cg: CodeBuilder, words: readonly string[], hash: string): void => {
  const [h, k] = [cg.fresh('h'), cg.fresh('k')]
  cg.line(`let ${h} = 0, ${k} = 0`)
  for (const word of words) {
    cg.line(`${k} = Math.imul(${word}, 0xcc9e2d51); ${k} = (${k} << 15) | (${k} >>> 17); ${h} ^= Math.imul(${k}, 0x1b873593)`)
    cg.line(`${h} = (${h} << 13) | (${h} >>> 19); ${h} = (Math.imul(${h}, 5) + 0xe6546b64) | 0`)
  }
  cg.line(`${h} ^= ${words.length << 2}`)
  cg.line(`${h} = Math.imul(${h} ^ (${h} >>> 16), 0x85ebca6b); ${h} = Math.imul(${h} ^ (${h} >>> 13), 0xc2b2ae35)`)
  cg.line(`const ${hash} = ${h} ^ (${h} >>> 16)`)
}

const emitSlot = (
  cg: CodeBuilder,
  leaf: KeyLeaf,
  value: Value,
  at: number,
  names: { i32: string; f64: string; i64: string },
  plusZero: string,
): void => {
  const { i32, f64, i64 } = names
  const code = scalarCode(value)
  switch (leaf.type.kind) {
    case 'null':
      cg.line(`${i64}[${at >> 3}] = 0n`)
      return
    case 'boolean':
      cg.line(`${i32}[${at >> 2}] = ${code} ? 1 : 0; ${i32}[${(at >> 2) + 1}] = 0`)
      return
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      cg.line(`${i32}[${at >> 2}] = ${code}; ${i32}[${(at >> 2) + 1}] = ${code} >> 31`)
      return
    case 'long':
      cg.line(`${i64}[${at >> 3}] = ${code}`)
      return
    case 'decimal':
      cg.line(`${i64}[${at >> 3}] = BigInt.asIntN(64, ${code})`)
      if (leaf.type.precision > 18) cg.line(`${i64}[${(at >> 3) + 1}] = BigInt.asIntN(64, ${code} >> 64n)`)
      return
    default:
      // float, double and timestamp. Adding 0 turns −0 into 0.
      cg.line(
        `if (${code} === ${code}) ${f64}[${at >> 3}] = ${code}${plusZero}; else { ${i32}[${at >> 2}] = 0; ${i32}[${(at >> 2) + 1}] = 0x7ff80000 }`,
      )
  }
}
