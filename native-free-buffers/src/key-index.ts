import type { Arena } from './arena.ts'
import { allocateBytes, dropBytes } from './memory.ts'

/**
 * From key bytes to the handle of an entry block in an arena. The index knows the first part of a block, the rest is the owner's:
 *
 *   0 u32 hash · 4 u32 keyLength · 8 u32 owner · 12 u32 owner · 16 key bytes, padded to 8 · value
 *
 * Linear hashing: the table grows by one bucket at a time, so no insertion is ever slower than splitting one bucket (a doubling table
 * stalls for hundreds of milliseconds at some million keys), and shrinks in the same way. A bucket is one cache line of 16 int32: seven
 * hashes, the link to an overflow bucket, seven handles, a count. One thread only.
 */
const SLOTS = 7
const LINK = 7
const HANDLES = 8
const COUNT = 15
const BUCKET_SHIFT = 4
const CHUNK_SHIFT = 10
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1
const CHUNK_BYTES = 4 << (CHUNK_SHIFT + BUCKET_SHIFT)
const FIRST_BUCKETS = 16
/** Entries per bucket at which one more is added: 5 of 7 slots. */
const TARGET_LOAD = 5
const LEAST_LOAD = 2

export const ENTRY_KEY_OFFSET = 16

export class KeyIndex {
  readonly #arena: Arena
  /** Primary buckets, in chunks so that growth copies nothing. */
  #chunks: Int32Array[] = []
  /** Overflow buckets; number 0 is not used, so that a link of 0 means none. */
  #overflow: Int32Array[] = []
  #overflowCount = 1
  #freeOverflow = 0
  #buckets = 0
  #mask = FIRST_BUCKETS - 1
  #split = 0
  #size = 0
  #movedCount = 0
  /** Hashes and handles on their way from a bucket to their new ones; kept, so that growing makes no garbage. */
  #moving: Int32Array = new Int32Array(8 * SLOTS)

  constructor(arena: Arena) {
    this.#arena = arena
    for (let b = 0; b < FIRST_BUCKETS; b++) this.#addBucket()
  }

  get size(): number {
    return this.#size
  }

  /** Bytes of the index itself, without the entries, which are the arena's. */
  get reservedBytes(): number {
    return (this.#chunks.length + this.#overflow.length) * CHUNK_BYTES
  }

  /** How many entries growing and shrinking have put into another place so far: a few for each insertion or removal, never many at once. */
  get movedCount(): number {
    return this.#movedCount
  }

  /** The handle of the entry with this key, or 0. */
  find(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number {
    let bucket = this.#bucketOf(hash)
    let chunk = this.#chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const count = chunk[base + COUNT]
      for (let i = 0; i < count; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        if (this.#sameKey(handle, key, keyOffset, keyLength)) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.#overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /** The same for keys of 8 bytes, given as two int32. All keys of the index must have that length. */
  findFixed8(hash: number, low: number, high: number): number {
    const arena = this.#arena
    let bucket = this.#bucketOf(hash)
    let chunk = this.#chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const count = chunk[base + COUNT]
      for (let i = 0; i < count; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        const { i32 } = arena.segments[handle >>> arena.segmentShift]
        const at = ((handle & arena.handleMask) << 1) + (ENTRY_KEY_OFFSET >> 2)
        if (i32[at] === low && i32[at + 1] === high) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.#overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /** The same for keys of whole words, given as int32, which are compared sooner than bytes. */
  findWords(hash: number, words: Int32Array, count: number): number {
    const arena = this.#arena
    let bucket = this.#bucketOf(hash)
    let chunk = this.#chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const slots = chunk[base + COUNT]
      for (let i = 0; i < slots; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        const { i32 } = arena.segments[handle >>> arena.segmentShift]
        const at = (handle & arena.handleMask) << 1
        if (i32[at + 1] === count << 2 && sameWords(i32, at + (ENTRY_KEY_OFFSET >> 2), words, count)) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.#overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /**
   * Adds an entry for a key that is not there: a block with header and key, the owner's words and `valueBytes` of value zeroed. Returns its
   * handle.
   */
  insert(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, valueBytes: number): number {
    const arena = this.#arena
    const padded = (keyLength + 7) & ~7
    const handle = arena.allocate(ENTRY_KEY_OFFSET + padded + valueBytes)
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    i32.fill(0, at >> 2, (at + ENTRY_KEY_OFFSET + padded + ((valueBytes + 7) & ~7)) >> 2)
    i32[at >> 2] = hash
    i32[(at >> 2) + 1] = keyLength
    const to = at + ENTRY_KEY_OFFSET
    if (keyLength > 64) u8.set(key.subarray(keyOffset, keyOffset + keyLength), to)
    else for (let i = 0; i < keyLength; i++) u8[to + i] = key[keyOffset + i]
    this.#put(this.#bucketOf(hash), hash, handle)
    this.#size++
    if (this.#size > this.#buckets * TARGET_LOAD) this.#grow()
    return handle
  }

  /** Forgets an entry. Its block is the owner's to free. */
  remove(handle: number): void {
    const arena = this.#arena
    const hash = arena.segments[handle >>> arena.segmentShift].i32[(handle & arena.handleMask) << 1]
    this.#take(this.#bucketOf(hash), handle | 0)
    this.#size--
    if (this.#buckets > FIRST_BUCKETS && this.#size < this.#buckets * LEAST_LOAD) this.#shrink()
    if (this.#size === 0) this.#dropOverflow()
  }

  /** Visits every entry once. The index must not change between the calls of `next`, which gives 0 at the end. */
  cursor(): { next(): number } {
    let bucket = 0
    let [chunk, base, slot] = [this.#chunks[0], 0, 0]
    return {
      next: () => {
        for (;;) {
          if (slot < chunk[base + COUNT]) return chunk[base + HANDLES + slot++] >>> 0
          slot = 0
          const link = chunk[base + LINK]
          if (link !== 0) {
            chunk = this.#overflow[link >> CHUNK_SHIFT]
            base = (link & CHUNK_MASK) << BUCKET_SHIFT
            continue
          }
          if (++bucket >= this.#buckets) {
            bucket--
            slot = SLOTS + 1
            chunk = DRAINED
            base = 0
            return 0
          }
          chunk = this.#chunks[bucket >> CHUNK_SHIFT]
          base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
        }
      },
    }
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask
    return bucket < this.#split ? hash & ((this.#mask << 1) | 1) : bucket
  }

  #sameKey(handle: number, key: Uint8Array, keyOffset: number, keyLength: number): boolean {
    const arena = this.#arena
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    if (i32[(at >> 2) + 1] !== keyLength) return false
    const from = at + ENTRY_KEY_OFFSET
    for (let i = 0; i < keyLength; i++) if (u8[from + i] !== key[keyOffset + i]) return false
    return true
  }

  #put(bucket: number, hash: number, handle: number): void {
    let chunk = this.#chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    while (chunk[base + COUNT] === SLOTS) {
      let link = chunk[base + LINK]
      if (link === 0) {
        link = this.#newOverflow()
        chunk[base + LINK] = link
      }
      chunk = this.#overflow[link >> CHUNK_SHIFT]
      base = (link & CHUNK_MASK) << BUCKET_SHIFT
    }
    const slot = chunk[base + COUNT]++
    chunk[base + slot] = hash
    chunk[base + HANDLES + slot] = handle
  }

  /** Removes a handle from its bucket's chain; the last entry of the chain fills the gap, and an empty overflow bucket goes back. */
  #take(bucket: number, handle: number): void {
    let chunk = this.#chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    let slot = -1
    let [foundChunk, foundBase] = [chunk, base]
    for (;;) {
      const count = chunk[base + COUNT]
      for (let i = 0; slot < 0 && i < count; i++) {
        if (chunk[base + HANDLES + i] === handle) {
          slot = i
          foundChunk = chunk
          foundBase = base
        }
      }
      const link = chunk[base + LINK]
      if (link === 0) break
      const [nextChunk, nextBase] = [this.#overflow[link >> CHUNK_SHIFT], (link & CHUNK_MASK) << BUCKET_SHIFT]
      if (nextChunk[nextBase + LINK] === 0 && slot >= 0) {
        // The last of the chain gives up its last entry.
        this.#fill(foundChunk, foundBase, slot, nextChunk, nextBase)
        if (nextChunk[nextBase + COUNT] === 0) {
          chunk[base + LINK] = 0
          nextChunk[nextBase + LINK] = this.#freeOverflow
          this.#freeOverflow = link
        }
        return
      }
      if (nextChunk[nextBase + LINK] === 0) {
        const at = this.#slotIn(nextChunk, nextBase, handle)
        this.#fill(nextChunk, nextBase, at, nextChunk, nextBase)
        if (nextChunk[nextBase + COUNT] === 0) {
          chunk[base + LINK] = 0
          nextChunk[nextBase + LINK] = this.#freeOverflow
          this.#freeOverflow = link
        }
        return
      }
      chunk = nextChunk
      base = nextBase
    }
    this.#fill(foundChunk, foundBase, slot, chunk, base)
  }

  #slotIn(chunk: Int32Array, base: number, handle: number): number {
    for (let i = 0; i < chunk[base + COUNT]; i++) if (chunk[base + HANDLES + i] === handle) return i
    throw new Error('native-free-buffers: an entry is not in the index')
  }

  #fill(chunk: Int32Array, base: number, slot: number, lastChunk: Int32Array, lastBase: number): void {
    if (slot < 0) throw new Error('native-free-buffers: an entry is not in the index')
    const last = --lastChunk[lastBase + COUNT]
    chunk[base + slot] = lastChunk[lastBase + last]
    chunk[base + HANDLES + slot] = lastChunk[lastBase + HANDLES + last]
  }

  #grow(): void {
    const from = this.#split
    this.#addBucket()
    const wide = (this.#mask << 1) | 1
    if (++this.#split > this.#mask) {
      this.#mask = wide
      this.#split = 0
    }
    this.#redistribute(from, wide)
  }

  /** Entries of a bucket that has been split, or merged, find their new places. */
  #redistribute(from: number, mask: number): void {
    let chunk = this.#chunks[from >> CHUNK_SHIFT]
    let base = (from & CHUNK_MASK) << BUCKET_SHIFT
    let moving = this.#moving
    let words = 0
    let link = from
    for (let primary = true; ; primary = false) {
      const count = chunk[base + COUNT]
      if (words + 2 * count > moving.length) moving = this.#widenMoving()
      for (let i = 0; i < count; i++) {
        moving[words++] = chunk[base + i]
        moving[words++] = chunk[base + HANDLES + i]
      }
      chunk[base + COUNT] = 0
      const next = chunk[base + LINK]
      chunk[base + LINK] = 0
      if (!primary) {
        chunk[base + LINK] = this.#freeOverflow
        this.#freeOverflow = link
      }
      if (next === 0) break
      link = next
      chunk = this.#overflow[next >> CHUNK_SHIFT]
      base = (next & CHUNK_MASK) << BUCKET_SHIFT
    }
    for (let i = 0; i < words; i += 2) this.#put(moving[i] & mask, moving[i], moving[i + 1])
    this.#movedCount += words >> 1
  }

  #widenMoving(): Int32Array {
    const wider = new Int32Array(2 * this.#moving.length)
    wider.set(this.#moving)
    this.#moving = wider
    return wider
  }

  #shrink(): void {
    if (this.#split === 0) {
      this.#mask >>= 1
      this.#split = this.#mask + 1
    }
    this.#split--
    const last = this.#buckets - 1
    this.#redistribute(last, this.#mask)
    this.#buckets = last
    if ((last & CHUNK_MASK) === 0) {
      this.#chunks.pop()
      dropBytes(CHUNK_BYTES)
    }
  }

  /** No bucket is left that could refer to an overflow bucket. */
  #dropOverflow(): void {
    dropBytes(this.#overflow.length * CHUNK_BYTES)
    this.#overflow = []
    this.#overflowCount = 1
    this.#freeOverflow = 0
  }

  #addBucket(): void {
    if ((this.#buckets & CHUNK_MASK) === 0) this.#chunks.push(newChunk())
    this.#buckets++
  }

  #newOverflow(): number {
    const free = this.#freeOverflow
    if (free !== 0) {
      const chunk = this.#overflow[free >> CHUNK_SHIFT]
      const base = (free & CHUNK_MASK) << BUCKET_SHIFT
      this.#freeOverflow = chunk[base + LINK]
      chunk[base + LINK] = 0
      return free
    }
    const number = this.#overflowCount++
    if (number >> CHUNK_SHIFT >= this.#overflow.length) this.#overflow.push(newChunk())
    return number
  }
}

const sameWords = (held: Int32Array, at: number, words: Int32Array, count: number): boolean => {
  for (let i = 0; i < count; i++) if (held[at + i] !== words[i]) return false
  return true
}

const newChunk = (): Int32Array => new Int32Array(allocateBytes(CHUNK_BYTES))

/** What a cursor looks at once it is through: a bucket with nothing in it. */
const DRAINED: Int32Array = new Int32Array(1 << BUCKET_SHIFT)
