import { MAX_RECORD_BYTES, type Views, viewsOf } from 'native-free-buffers'
import { EngineError } from '../base/errors.ts'
import { copyRecord, type RecordSpace, SHARED } from './record-copy.ts'
import type { RowLayout } from './row-layout.ts'

const HEADER_BYTES = 16
const DATA = 1
const COMPACT_BYTES = 256 * 1024

/**
 * Records in memory of one thread, written at the end and read from the front, framed as on a ring: `u32 kind << 24 | length · i32 hash ·
 * f64 arrival`, then the payload, all 8-byte aligned. It grows as needed: `claim` never fails, but may replace the views. The shared vtable
 * of its layout stands at `preambleOffset`.
 */
export class RecordBuffer implements Views, RecordSpace {
  u8: Uint8Array
  i16: Int16Array
  u16: Uint16Array
  i32: Int32Array
  f32: Float32Array
  f64: Float64Array
  i64: BigInt64Array
  readonly preambleOffset = 0
  /** Goes into the header of every record that is committed from now on. */
  arrivalMicros = 0
  readonly layout: RowLayout
  readonly #start: number
  #end: number
  #read: number
  #last = -1
  #claimed = 0
  #rows = 0

  constructor(layout: RowLayout, capacityBytes = 64 * 1024) {
    this.layout = layout
    this.#start = (layout.vtable.length + 15) & ~15
    const views = viewsOf(new ArrayBuffer(Math.max(this.#start + 64, (capacityBytes + 15) & ~15)))
    this.u8 = views.u8
    this.i16 = views.i16
    this.u16 = views.u16
    this.i32 = views.i32
    this.f32 = views.f32
    this.f64 = views.f64
    this.i64 = views.i64
    this.u8.set(layout.vtable, 0)
    this.#end = this.#read = this.#start
  }

  /** Records (not control frames) committed since the last `clear`; what `release` dropped counts no more. */
  get rowCount(): number {
    return this.#rows
  }

  /** Bytes of records that have not been read. */
  get unreadBytes(): number {
    return this.#end - this.#read
  }

  claim(payloadBytes: number): number {
    const needed = this.#end + HEADER_BYTES + ((payloadBytes + 7) & ~7)
    if (needed > this.u8.length) this.#grow(needed)
    this.#claimed = this.#end + HEADER_BYTES
    return this.#claimed
  }

  commit(kind: number, payloadBytes: number, hash: number): void {
    if (payloadBytes > MAX_RECORD_BYTES) throw new EngineError('RECORD_TOO_LARGE', { bytes: payloadBytes, limit: MAX_RECORD_BYTES })
    const p = this.#claimed
    this.i32[(p >> 2) - 4] = (kind << 24) | payloadBytes
    this.i32[(p >> 2) - 3] = hash
    this.f64[(p >> 3) - 1] = this.arrivalMicros
    this.#end = p + ((payloadBytes + 7) & ~7)
    if (kind === DATA) this.#rows++
  }

  /** True if a record has not been read. */
  hasNext(): boolean {
    return this.#read < this.#end
  }

  /** True if every record has been read. */
  get isEmpty(): boolean {
    return this.#read === this.#end
  }

  /** The payload's offset of the next record, or -1. */
  next(): number {
    const p = this.#read + HEADER_BYTES
    if (p > this.#end) return -1
    this.#last = this.#read
    this.#read = p + (((this.i32[(p >> 2) - 4] & 0xffffff) + 7) & ~7)
    return p
  }

  /** The payload's offset of the next record, which stays the next; -1 if there is none. */
  peekFrame(): number {
    return this.#read < this.#end ? this.#read + HEADER_BYTES : -1
  }

  skipFrame(): void {
    this.next()
  }

  /** Makes the record that `next` gave last the next again: a full sink puts it back. Once for each `next`. */
  back(): void {
    if (this.#last < 0) throw new Error('back without next')
    this.#read = this.#last
    this.#last = -1
  }

  /** Reads from the front again. */
  rewind(): void {
    this.#read = this.#start
    this.#last = -1
  }

  /**
   * Forgets what was read, so that a buffer which never quite runs empty does not grow for ever. Payload offsets from before are not valid
   * any more, nor is `back`. Cheap most times: records move only when more than half of the bytes, and a good many, have been read.
   */
  release(): void {
    this.#last = -1
    if (this.#read === this.#end) this.clear()
    else if (this.#read - this.#start > COMPACT_BYTES && this.#read > this.#end >> 1) this.#compact()
  }

  /** Forgets all records, read or not. Memory stays, unless it has grown far beyond a burst. */
  clear(): void {
    this.#end = this.#read = this.#start
    this.#last = -1
    this.#rows = 0
    if (this.u8.length > 8 * 1024 * 1024) this.#adopt(viewsOf(new ArrayBuffer(64 * 1024 + this.#start)))
  }

  /** A copy of one record. A vtable distance of SHARED means this buffer's own. */
  append(source: RecordSpace, p: number, length: number, hash: number): void {
    const to = this.claim(length)
    copyRecord(source, p, length, this, to)
    this.commit(DATA, length, hash)
  }

  /** Copies of all unread records of another buffer of the same layout. */
  appendAll(source: RecordBuffer): void {
    for (let p = source.next(); p >= 0; p = source.next()) {
      this.arrivalMicros = source.f64[(p >> 3) - 1]
      this.append(source, p, source.i32[(p >> 2) - 4] & 0xffffff, source.i32[(p >> 2) - 3])
    }
  }

  /** A record that came in pieces: bytes without a place, whose vtable distance is SHARED or inside the record. */
  appendLoose(bytes: Uint8Array, hash: number, arrivalMicros: number): void {
    this.arrivalMicros = arrivalMicros
    const to = this.claim(bytes.length)
    this.u8.set(bytes, to)
    if (this.i32[to >> 2] === SHARED) this.i32[to >> 2] = to - this.preambleOffset
    this.commit(DATA, bytes.length, hash)
  }

  /** All frames as bytes, to be put into another buffer of the same layout by `load`. */
  save(): Uint8Array {
    return this.u8.slice(this.#start, this.#end)
  }

  /** Takes frames from `save`, in place of what is here. */
  load(bytes: Uint8Array): void {
    this.#end = this.#read = this.#start
    if (this.#start + bytes.length > this.u8.length) this.#grow(this.#start + bytes.length)
    this.u8.set(bytes, this.#start)
    this.#end = this.#start + bytes.length
    this.#rows = 0
    for (let p = this.next(); p >= 0; p = this.next()) if (this.i32[(p >> 2) - 4] >>> 24 === DATA) this.#rows++
    this.rewind()
  }

  #compact(): void {
    let to = this.#start + HEADER_BYTES
    let rows = 0
    const { i32 } = this
    for (let from = this.#read + HEADER_BYTES; from <= this.#end; ) {
      const length = i32[(from >> 2) - 4] & 0xffffff
      const kind = i32[(from >> 2) - 4] >>> 24
      const next = from + ((length + 7) & ~7) + HEADER_BYTES
      this.u8.copyWithin(to - HEADER_BYTES, from - HEADER_BYTES, from)
      if (kind === DATA) {
        copyRecord(this, from, length, this, to)
        rows++
      } else {
        this.u8.copyWithin(to, from, from + length)
      }
      to += ((length + 7) & ~7) + HEADER_BYTES
      from = next
    }
    this.#read = this.#start
    this.#end = to - HEADER_BYTES
    this.#rows = rows
  }

  #grow(needed: number): void {
    let size = this.u8.length
    while (size < needed) size *= 2
    const old = this.u8
    this.#adopt(viewsOf(new ArrayBuffer((size + 15) & ~15)))
    this.u8.set(old.subarray(0, Math.min(old.length, this.#end)))
  }

  #adopt(views: Views): void {
    this.u8 = views.u8
    this.i16 = views.i16
    this.u16 = views.u16
    this.i32 = views.i32
    this.f32 = views.f32
    this.f64 = views.f64
    this.i64 = views.i64
    this.u8.set(this.layout.vtable, 0)
  }
}
