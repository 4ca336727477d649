const CHUNK_SHIFT = 14
const CHUNK_SIZE = 1 << CHUNK_SHIFT

/** A list of 32-bit handles that grows chunk by chunk: a push never copies what is there, so it never stalls. */
export class HandleList {
  readonly #chunks: Int32Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(handle: number): void {
    const chunk = this.#length >>> CHUNK_SHIFT
    if (chunk === this.#chunks.length) this.#chunks.push(new Int32Array(CHUNK_SIZE))
    this.#chunks[chunk][this.#length & (CHUNK_SIZE - 1)] = handle
    this.#length++
  }

  at(index: number): number {
    return this.#chunks[index >>> CHUNK_SHIFT][index & (CHUNK_SIZE - 1)] >>> 0
  }

  /** Forgets the handles. One chunk is kept for the next time; the others go back to the collector. */
  clear(): void {
    this.#length = 0
    this.#chunks.length = Math.min(this.#chunks.length, 1)
  }
}
