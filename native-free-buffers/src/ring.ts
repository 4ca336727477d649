import { assert } from './assert.ts'
import {
  align8,
  CAPACITY,
  DATA,
  FRAGMENT,
  FRAGMENT_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  HEAD,
  LIMIT,
  MAX_RECORD_BYTES,
  PAD,
  POISON,
  PREAMBLE,
  PREAMBLE_BYTES,
  TAIL,
} from './layout.ts'
import { type Views, viewsOf } from './views.ts'

/** What a ring is made with. `capacity` is a power of two of at least 256 bytes. */
export interface RingOptions {
  readonly capacity: number
  readonly preambleBytes?: number
  /** Where positions start; tests start just below 2^31. A multiple of 8. */
  readonly startPosition?: number
}

/** A record that no ring takes. */
export class RecordTooLargeError extends RangeError {
  readonly code = 'RECORD_TOO_LARGE'

  constructor(bytes: number) {
    super(`a record of ${bytes} bytes: at most ${MAX_RECORD_BYTES} are possible`)
  }
}

/** How many bytes a ring takes in its buffer, a multiple of 128. */
export const ringBytes = (capacity: number, preambleBytes = 0): number => (PREAMBLE + align8(preambleBytes) + capacity + 127) & ~127

/** Lays an empty ring out at `offset`. Called once, before any reader or writer is made. Returns where the preamble begins. */
export const initRing = (buffer: ArrayBufferLike, offset: number, options: RingOptions): number => {
  const { capacity, preambleBytes = 0, startPosition = 0 } = options
  assert((capacity & (capacity - 1)) === 0 && capacity >= 256, `a capacity of ${capacity}: expected a power of two of at least 256`)
  assert(offset % 128 === 0, `a ring at ${offset}: expected a multiple of 128`)
  assert(startPosition % 8 === 0, `a start position of ${startPosition}: expected a multiple of 8`)
  const i32 = new Int32Array(buffer)
  i32[(offset + CAPACITY) >> 2] = capacity
  i32[(offset + PREAMBLE_BYTES) >> 2] = align8(preambleBytes)
  i32[(offset + LIMIT) >> 2] = capacity
  Atomics.store(i32, (offset + TAIL) >> 2, startPosition | 0)
  Atomics.store(i32, (offset + HEAD) >> 2, startPosition | 0)
  return offset + PREAMBLE
}

/**
 * The producer's end. `claim` gives a place to write in, `commit` completes the frame, `publish` makes all completed frames visible with
 * one atomic store. None of them blocks. One thread only.
 */
export class RingWriter implements Views {
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly i64: BigInt64Array
  readonly preambleOffset: number
  readonly capacity: number
  /** Goes into the header of every frame that is committed from now on. */
  arrivalMicros = 0
  readonly #data: number
  readonly #mask: number
  readonly #tailIndex: number
  readonly #headIndex: number
  readonly #limitIndex: number
  #tail: number
  #published: number
  /** How far the tail may go without a look at the reader's position. */
  #end: number
  #claimed = 0
  #fragmentOffset = 0

  constructor(buffer: ArrayBufferLike, offset: number) {
    const views = viewsOf(buffer)
    this.u8 = views.u8
    this.i16 = views.i16
    this.u16 = views.u16
    this.i32 = views.i32
    this.f32 = views.f32
    this.f64 = views.f64
    this.i64 = views.i64
    this.capacity = this.i32[(offset + CAPACITY) >> 2]
    this.preambleOffset = offset + PREAMBLE
    this.#data = this.preambleOffset + this.i32[(offset + PREAMBLE_BYTES) >> 2]
    this.#mask = this.capacity - 1
    this.#tailIndex = (offset + TAIL) >> 2
    this.#headIndex = (offset + HEAD) >> 2
    this.#limitIndex = (offset + LIMIT) >> 2
    this.#tail = this.#published = this.#end = Atomics.load(this.i32, this.#tailIndex)
  }

  /**
   * A place for a payload: its byte offset in the views, or -1 when the ring has no room for it now; then what is committed has been
   * published, so that the reader can make room. The bytes there are old rubbish. A claim that is not committed is forgotten by the next
   * claim.
   */
  claim(payloadBytes: number): number {
    const bytes = (FRAME_HEADER_BYTES + payloadBytes + 7) & ~7
    if (bytes > this.capacity >> 2) return -1
    const at = this.#tail & this.#mask
    const padding = at + bytes > this.capacity ? this.capacity - at : 0
    if (((this.#end - this.#tail) | 0) < bytes + padding && !this.#findRoom(bytes + padding)) return -1
    if (padding > 0) this.#pad(at, padding)
    const p = this.#data + (this.#tail & this.#mask) + FRAME_HEADER_BYTES
    this.#claimed = p
    return p
  }

  /** Completes the claimed frame, which may have become shorter. It is not visible yet. */
  commit(kind: number, payloadBytes: number, hash: number): void {
    const p = this.#claimed
    this.i32[(p >> 2) - 4] = (kind << 24) | payloadBytes
    this.i32[(p >> 2) - 3] = hash
    this.f64[(p >> 3) - 1] = this.arrivalMicros
    this.#tail = (this.#tail + ((FRAME_HEADER_BYTES + payloadBytes + 7) & ~7)) | 0
    // Under load the reader should not wait for the burst to end: every 4 KB it gets to see what is there.
    if (((this.#tail - this.#published) | 0) > 4096) this.publish()
  }

  /** Makes everything that is committed visible to the reader. */
  publish(): void {
    if (this.#tail === this.#published) return
    this.#published = this.#tail
    Atomics.store(this.i32, this.#tailIndex, this.#tail)
  }

  /** True for a payload that only `writeLarge` takes. */
  isLarge(payloadBytes: number): boolean {
    return ((FRAME_HEADER_BYTES + payloadBytes + 7) & ~7) > this.capacity >> 2
  }

  /**
   * Writes a payload of any size up to 16 MiB, in pieces, as far as there is room; pieces are published at once. True when all is written;
   * else the same call must be made again, with the same arguments, before anything else is written. Throws RecordTooLargeError.
   */
  writeLarge(source: Uint8Array, offset: number, length: number, kind: number, hash: number): boolean {
    if (length > MAX_RECORD_BYTES) throw new RecordTooLargeError(length)
    const pieceBytes = (this.capacity >> 2) - FRAME_HEADER_BYTES - FRAGMENT_HEADER_BYTES
    do {
      const size = Math.min(pieceBytes, length - this.#fragmentOffset)
      const p = this.claim(FRAGMENT_HEADER_BYTES + size)
      if (p < 0) {
        this.publish()
        return false
      }
      this.i32[p >> 2] = length
      this.i32[(p >> 2) + 1] = this.#fragmentOffset
      this.i32[(p >> 2) + 2] = kind
      this.i32[(p >> 2) + 3] = hash
      const from = offset + this.#fragmentOffset
      this.u8.set(source.subarray(from, from + size), p + FRAGMENT_HEADER_BYTES)
      this.commit(FRAGMENT, FRAGMENT_HEADER_BYTES + size, hash)
      this.#fragmentOffset += size
    } while (this.#fragmentOffset < length)
    this.#fragmentOffset = 0
    this.publish()
    return true
  }

  /** Bytes that the reader has not released yet, published or not. */
  fillBytes(): number {
    return (this.#tail - Atomics.load(this.i32, this.#headIndex)) | 0
  }

  /** Looks where the reader is. A soft limit refuses a producer that has reached it; one that has not may exceed it by one frame. */
  #findRoom(needed: number): boolean {
    const head = Atomics.load(this.i32, this.#headIndex)
    const limit = Atomics.load(this.i32, this.#limitIndex)
    this.#end = (head + limit) | 0
    const fill = (this.#tail - head) | 0
    if (fill < limit && fill + needed <= this.capacity) return true
    this.publish()
    return false
  }

  #pad(at: number, padding: number): void {
    this.i32[(this.#data + at) >> 2] = (PAD << 24) | (padding - FRAME_HEADER_BYTES < 0 ? 0 : padding - FRAME_HEADER_BYTES)
    this.#tail = (this.#tail + padding) | 0
  }
}

/** A record put together from fragments, in memory of the reader's own. */
export interface LargeFrame {
  readonly bytes: Uint8Array
  readonly kind: number
  readonly hash: number
  readonly arrivalMicros: number
}

/**
 * The consumer's end. `next` walks over published frames without releasing them; `release` gives all that was walked over back to the
 * producer, with one atomic store. A payload may be read until then. One thread only.
 */
export class RingReader implements Views {
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly i64: BigInt64Array
  readonly preambleOffset: number
  readonly capacity: number
  readonly #data: number
  readonly #mask: number
  readonly #tailIndex: number
  readonly #headIndex: number
  readonly #limitIndex: number
  readonly #poison: boolean
  #head: number
  #released: number
  #tail: number
  #large: Uint8Array | null = null

  /** With `poison`, released bytes are overwritten with 0xDEADBEEF, so that a reader that looks at them too late is caught. */
  constructor(buffer: ArrayBufferLike, offset: number, options: { readonly poison?: boolean } = {}) {
    const views = viewsOf(buffer)
    this.u8 = views.u8
    this.i16 = views.i16
    this.u16 = views.u16
    this.i32 = views.i32
    this.f32 = views.f32
    this.f64 = views.f64
    this.i64 = views.i64
    this.capacity = this.i32[(offset + CAPACITY) >> 2]
    this.preambleOffset = offset + PREAMBLE
    this.#data = this.preambleOffset + this.i32[(offset + PREAMBLE_BYTES) >> 2]
    this.#mask = this.capacity - 1
    this.#tailIndex = (offset + TAIL) >> 2
    this.#headIndex = (offset + HEAD) >> 2
    this.#limitIndex = (offset + LIMIT) >> 2
    this.#poison = options.poison ?? false
    this.#head = this.#released = Atomics.load(this.i32, this.#headIndex)
    this.#tail = Atomics.load(this.i32, this.#tailIndex)
  }

  /** The payload's byte offset of the next frame of kind DATA, or -1 when there is none now or another kind is next. */
  next(): number {
    if (this.#head === this.#tail) {
      this.#tail = Atomics.load(this.i32, this.#tailIndex)
      if (this.#head === this.#tail) return -1
    }
    const at = this.#head & this.#mask
    const p = this.#data + at + FRAME_HEADER_BYTES
    const word = this.i32[(p >> 2) - 4]
    if (word >>> 24 !== DATA) return word >>> 24 === PAD ? this.#skipPad(at) : -1
    this.#head = (this.#head + ((FRAME_HEADER_BYTES + (word & 0xffffff) + 7) & ~7)) | 0
    return p
  }

  /** The kind of the frame at the head; 0 when there is none. A fragment counts as the kind of its whole. */
  peekKind(): number {
    const p = this.#peek()
    if (p < 0) return 0
    const kind = this.i32[(p >> 2) - 4] >>> 24
    return kind === FRAGMENT ? this.i32[(p >> 2) + 2] : kind
  }

  /** Steps over the frame at the head, of whatever kind but a fragment, and returns its payload's offset; -1 if there is none. */
  control(): number {
    const p = this.#peek()
    if (p < 0) return -1
    this.#head = (this.#head + ((FRAME_HEADER_BYTES + (this.i32[(p >> 2) - 4] & 0xffffff) + 7) & ~7)) | 0
    return p
  }

  /** True if a fragment is at the head: `takeFragment` until it gives the whole. */
  get atFragment(): boolean {
    const p = this.#peek()
    return p >= 0 && this.i32[(p >> 2) - 4] >>> 24 === FRAGMENT
  }

  /**
   * Takes the fragments at the head, releasing each. The whole record once the last piece is in; null until then, also when no fragment is
   * there.
   */
  takeFragment(): LargeFrame | null {
    for (;;) {
      const p = this.#peek()
      if (p < 0 || this.i32[(p >> 2) - 4] >>> 24 !== FRAGMENT) return null
      const total = this.i32[p >> 2]
      const at = this.i32[(p >> 2) + 1]
      const size = (this.i32[(p >> 2) - 4] & 0xffffff) - FRAGMENT_HEADER_BYTES
      if (at === 0) this.#large = new Uint8Array(align8(total))
      const bytes = this.#large
      assert(bytes !== null, 'a fragment without a beginning')
      bytes.set(this.u8.subarray(p + FRAGMENT_HEADER_BYTES, p + FRAGMENT_HEADER_BYTES + size), at)
      const [kind, hash, arrivalMicros] = [this.i32[(p >> 2) + 2], this.i32[(p >> 2) + 3], this.f64[(p >> 3) - 1]]
      this.control()
      this.release()
      if (at + size < total) continue
      this.#large = null
      return { bytes: bytes.subarray(0, total), kind, hash, arrivalMicros }
    }
  }

  /** Gives what was walked over back to the producer. Payloads read before must not be looked at any more. */
  release(): void {
    if (this.#head === this.#released) return
    if (this.#poison) this.#overwrite()
    this.#released = this.#head
    Atomics.store(this.i32, this.#headIndex, this.#head)
  }

  /**
   * How far the producer may be ahead from now on: one that is this many bytes ahead of what was released, or more, must wait. 0: the
   * capacity. It takes effect the next time that the producer looks at the reader's position, so at the latest when it has used up the
   * limit before.
   */
  setSoftLimit(bytes: number): void {
    Atomics.store(this.i32, this.#limitIndex, bytes <= 0 ? this.capacity : Math.min(this.capacity, bytes))
  }

  /** The length of the payload at `p`, a position that `next` or `control` gave. */
  lengthAt(p: number): number {
    return this.i32[(p >> 2) - 4] & 0xffffff
  }

  hashAt(p: number): number {
    return this.i32[(p >> 2) - 3]
  }

  arrivalMicrosAt(p: number): number {
    return this.f64[(p >> 3) - 1]
  }

  /** Bytes that are published and not walked over yet. */
  fillBytes(): number {
    return (Atomics.load(this.i32, this.#tailIndex) - this.#head) | 0
  }

  #peek(): number {
    for (;;) {
      if (this.#head === this.#tail) {
        this.#tail = Atomics.load(this.i32, this.#tailIndex)
        if (this.#head === this.#tail) return -1
      }
      const at = this.#head & this.#mask
      const p = this.#data + at + FRAME_HEADER_BYTES
      if (this.i32[(p >> 2) - 4] >>> 24 !== PAD) return p
      this.#head = (this.#head + this.capacity - at) | 0
    }
  }

  #skipPad(at: number): number {
    this.#head = (this.#head + this.capacity - at) | 0
    return this.next()
  }

  #overwrite(): void {
    const from = this.#data + (this.#released & this.#mask)
    const to = this.#data + (this.#head & this.#mask)
    if (from < to) {
      this.i32.fill(POISON, from >> 2, to >> 2)
    } else {
      this.i32.fill(POISON, from >> 2, (this.#data + this.capacity) >> 2)
      this.i32.fill(POISON, this.#data >> 2, to >> 2)
    }
  }
}
