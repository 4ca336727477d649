import { deleteBytes, encodeDelete, encodePut, putBytes } from '../state/change-record.ts'
import type { ChangeLog } from '../state/keyed-store.ts'

const CHUNK_BYTES = 256 * 1024

/** The change log of one operator and epoch, in chunks that leave the thread as they fill. Nothing leaves for an epoch without changes. */
export class ChangeWriter implements ChangeLog {
  readonly #send: (chunk: Uint8Array) => void
  #chunk: Uint8Array | null = null
  #used = 0

  constructor(send: (chunk: Uint8Array) => void) {
    this.#send = send
  }

  put(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    const chunk = this.#room(putBytes(keyLength, valueLength))
    this.#used = encodePut(chunk, this.#used, hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
  }

  delete(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): void {
    const chunk = this.#room(deleteBytes(keyLength))
    this.#used = encodeDelete(chunk, this.#used, hash, key, keyOffset, keyLength)
  }

  /** Sends what is left. */
  finish(): void {
    if (this.#chunk !== null && this.#used > 0) this.#send(this.#chunk.subarray(0, this.#used))
    this.#chunk = null
    this.#used = 0
  }

  #room(bytes: number): Uint8Array {
    if (this.#chunk !== null && this.#used + bytes > this.#chunk.length) this.finish()
    this.#chunk ??= new Uint8Array(Math.max(CHUNK_BYTES, bytes))
    return this.#chunk
  }
}
