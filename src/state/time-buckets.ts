/**
 * When state is due: handles chained by the millisecond at which they end, and a heap over the distinct ends only. A window of a million keys
 * is one bucket. The chain's links stand in the entries themselves, so a key costs nothing here beyond its bucket.
 */
export class TimeBuckets {
  readonly #heads = new Map<number, number>()
  readonly #heap: number[] = []

  get isEmpty(): boolean {
    return this.#heap.length === 0
  }

  /** The least end with handles, or Infinity. */
  least(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]
  }

  /** Puts a handle at the head of its bucket. Returns the handle that stood there (0: none), which the caller keeps as the link to the next. */
  add(endMillis: number, handle: number): number {
    const previous = this.#heads.get(endMillis)
    this.#heads.set(endMillis, handle)
    if (previous !== undefined) return previous
    this.#up(endMillis)
    return 0
  }

  /** Takes the bucket with the least end away and returns the head of its chain. */
  take(): number {
    const end = this.#heap[0]
    const head = this.#heads.get(end) ?? 0
    this.#heads.delete(end)
    this.#down()
    return head
  }

  clear(): void {
    this.#heads.clear()
    this.#heap.length = 0
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
