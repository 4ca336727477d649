import { allocateBytes, dropBytes, LINE_OFFSET, SYSTEM_BYTES } from './memory.ts'

/**
 * A table from hashes to handles, several for a hash if need be. Linear hashing: it grows by one bucket at a time, so no addition is ever
 * slower than splitting one bucket (a doubling table stalls for hundreds of milliseconds at some million keys), and shrinks in the same
 * way. A bucket is one cache line of 16 int32: seven hashes, the link to an overflow bucket, seven handles, a count. One thread only.
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

/**
 * Where things stand, for who looks for handles: to be taken into constants of its own. V8 reads an exported or imported constant from
 * memory each time, which made a look-up a tenth slower.
 */
export const BUCKET_LAYOUT = { LINK, HANDLES, COUNT, BUCKET_SHIFT, CHUNK_SHIFT, CHUNK_MASK } as const

/** The class that extends it looks for handles by itself, comparing keys on the way: what a look-up reads stands in one object. */
export class BucketTable {
  /** Primary buckets, in chunks so that growth copies nothing. */
  protected chunks: Int32Array[] = []
  /** Overflow buckets; number 0 is not used, so that a link of 0 means none. */
  protected overflow: Int32Array[] = []
  #size = 0
  #movedCount = 0
  #overflowCount = 1
  #freeOverflow = 0
  #buckets = 0
  #mask = FIRST_BUCKETS - 1
  #split = 0
  #touched = 0
  /** Hashes and handles on their way from a bucket to their new ones; kept, so that growing makes no garbage. */
  #moving: Int32Array = new Int32Array(8 * SLOTS)

  constructor() {
    for (let b = 0; b < FIRST_BUCKETS; b++) this.#addBucket()
  }

  get size(): number {
    return this.#size
  }

  /** How many entries growing and shrinking have put into another place so far: a few for each insertion or removal, never many at once. */
  get movedCount(): number {
    return this.#movedCount
  }

  /** Bytes of the table itself, without the entries. */
  get reservedBytes(): number {
    return bytesOf(this.chunks) + bytesOf(this.overflow)
  }

  /**
   * Makes an empty table as wide as it is to be with so many entries, so that they need not be moved again and again while they come. Does
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
   * Has the processor fetch what look-ups of the first `count` of these hashes will need. Who calls it for some dozens before it looks for
   * the first has waited for memory once and not for each: nothing else stands in the loop, so that many reads are under way together.
   */
  touch(hashes: Int32Array, count: number): void {
    const { chunks } = this
    const [mask, half, last] = [(this.#mask << 1) | 1, this.#mask + 1, this.#buckets - 1]
    let touched = 0
    for (let i = 0; i < count; i++) {
      let bucket = hashes[i] & mask
      bucket -= ((last - bucket) >> 31) & half
      touched ^= chunks[bucket >> CHUNK_SHIFT][((bucket & CHUNK_MASK) << BUCKET_SHIFT) + COUNT]
    }
    this.#touched ^= touched
  }

  /** The number of the primary bucket in which a hash is, if it is there. */
  protected bucketOf(hash: number): number {
    // Without a branch, which nobody could predict: buckets that are not there yet are one half further down.
    const half = this.#mask + 1
    const bucket = hash & (this.#mask | half)
    return bucket - (((this.#buckets - 1 - bucket) >> 31) & half)
  }

  protected put(hash: number, handle: number): void {
    this.#put(this.bucketOf(hash), hash, handle)
    this.#size++
    if (this.#size > this.#buckets * TARGET_LOAD) this.#grow()
  }

  protected take(hash: number, handle: number): void {
    this.#take(this.bucketOf(hash), handle)
    this.#size--
    if (this.#buckets > FIRST_BUCKETS && this.#size < this.#buckets * LEAST_LOAD) this.#shrink()
    if (this.#size === 0) this.#dropAll()
  }

  /** Forgets all entries at once. */
  clear(): void {
    this.#size = 0
    if (this.chunks[0].byteLength <= SMALL_BYTES) this.chunks[0].fill(0)
    this.#dropAll()
  }

  /** Visits every entry once. The table must not change between the calls of `next`, which gives 0 at the end. */
  cursor(): { next(): number } {
    let bucket = 0
    let [chunk, base, slot] = [this.chunks[0], 0, 0]
    return {
      next: () => {
        for (;;) {
          if (slot < chunk[base + COUNT]) return chunk[base + HANDLES + slot++] >>> 0
          slot = 0
          const link = chunk[base + LINK]
          if (link !== 0) {
            chunk = this.overflow[link >> CHUNK_SHIFT]
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
          chunk = this.chunks[bucket >> CHUNK_SHIFT]
          base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
        }
      },
    }
  }

  #put(bucket: number, hash: number, handle: number): void {
    let chunk = this.chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    let overflow = -1
    while (chunk[base + COUNT] === SLOTS) {
      let link = chunk[base + LINK]
      if (link === 0) {
        link = this.#newOverflow()
        // A small first chunk may just have given way to a wide one.
        if (overflow >= 0) chunk = this.overflow[overflow >> CHUNK_SHIFT]
        chunk[base + LINK] = link
      }
      overflow = link
      chunk = this.overflow[link >> CHUNK_SHIFT]
      base = (link & CHUNK_MASK) << BUCKET_SHIFT
    }
    const slot = chunk[base + COUNT]++
    chunk[base + slot] = hash
    chunk[base + HANDLES + slot] = handle
  }

  /** Removes a handle from its bucket's chain; the last entry of the chain fills the gap, and an empty overflow bucket goes back. */
  #take(bucket: number, handle: number): void {
    let chunk = this.chunks[bucket >> CHUNK_SHIFT]
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
      const [nextChunk, nextBase] = [this.overflow[link >> CHUNK_SHIFT], (link & CHUNK_MASK) << BUCKET_SHIFT]
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
    let chunk = this.chunks[from >> CHUNK_SHIFT]
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
      chunk = this.overflow[next >> CHUNK_SHIFT]
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
      this.chunks.pop()
      dropBytes(CHUNK_BYTES)
    }
  }

  /** Nothing is in any bucket, and none refers to an overflow bucket: all memory goes but a small first chunk. */
  #dropAll(): void {
    dropBytes(bytesOf(this.chunks) + bytesOf(this.overflow) - SMALL_BYTES)
    if (this.chunks[0].byteLength > SMALL_BYTES) this.chunks = [newChunk(SMALL_BYTES)]
    this.#buckets = FIRST_BUCKETS
    this.#mask = FIRST_BUCKETS - 1
    this.#split = 0
    this.overflow = []
    this.#overflowCount = 1
    this.#freeOverflow = 0
  }

  #addBucket(): void {
    makeRoom(this.chunks, this.#buckets)
    this.#buckets++
  }

  #newOverflow(): number {
    const free = this.#freeOverflow
    if (free !== 0) {
      const chunk = this.overflow[free >> CHUNK_SHIFT]
      const base = (free & CHUNK_MASK) << BUCKET_SHIFT
      this.#freeOverflow = chunk[base + LINK]
      chunk[base + LINK] = 0
      return free
    }
    const number = this.#overflowCount++
    makeRoom(this.overflow, number)
    return number
  }
}

const newChunk = (bytes: number): Int32Array => new Int32Array(allocateBytes(bytes + LINE_OFFSET), LINE_OFFSET, bytes >> 2)

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
