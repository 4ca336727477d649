import type { Arena } from './arena.ts'
import { allocateBytes, dropBytes, SYSTEM_BYTES } from './memory.ts'

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
const CHUNK_SHIFT = 19
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1
/** No memory until it is touched, bucket by bucket. */
const CHUNK_BYTES = SYSTEM_BYTES
/** The first chunk begins with 64 KiB: most tables are small. */
const SMALL_BUCKETS = 1024
const SMALL_BYTES = 4 * (SMALL_BUCKETS << BUCKET_SHIFT)
const FIRST_BUCKETS = 16
/** Entries per bucket at which one more is added: 5 of 7 slots. */
const TARGET_LOAD = 5
const LEAST_LOAD = 2

export const ENTRY_KEY_OFFSET = 16

/**
 * Places of the front: at first, and at most (512 KiB); four or more for each entry in between. With more entries than places a key is as
 * often not there as it is, which no processor can predict: then two places are left, so that it is hardly ever there.
 */
const FRONT_LEAST_BITS = 8
const FRONT_MOST_BITS = 16
const FRONT_LEAST_SHARE = 4
const FRONT_OFF_BITS = 1

/**
 * Mixes a key's int32 words, which generated code does in line: cheaper than a hash, and good in its upper bits only. The first word comes
 * last, so that small numbers that follow one another get places of their own.
 */
export const FRONT_FACTOR = 0x9e3779b1
export const mixWords = (words: Int32Array, at: number, count: number): number => {
  let mix = 0
  for (let i = count - 1; i >= 0; i--) mix = Math.imul(mix ^ (mix >>> 15) ^ words[at + i], FRONT_FACTOR)
  return mix
}

export class KeyIndex {
  /**
   * A shortcut for generated code: the entries that were found last, two int32 a place, `mix · handle`. A key's place is
   * `mix >>> frontShift`. If the mix there is the key's, the handle beside it is that of an entry in the index, most likely the key's: its
   * words must still be compared. Else the index is asked, and `remember` told. A place that is empty has a mix that belongs elsewhere. An
   * array that has been replaced is empty, so it may be held over insertions and removals.
   */
  front: Int32Array = emptyFront(FRONT_OFF_BITS)
  frontShift = 32 - FRONT_OFF_BITS
  #hasFront = false
  /** With more entries, or with fewer, the front gets another size. */
  #frontRoom = Number.POSITIVE_INFINITY
  #frontLeast = 0
  /** Places go by the mix of all words of a key, not by its hash. */
  #mixes = false
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
  #touched = 0
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
    return bytesOf(this.#chunks) + bytesOf(this.#overflow) + (this.#hasFront ? this.front.byteLength : 0)
  }

  /** How many entries growing and shrinking have put into another place so far: a few for each insertion or removal, never many at once. */
  get movedCount(): number {
    return this.#movedCount
  }

  /**
   * From now on the front is kept. `mixes`: the mix of a key is that of its words, whose number is the same for all keys; else it is the
   * key's hash. To be called before there are entries.
   */
  useFront(mixes: boolean): void {
    this.#mixes = mixes
    if (this.#hasFront) return
    this.#hasFront = true
    this.#setFront(FRONT_LEAST_BITS)
  }

  /** An entry of the index has been found, or made, for a key of this mix. */
  remember(mix: number, handle: number): void {
    const place = (mix >>> this.frontShift) << 1
    this.front[place] = mix
    this.front[place + 1] = handle
  }

  /**
   * Makes an empty index as wide as it is to be with so many entries, so that they need not be moved again and again while they come. Does
   * nothing if it is not empty, or wider already.
   */
  reserve(entries: number): void {
    if (this.#size > 0) return
    const buckets = Math.ceil(entries / TARGET_LOAD)
    if (buckets <= this.#buckets) return
    while (this.#buckets < buckets) this.#addBucket()
    this.#mask = 2 ** Math.floor(Math.log2(buckets)) - 1
    this.#split = buckets - this.#mask - 1
  }

  /**
   * Has the processor fetch what a look-up of this hash will need. Who calls it for some dozens of hashes before it looks for the first has
   * waited for memory once and not for each.
   */
  touch(hash: number): void {
    const bucket = this.#bucketOf(hash)
    this.#touched ^= this.#chunks[bucket >> CHUNK_SHIFT][((bucket & CHUNK_MASK) << BUCKET_SHIFT) + COUNT]
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
    const handle = this.allocate(hash, key, keyOffset, keyLength, valueBytes)
    this.#put(this.#bucketOf(hash), hash, handle)
    this.#size++
    if (this.#size > this.#buckets * TARGET_LOAD) this.#grow()
    if (this.#size > this.#frontRoom) this.#growFront()
    return handle
  }

  /** The block of an entry alone, which the index does not know. */
  allocate(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, valueBytes: number): number {
    const arena = this.#arena
    const padded = (keyLength + 7) & ~7
    const handle = arena.allocate(ENTRY_KEY_OFFSET + padded + valueBytes)
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    const end = (at + ENTRY_KEY_OFFSET + padded + ((valueBytes + 7) & ~7)) >> 2
    // For short blocks a loop beats the call.
    if (end - (at >> 2) > 64) i32.fill(0, at >> 2, end)
    else for (let i = at >> 2; i < end; i++) i32[i] = 0
    i32[at >> 2] = hash
    i32[(at >> 2) + 1] = keyLength
    const to = at + ENTRY_KEY_OFFSET
    if (keyLength > 64) u8.set(key.subarray(keyOffset, keyOffset + keyLength), to)
    else for (let i = 0; i < keyLength; i++) u8[to + i] = key[keyOffset + i]
    return handle
  }

  /** Forgets all entries at once. Their blocks stay the owner's. */
  clear(): void {
    this.#size = 0
    if (this.#chunks[0].byteLength <= SMALL_BYTES) this.#chunks[0].fill(0)
    if (this.#hasFront) clearFront(this.front)
    this.#dropAll()
  }

  /** Forgets an entry. Its block is the owner's to free. */
  remove(handle: number): void {
    const arena = this.#arena
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 1
    const hash = i32[at]
    if (this.#hasFront) this.#forget(this.#mixes ? mixWords(i32, at + (ENTRY_KEY_OFFSET >> 2), i32[at + 1] >> 2) : hash, handle | 0)
    this.#take(this.#bucketOf(hash), handle | 0)
    this.#size--
    if (this.#buckets > FIRST_BUCKETS && this.#size < this.#buckets * LEAST_LOAD) this.#shrink()
    if (this.#size < this.#frontLeast) this.#setFront(FRONT_MOST_BITS)
    if (this.#size === 0) this.#dropAll()
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
    // Without a branch, which nobody could predict: buckets that are not there yet are one half further down.
    const half = this.#mask + 1
    const bucket = hash & (this.#mask | half)
    return bucket - (((this.#buckets - 1 - bucket) >> 31) & half)
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
    let overflow = -1
    while (chunk[base + COUNT] === SLOTS) {
      let link = chunk[base + LINK]
      if (link === 0) {
        link = this.#newOverflow()
        // A small first chunk may just have given way to a wide one.
        if (overflow >= 0) chunk = this.#overflow[overflow >> CHUNK_SHIFT]
        chunk[base + LINK] = link
      }
      overflow = link
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

  #forget(mix: number, handle: number): void {
    const { front } = this
    const place = (mix >>> this.frontShift) << 1
    // Other upper bits: another place's mix.
    if (front[place] === mix && front[place + 1] === handle) front[place] = ~mix
  }

  #growFront(): void {
    const bits = 32 - this.frontShift
    this.#setFront(bits === FRONT_MOST_BITS ? FRONT_OFF_BITS : bits + 1)
  }

  /** An empty front of so many bits in place of the one that there is. */
  #setFront(bits: number): void {
    dropBytes(this.front.byteLength)
    clearFront(this.front)
    this.front = emptyFront(bits)
    this.frontShift = 32 - bits
    const isOff = bits === FRONT_OFF_BITS
    this.#frontRoom = isOff ? Number.POSITIVE_INFINITY : bits === FRONT_MOST_BITS ? 2 ** bits : 2 ** bits / FRONT_LEAST_SHARE
    this.#frontLeast = isOff ? 2 ** (FRONT_MOST_BITS - 1) : 0
  }

  /** Nothing is in any bucket, and none refers to an overflow bucket: all memory goes but a small first chunk. */
  #dropAll(): void {
    if (this.#hasFront && this.frontShift !== 32 - FRONT_LEAST_BITS) this.#setFront(FRONT_LEAST_BITS)
    dropBytes(bytesOf(this.#chunks) + bytesOf(this.#overflow) - SMALL_BYTES)
    if (this.#chunks[0].byteLength > SMALL_BYTES) this.#chunks = [newChunk(SMALL_BYTES)]
    this.#buckets = FIRST_BUCKETS
    this.#mask = FIRST_BUCKETS - 1
    this.#split = 0
    this.#overflow = []
    this.#overflowCount = 1
    this.#freeOverflow = 0
  }

  #addBucket(): void {
    makeRoom(this.#chunks, this.#buckets)
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
    makeRoom(this.#overflow, number)
    return number
  }
}

const clearFront = (front: Int32Array): void => {
  front.fill(0)
  // A mix of 0 belongs to the first place.
  front[0] = -1
}

const emptyFront = (bits: number): Int32Array => {
  const front = new Int32Array(allocateBytes(8 << bits))
  clearFront(front)
  return front
}

/** Whether so many words from `at` on are these. */
export const sameWords = (held: Int32Array, at: number, words: Int32Array, count: number): boolean => {
  for (let i = 0; i < count; i++) if (held[at + i] !== words[i]) return false
  return true
}

const newChunk = (bytes: number): Int32Array => new Int32Array(allocateBytes(bytes))

/** Makes sure that there is a bucket of this number, when all before it are there. */
const makeRoom = (chunks: Int32Array[], bucket: number): void => {
  const chunk = bucket >> CHUNK_SHIFT
  if (chunk === chunks.length) {
    chunks.push(newChunk(chunk === 0 ? SMALL_BYTES : CHUNK_BYTES))
  } else if (bucket === SMALL_BUCKETS && chunks[0].byteLength === SMALL_BYTES) {
    const wide = newChunk(CHUNK_BYTES)
    wide.set(chunks[0])
    chunks[0] = wide
  }
}

const bytesOf = (chunks: readonly Int32Array[]): number => {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.byteLength
  return bytes
}

/** What a cursor looks at once it is through: a bucket with nothing in it. */
const DRAINED: Int32Array = new Int32Array(1 << BUCKET_SHIFT)
