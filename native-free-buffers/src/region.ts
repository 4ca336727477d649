import { assert } from './assert.ts'

/**
 * Carves one SharedArrayBuffer into pieces: everything that wants to be there reserves its bytes first, then the buffer is made, once.
 * Pieces begin at multiples of 128, so that the writers of two of them never share a cache line, nor a pair of lines, which is what
 * processors fetch.
 */
export class Region {
  #bytes = 0
  #buffer: SharedArrayBuffer | null = null

  /** The offset at which `bytes` bytes will be. */
  reserve(bytes: number): number {
    assert(this.#buffer === null, 'a region that is made cannot grow')
    const offset = this.#bytes
    this.#bytes += (bytes + 127) & ~127
    return offset
  }

  /** The buffer, zeroed, made when it is asked for first. */
  get buffer(): SharedArrayBuffer {
    this.#buffer ??= new SharedArrayBuffer(Math.max(128, this.#bytes))
    return this.#buffer
  }
}
