import type { RecordBuffer } from './record-buffer.ts'
import type { RowLayout } from './row-layout.ts'
import { encodeUtf8 } from './strings.ts'

const DATA = 1

/**
 * Writes records leaf by leaf, for connectors whose columns are not known when code is written. Not generated, but it allocates nothing per row. Every leaf
 * that is not set holds zero or an empty string; setNull makes it null.
 */
export class RowWriter {
  readonly layout: RowLayout
  #buffer: RecordBuffer | null = null
  #p = 0
  #end = 0
  #room = 0
  #nulls = 0
  readonly #isNull: Uint8Array
  readonly #offsets: Int32Array
  readonly #sizes: readonly boolean[]

  constructor(layout: RowLayout) {
    this.layout = layout
    this.#isNull = new Uint8Array(layout.leaves.length)
    this.#offsets = Int32Array.from(layout.leaves, leaf => leaf.offset)
    this.#sizes = layout.leaves.map(({ type }) => type.kind === 'string' || type.kind === 'binary' || type.kind === 'array' || type.kind === 'map')
  }

  /** Begins a row at the end of `buffer`. `hintBytes`: how many variable bytes will follow, if known. */
  start(buffer: RecordBuffer, hintBytes = 256): void {
    const { layout } = this
    this.#room = layout.fixedBytesWithVtable + hintBytes + 16
    this.#buffer = buffer
    this.#p = buffer.claim(this.#room)
    buffer.u8.fill(0, this.#p, this.#p + layout.fixedBytesWithVtable)
    this.#end = layout.fixedBytesWithVtable
    if (this.#nulls > 0) this.#isNull.fill(0)
    this.#nulls = 0
  }

  setNull(leaf: number): void {
    if (this.#isNull[leaf] === 0) this.#nulls++
    this.#isNull[leaf] = 1
  }

  setBoolean(leaf: number, value: boolean): void {
    this.#target.u8[this.#p + this.#offsets[leaf]] = value ? 1 : 0
  }

  setByte(leaf: number, value: number): void {
    this.#target.u8[this.#p + this.#offsets[leaf]] = value
  }

  setShort(leaf: number, value: number): void {
    this.#target.i16[(this.#p + this.#offsets[leaf]) >> 1] = value
  }

  /** integer and date. */
  setInt32(leaf: number, value: number): void {
    this.#target.i32[(this.#p + this.#offsets[leaf]) >> 2] = value
  }

  setFloat(leaf: number, value: number): void {
    this.#target.f32[(this.#p + this.#offsets[leaf]) >> 2] = value
  }

  setDouble(leaf: number, value: number): void {
    this.#target.f64[(this.#p + this.#offsets[leaf]) >> 3] = value
  }

  /** An int64 as two int32 words. */
  setLong(leaf: number, low: number, high: number): void {
    const at = (this.#p + this.#offsets[leaf]) >> 2
    this.#target.i32[at] = low
    this.#target.i32[at + 1] = high
  }

  /** An int64 from a double that holds an integer within 2^53. Also a timestamp's micros. */
  setLongNumber(leaf: number, value: number): void {
    const high = Math.floor(value / 4294967296)
    this.setLong(leaf, (value - high * 4294967296) | 0, high)
  }

  setBigint(leaf: number, value: bigint): void {
    this.#target.i64[(this.#p + this.#offsets[leaf]) >> 3] = BigInt.asIntN(64, value)
  }

  /** A decimal above 18 digits. */
  setBigint128(leaf: number, value: bigint): void {
    const at = (this.#p + this.#offsets[leaf]) >> 3
    this.#target.i64[at] = BigInt.asIntN(64, value)
    this.#target.i64[at + 1] = BigInt.asIntN(64, value >> 64n)
  }

  setBytes(leaf: number, source: Uint8Array, offset: number, length: number): void {
    const to = this.#variable(leaf, length)
    const { u8 } = this.#target
    if (length > 64) u8.set(source.subarray(offset, offset + length), to)
    else for (let i = 0; i < length; i++) u8[to + i] = source[offset + i]
  }

  setString(leaf: number, text: string): void {
    const most = 3 * text.length
    const to = this.#variable(leaf, most)
    const length = encodeUtf8(text, this.#target.u8, to)
    this.#target.i32[(to - 4) >> 2] = length
    this.#target.u8[to + length] = 0
    this.#end = to - this.#p + length + 1
  }

  /** Completes the row. */
  finish(hash = 0): void {
    const target = this.#target
    const { layout } = this
    const p = this.#p
    // An empty string is a string all the same.
    for (let leaf = 0; leaf < this.#sizes.length; leaf++) {
      if (this.#sizes[leaf] && target.i32[(p + this.#offsets[leaf]) >> 2] === 0 && this.#isNull[leaf] === 0) this.setBytes(leaf, NOTHING, 0, 0)
    }
    const buffer = this.#target
    if (this.#nulls === 0) {
      buffer.i32[this.#p >> 2] = this.#p - buffer.preambleOffset
    } else {
      const vtable = this.#p + layout.ownVtableOffset
      for (let i = 0; i < layout.vtable.length; i++) buffer.u8[vtable + i] = layout.vtable[i]
      for (let leaf = 0; leaf < this.#isNull.length; leaf++) if (this.#isNull[leaf] !== 0) buffer.u16[(vtable + 4 + 2 * leaf) >> 1] = 0
      buffer.i32[this.#p >> 2] = this.#p - vtable
    }
    buffer.commit(DATA, this.#end, hash)
  }

  get #target(): RecordBuffer {
    if (this.#buffer === null) throw new Error('a row that was not started')
    return this.#buffer
  }

  /** Reserves variable bytes for a leaf and points its slot to them. */
  #variable(leaf: number, length: number): number {
    const at = (this.#end + 3) & ~3
    const needed = at + 4 + length + 1
    if (needed > this.#room) {
      this.#room = 2 * needed + 16
      // The claim only grows the buffer: what has been written stays at the same offset.
      this.#keep()
    }
    const target = this.#target
    const slot = this.#p + this.#offsets[leaf]
    target.i32[slot >> 2] = this.#p + at - slot
    target.i32[(this.#p + at) >> 2] = length
    target.u8[this.#p + at + 4 + length] = 0
    this.#end = needed
    return this.#p + at + 4
  }

  #keep(): void {
    const target = this.#target
    const written = target.u8.slice(this.#p, this.#p + this.#end)
    this.#p = target.claim(this.#room)
    target.u8.set(written, this.#p)
  }
}

const NOTHING = new Uint8Array(0)
