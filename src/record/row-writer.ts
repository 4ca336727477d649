import { EngineError } from '../base/errors.ts'
import type { RecordBuffer } from './record-buffer.ts'
import { isVariable, type RowLayout } from './row-layout.ts'
import { copyToWords, encodeUtf8 } from './strings.ts'

const DATA = 1

/**
 * Writes records leaf by leaf, for connectors whose columns are not known when code is written. Not generated, but it allocates nothing per
 * row. `start`, any setters in any order, `finish`. A leaf that is not set holds zero, false or an empty string; `setNull` makes it null
 * and wins over a setter. `leaf` is an index into `layout.leaves`.
 */
export class RowWriter {
  readonly layout: RowLayout
  #buffer: RecordBuffer | null = null
  #p = 0
  #end = 0
  #room = 0
  #nulls = 0
  /** Where variable bytes begin: behind the record's own vtable only if there can be one. */
  readonly #base: number
  readonly #isNull: Uint8Array
  readonly #offsets: Int32Array
  /** log2 of the slot's size for the integer kinds. */
  readonly #shifts: Uint8Array
  readonly #isFloat: Uint8Array
  readonly #variables: Int32Array

  constructor(layout: RowLayout) {
    const { leaves } = layout
    this.layout = layout
    this.#base = leaves.some(leaf => leaf.nullable) ? layout.fixedBytesWithVtable : layout.fixedBytes
    this.#isNull = new Uint8Array(leaves.length)
    this.#offsets = Int32Array.from(leaves, leaf => leaf.offset)
    this.#shifts = Uint8Array.from(leaves, ({ type }) => (type.kind === 'byte' ? 0 : type.kind === 'short' ? 1 : 2))
    this.#isFloat = Uint8Array.from(leaves, ({ type }) => (type.kind === 'float' ? 1 : 0))
    this.#variables = Int32Array.from(leaves.filter(leaf => isVariable(leaf.type)).map(leaf => leaf.index))
  }

  /**
   * Begins a row at the end of `buffer`. `hintBytes`: how many variable bytes will follow, if known. A row that was begun before and not
   * finished is dropped.
   */
  start(buffer: RecordBuffer, hintBytes = 256): void {
    this.#room = this.#base + hintBytes + 16
    this.#buffer = buffer
    this.#p = buffer.claim(this.#room)
    const from = this.#p >> 2
    const { i32 } = buffer
    // A loop: `fill` of a few words costs some 40 ns.
    for (let i = this.#base >> 2; i > 0; i--) i32[from + i - 1] = 0
    this.#end = this.#base
    if (this.#nulls > 0) this.#isNull.fill(0)
    this.#nulls = 0
  }

  /** Throws NULL_IN_NON_NULLABLE. */
  setNull(leaf: number): void {
    if (this.#isNull[leaf] !== 0) return
    const { nullable, path } = this.layout.leaves[leaf]
    if (!nullable) throw new EngineError('NULL_IN_NON_NULLABLE', { column: path.join('.') })
    this.#isNull[leaf] = 1
    this.#nulls++
  }

  setBoolean(leaf: number, value: boolean): void {
    this.#target.u8[this.#p + this.#offsets[leaf]] = value ? 1 : 0
  }

  /** byte, short, integer and date (days since 1970); the value is in the type's range. */
  setInt32(leaf: number, value: number): void {
    const at = this.#p + this.#offsets[leaf]
    const shift = this.#shifts[leaf]
    if (shift === 2) this.#target.i32[at >> 2] = value
    else if (shift === 1) this.#target.i16[at >> 1] = value
    else this.#target.u8[at] = value
  }

  /** float and double. */
  setDouble(leaf: number, value: number): void {
    const at = this.#p + this.#offsets[leaf]
    if (this.#isFloat[leaf] !== 0) this.#target.f32[at >> 2] = value
    else this.#target.f64[at >> 3] = value
  }

  /** An int64 (a long, or a decimal's unscaled value) as two int32 words. */
  setLong(leaf: number, low: number, high: number): void {
    const at = (this.#p + this.#offsets[leaf]) >> 2
    this.#target.i32[at] = low
    this.#target.i32[at + 1] = high
  }

  /** An int64 from a double that holds an integer within 2^53. */
  setLongNumber(leaf: number, value: number): void {
    // `| 0` takes an integer modulo 2^32.
    this.setLong(leaf, value | 0, Math.floor(value / 4294967296))
  }

  /** Micros since 1970. */
  setTimestampMicros(leaf: number, value: number): void {
    this.setLong(leaf, value | 0, Math.floor(value / 4294967296))
  }

  /** A long, or a decimal's unscaled value of any precision. */
  setBigint(leaf: number, value: bigint): void {
    const at = (this.#p + this.#offsets[leaf]) >> 3
    const { type } = this.layout.leaves[leaf]
    this.#target.i64[at] = BigInt.asIntN(64, value)
    if (type.kind === 'decimal' && type.precision > 18) this.#target.i64[at + 1] = BigInt.asIntN(64, value >> 64n)
  }

  /** string (well-formed UTF-8) and binary. */
  setBytes(leaf: number, source: Uint8Array, offset: number, length: number): void {
    const to = this.#variable(leaf, length)
    const { u8, i32 } = this.#target
    copyToWords(source, offset, length, u8, i32, to)
  }

  /** string. Lone surrogates become the replacement character. */
  setString(leaf: number, text: string): void {
    const to = this.#variable(leaf, 3 * text.length)
    const target = this.#target
    const length = encodeUtf8(text, target.u8, to)
    target.i32[(to >> 2) - 1] = length
    target.u8[to + length] = 0
    this.#end = to - this.#p + length + 1
  }

  /** Completes the row. */
  finish(hash = 0): void {
    const variables = this.#variables
    for (let k = 0; k < variables.length; k++) {
      const leaf = variables[k]
      // An empty string is a string all the same.
      if (this.#target.i32[(this.#p + this.#offsets[leaf]) >> 2] === 0 && this.#isNull[leaf] === 0) this.#variable(leaf, 0)
    }
    const buffer = this.#target
    if (this.#nulls === 0) buffer.i32[this.#p >> 2] = this.#p - buffer.preambleOffset
    else this.#ownVtable(buffer)
    buffer.commit(DATA, this.#end, hash)
    this.#buffer = null
  }

  #ownVtable(buffer: RecordBuffer): void {
    const { vtableWords, ownVtableOffset } = this.layout
    const at = this.#p + ownVtableOffset
    for (let i = 0; i < vtableWords.length; i++) buffer.i32[(at >> 2) + i] = vtableWords[i]
    for (let leaf = 0; leaf < this.#isNull.length; leaf++) if (this.#isNull[leaf] !== 0) buffer.u16[(at + 4 + 2 * leaf) >> 1] = 0
    buffer.i32[this.#p >> 2] = -ownVtableOffset
  }

  get #target(): RecordBuffer {
    if (this.#buffer === null) throw new Error('a row that was not started')
    return this.#buffer
  }

  /** Reserves variable bytes for a leaf and points its slot to them. */
  #variable(leaf: number, length: number): number {
    const at = (this.#end + 3) & ~3
    const needed = at + 4 + length + 1
    if (needed > this.#room) this.#grow(needed)
    const target = this.#target
    const offset = this.#offsets[leaf]
    target.i32[(this.#p + offset) >> 2] = at - offset
    target.i32[(this.#p + at) >> 2] = length
    target.u8[this.#p + at + 4 + length] = 0
    this.#end = needed
    return this.#p + at + 4
  }

  /** A larger claim keeps its place, but what stands in it may be lost. */
  #grow(needed: number): void {
    const target = this.#target
    const written = target.u8.slice(this.#p, this.#p + this.#end)
    this.#room = 2 * needed + 16
    this.#p = target.claim(this.#room)
    target.u8.set(written, this.#p)
  }
}
