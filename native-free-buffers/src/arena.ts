import { assert } from './assert.ts'
import { allocateBytes, dropBytes, LINE_OFFSET, SYSTEM_BYTES } from './memory.ts'
import { type Views, viewsOf } from './views.ts'

/** Units are 8 bytes: 2^22 of them make a segment of 32 MiB (see `SYSTEM_BYTES`), and 2^10 segments can be named. */
const SEGMENT_SHIFT = 22
const SEGMENT_BYTES = SYSTEM_BYTES
/** The first segment is smaller: most stores are small. */
const FIRST_SEGMENT_BYTES = 2 ** 20
/** The first block begins with a cache line, and so do all if they are 64 bytes each. */
const FIRST_UNIT = LINE_OFFSET >> 3
const SMALL_BYTES = 512
const SMALL_CLASSES = SMALL_BYTES / 16
const LARGEST_SHARED_BYTES = SEGMENT_BYTES >> 3

/**
 * Memory for state: blocks of any size behind stable 32-bit handles, outside the collector's reach. A handle names a unit of 8 bytes:
 *
 *   handle >>> segmentShift         the segment, an index into `segments`
 *   (handle & handleMask) << 3      the block's byte offset in that segment's views
 *
 * Blocks come in size classes (each 16 bytes up to 512, then four to each power of two) with one free list a class, threaded through the
 * free blocks. A block above 4 MiB has a segment to itself, at most 1 GiB. Segments are virtual memory until they are touched. When the
 * last block is freed, all segments but the first (1 MiB) go back. One thread only.
 */
export class Arena {
  readonly segments: Views[] = []
  readonly segmentShift = SEGMENT_SHIFT
  readonly handleMask = 2 ** SEGMENT_SHIFT - 1
  #free = new Uint32Array(SMALL_CLASSES + 128)
  /** Segments whose own block was freed: their numbers can be used again. */
  #vacant: number[] = []
  #current = -1
  #unit = 0
  /** Where the current segment ends. */
  #unitEnd = 0
  /** The first segment, which is kept. */
  #first: Views | null = null
  #usedBytes = 0
  #reservedBytes = 0

  /** Bytes in blocks that are in use, rounded up to their classes. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Bytes of all segments, touched or not. */
  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** A block of at least `bytes` bytes. Its content is old rubbish. Never 0. */
  allocate(bytes: number): number {
    assert(bytes > 0 && bytes <= 2 ** 30, `a block of ${bytes} bytes`)
    if (bytes > LARGEST_SHARED_BYTES) return this.#allocateOwn(bytes)
    const index = classOf(bytes)
    const size = sizeOf(index)
    this.#usedBytes += size
    const free = this.#free[index]
    if (free !== 0) {
      this.#free[index] = this.segments[free >>> SEGMENT_SHIFT].i32[(free & this.handleMask) << 1] >>> 0
      return free
    }
    const units = size >> 3
    if (this.#unit + units > this.#unitEnd) this.#newSegment(units)
    const handle = ((this.#current << SEGMENT_SHIFT) | this.#unit) >>> 0
    this.#unit += units
    return handle
  }

  /** Gives a block back. `bytes` is what it was allocated with, or anything of the same class. */
  free(handle: number, bytes: number): void {
    const number = handle >>> SEGMENT_SHIFT
    if (bytes > LARGEST_SHARED_BYTES) {
      const { length } = this.segments[number].u8
      this.#usedBytes -= length
      this.#reservedBytes -= length
      this.segments[number] = EMPTY
      this.#vacant.push(number)
      dropBytes(length)
    } else {
      const index = classOf(bytes)
      this.segments[number].i32[(handle & this.handleMask) << 1] = this.#free[index]
      this.#free[index] = handle
      this.#usedBytes -= sizeOf(index)
    }
    if (this.#usedBytes === 0) this.#reset()
  }

  #allocateOwn(bytes: number): number {
    const length = (bytes + (FIRST_UNIT << 3) + 7) & ~7
    const number = this.#addSegment(length)
    this.#usedBytes += length
    return ((number << SEGMENT_SHIFT) | FIRST_UNIT) >>> 0
  }

  #newSegment(units: number): void {
    const isFirst = this.#first === null && units + FIRST_UNIT <= FIRST_SEGMENT_BYTES >> 3
    this.#current = this.#addSegment(isFirst ? FIRST_SEGMENT_BYTES : SEGMENT_BYTES)
    const segment = this.segments[this.#current]
    if (isFirst) this.#first = segment
    this.#unit = FIRST_UNIT
    this.#unitEnd = segment.u8.length >> 3
  }

  #addSegment(bytes: number): number {
    const number = this.#vacant.pop() ?? this.segments.length
    assert(number < 2 ** 10, 'the arena is full: 32 GiB')
    this.segments[number] = viewsOf(allocateBytes(bytes))
    this.#reservedBytes += bytes
    return number
  }

  #reset(): void {
    const first = this.#first
    dropBytes(this.#reservedBytes - (first?.u8.length ?? 0))
    this.segments.length = 0
    this.#vacant.length = 0
    this.#free.fill(0)
    if (first === null) {
      this.#current = -1
      this.#unitEnd = this.#unit = this.#reservedBytes = 0
    } else {
      this.segments.push(first)
      this.#current = 0
      this.#unit = FIRST_UNIT
      this.#unitEnd = first.u8.length >> 3
      this.#reservedBytes = first.u8.length
    }
  }
}

const EMPTY = viewsOf(new ArrayBuffer(0))

const classOf = (bytes: number): number => {
  if (bytes <= SMALL_BYTES) return (bytes - 1) >> 4
  const exponent = 31 - Math.clz32(bytes - 1)
  return SMALL_CLASSES + ((exponent - 9) << 2) + (((bytes - 1) >> (exponent - 2)) & 3)
}

const sizeOf = (index: number): number => {
  if (index < SMALL_CLASSES) return (index + 1) << 4
  const step = index - SMALL_CLASSES
  const exponent = 9 + (step >> 2)
  return (1 << exponent) + (((step & 3) + 1) << (exponent - 2))
}
