import { viewsOf } from 'native-free-buffers'
import { EngineError } from '../base/errors.ts'
import type { DataType } from './data-type.ts'
import type { RecordBuffer } from './record-buffer.ts'
import { isVariable, type RowLayout } from './row-layout.ts'
import { copyToWords, encodeUtf8 } from './strings.ts'

const DATA = 1
/** No row has been started. */
const NONE = -1
const NO_VIEWS = viewsOf(new ArrayBuffer(0))

/** How a leaf's slot is written; in the low bits of its place. */
const WORD = 0
const HALF = 1
const BYTE = 2
const SINGLE = 3
const KIND_BITS = 2
const KIND_MASK = (1 << KIND_BITS) - 1

/**
 * Writes records leaf by leaf, for connectors whose columns are not known when code is written. Not generated, but it allocates nothing per
 * row. `start`, any setters in any order, `finish`. A leaf that is not set holds zero, false or an empty string; `setNull` makes it null
 * and wins over a setter. `leaf` is an index into `layout.leaves`.
 */
export class RowWriter {
  readonly layout: RowLayout
  #buffer: RecordBuffer | null = null
  /** The buffer's views, read anew when a claim has replaced them: a row is many stores, and a buffer many rows. */
  #u8 = NO_VIEWS.u8
  #i16 = NO_VIEWS.i16
  #i32 = NO_VIEWS.i32
  #f32 = NO_VIEWS.f32
  #f64 = NO_VIEWS.f64
  #i64 = NO_VIEWS.i64
  /** Where the row begins, or NONE. */
  #p = NONE
  #end = 0
  #room = 0
  #nulls = 0
  /** Where variable bytes begin: behind the record's own vtable only if there can be one. */
  readonly #base: number
  readonly #isNull: Uint8Array
  /** Of each leaf: its offset, and behind that how it is written. */
  readonly #slots: Int32Array
  readonly #variables: Int32Array

  constructor(layout: RowLayout) {
    const { leaves } = layout
    this.layout = layout
    this.#base = leaves.some(leaf => leaf.nullable) ? layout.fixedBytesWithVtable : layout.fixedBytes
    this.#isNull = new Uint8Array(leaves.length)
    this.#slots = Int32Array.from(leaves, ({ offset, type }) => (offset << KIND_BITS) | kindOf(type))
    this.#variables = Int32Array.from(leaves.filter(leaf => isVariable(leaf.type)).map(leaf => leaf.index))
  }

  /**
   * Begins a row at the end of `buffer`. `hintBytes`: how many variable bytes will follow, if known. A row that was begun before and not
   * finished is dropped.
   */
  start(buffer: RecordBuffer, hintBytes = 256): void {
    const base = this.#base
    const room = base + hintBytes + 16
    const p = buffer.claim(room)
    this.#room = room
    this.#p = p
    this.#end = base
    if (buffer !== this.#buffer || buffer.u8 !== this.#u8) this.#adopt(buffer)
    const f64 = this.#f64
    // A loop: `fill` of a few words costs some 40 ns. The last may reach into the room behind.
    for (let at = p >> 3, to = (p + base + 7) >> 3; at < to; at++) f64[at] = 0
    if (this.#nulls > 0) this.#forgetNulls()
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
    this.#u8[this.#at(leaf)] = value ? 1 : 0
  }

  /** byte, short, integer and date (days since 1970); the value is in the type's range. */
  setInt32(leaf: number, value: number): void {
    const at = this.#at(leaf)
    const kind = this.#slots[leaf] & KIND_MASK
    if (kind === WORD) this.#i32[at >> 2] = value
    else if (kind === HALF) this.#i16[at >> 1] = value
    else this.#u8[at] = value
  }

  /** float and double. */
  setDouble(leaf: number, value: number): void {
    const at = this.#at(leaf)
    if ((this.#slots[leaf] & KIND_MASK) === SINGLE) this.#f32[at >> 2] = value
    else this.#f64[at >> 3] = value
  }

  /** An int64 (a long, or a decimal's unscaled value) as two int32 words. */
  setLong(leaf: number, low: number, high: number): void {
    const at = this.#at(leaf) >> 2
    const i32 = this.#i32
    i32[at] = low
    i32[at + 1] = high
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
    const at = this.#at(leaf) >> 3
    const { type } = this.layout.leaves[leaf]
    this.#i64[at] = BigInt.asIntN(64, value)
    if (type.kind === 'decimal' && type.precision > 18) this.#i64[at + 1] = BigInt.asIntN(64, value >> 64n)
  }

  /** string (well-formed UTF-8) and binary. */
  setBytes(leaf: number, source: Uint8Array, offset: number, length: number): void {
    const to = this.#variable(leaf, length)
    copyToWords(source, offset, length, this.#u8, this.#i32, to)
  }

  /** string. Lone surrogates become the replacement character. */
  setString(leaf: number, text: string): void {
    const to = this.#variable(leaf, 3 * text.length)
    const length = encodeUtf8(text, this.#u8, to)
    this.#i32[(to >> 2) - 1] = length
    this.#u8[to + length] = 0
    this.#end = to - this.#p + length + 1
  }

  /** Completes the row. */
  finish(hash = 0): void {
    const buffer = this.#buffer
    const p = this.#p
    if (p === NONE || buffer === null) notStarted()
    else {
      if (this.#variables.length > 0) this.#setEmpty()
      if (this.#nulls === 0) this.#i32[p >> 2] = p - buffer.preambleOffset
      else this.#ownVtable()
      this.#p = NONE
      buffer.commit(DATA, this.#end, hash)
    }
  }

  /** An empty string is a string all the same. */
  #setEmpty(): void {
    const variables = this.#variables
    for (let k = 0; k < variables.length; k++) {
      const leaf = variables[k]
      if (this.#i32[this.#at(leaf) >> 2] === 0 && this.#isNull[leaf] === 0) this.#variable(leaf, 0)
    }
  }

  #ownVtable(): void {
    const { vtableWords, ownVtableOffset } = this.layout
    const at = this.#p + ownVtableOffset
    const u8 = this.#u8
    for (let i = 0; i < vtableWords.length; i++) this.#i32[(at >> 2) + i] = vtableWords[i]
    for (let leaf = 0; leaf < this.#isNull.length; leaf++) {
      if (this.#isNull[leaf] === 0) continue
      u8[at + 4 + 2 * leaf] = 0
      u8[at + 5 + 2 * leaf] = 0
    }
    this.#i32[this.#p >> 2] = -ownVtableOffset
  }

  #forgetNulls(): void {
    this.#isNull.fill(0)
    this.#nulls = 0
  }

  /** Where the slot of a leaf stands. */
  #at(leaf: number): number {
    const p = this.#p
    if (p === NONE) notStarted()
    return p + (this.#slots[leaf] >> KIND_BITS)
  }

  #adopt(buffer: RecordBuffer): void {
    this.#buffer = buffer
    this.#u8 = buffer.u8
    this.#i16 = buffer.i16
    this.#i32 = buffer.i32
    this.#f32 = buffer.f32
    this.#f64 = buffer.f64
    this.#i64 = buffer.i64
  }

  /** Reserves variable bytes for a leaf and points its slot to them. */
  #variable(leaf: number, length: number): number {
    const slot = this.#at(leaf) - this.#p
    const at = (this.#end + 3) & ~3
    const needed = at + 4 + length + 1
    if (needed > this.#room) this.#grow(needed)
    const i32 = this.#i32
    i32[(this.#p + slot) >> 2] = at - slot
    i32[(this.#p + at) >> 2] = length
    this.#u8[this.#p + at + 4 + length] = 0
    this.#end = needed
    return this.#p + at + 4
  }

  /** A larger claim keeps its place, but what stands in it may be lost. */
  #grow(needed: number): void {
    const target = this.#buffer
    if (target === null) return
    const written = target.u8.slice(this.#p, this.#p + this.#end)
    this.#room = 2 * needed + 16
    this.#p = target.claim(this.#room)
    this.#adopt(target)
    this.#u8.set(written, this.#p)
  }
}

const notStarted = (): never => {
  throw new Error('a row that was not started')
}

const kindOf = ({ kind }: DataType): number => (kind === 'byte' ? BYTE : kind === 'short' ? HALF : kind === 'float' ? SINGLE : WORD)
