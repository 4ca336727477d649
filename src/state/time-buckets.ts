/**
 * When state is due: handles chained by the millisecond at which they end, and a heap over the distinct ends only. A window of a million
 * keys is one bucket. The chain's links stand in the entries themselves, so a key costs nothing here beyond its bucket.
 */
export class TimeBuckets {
  readonly #buckets = new Map<number, Bucket>()
  readonly #heap: number[] = []
  /** Buckets used lately, by a hash of their end: rows come for few ends at a time, and a Map costs more than the rest of an insertion. */
  readonly #recent: Bucket[] = new Array(RECENT).fill(NONE)

  get isEmpty(): boolean {
    return this.#heap.length === 0
  }

  /** The least end with handles, or Infinity. */
  least(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]
  }

  /**
   * Puts a handle at the head of its bucket. Returns the handle that stood there (0: none), which the caller keeps as the link to the next.
   */
  add(endMillis: number, handle: number): number {
    const bucket = this.at(endMillis)
    const previous = bucket.head
    bucket.head = handle
    return previous
  }

  /** The bucket of an end, opened if there is none. Who puts many handles into one may keep it until `take` is called. */
  at(endMillis: number): Bucket {
    const place = placeOf(endMillis)
    let bucket = this.#recent[place]
    if (bucket.end !== endMillis) {
      bucket = this.#buckets.get(endMillis) ?? this.#open(endMillis)
      this.#recent[place] = bucket
    }
    return bucket
  }

  /** The handle at the head of a bucket gives way to the one behind it. An empty bucket stays until it is due: `take` then gives 0. */
  replaceHead(endMillis: number, handle: number): void {
    const bucket = this.#buckets.get(endMillis)
    if (bucket === undefined) throw new Error(`no bucket ends at ${endMillis}`)
    bucket.head = handle
  }

  /** Takes the bucket with the least end away and returns the head of its chain. */
  take(): number {
    const end = this.#heap[0]
    const head = this.#buckets.get(end)?.head ?? 0
    this.#buckets.delete(end)
    if (this.#recent[placeOf(end)].end === end) this.#recent[placeOf(end)] = NONE
    this.#down()
    return head
  }

  clear(): void {
    this.#buckets.clear()
    this.#recent.fill(NONE)
    this.#heap.length = 0
  }

  #open(end: number): Bucket {
    const bucket = new Bucket(end)
    this.#buckets.set(end, bucket)
    this.#up(end)
    return bucket
  }

  #up(end: number): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(end)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent] <= end) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = end
  }

  #down(): void {
    const heap = this.#heap
    const last = heap.pop()
    const { length } = heap
    if (last === undefined || length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && heap[child + 1] < heap[child]) child++
      if (heap[child] >= last) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
  }
}

/** Handles with one end: the head of their chain. */
export class Bucket {
  readonly end: number
  head = 0

  constructor(end: number) {
    this.end = end
  }
}

const RECENT = 64
const NONE = new Bucket(Number.NaN)

const placeOf = (end: number): number => Math.imul(end, 0x9e3779b1) >>> 26
