import type { ChangeLog } from '../state/change-log.ts'
import { deleteBytes, encodeDelete, encodePut, putBytes } from '../state/change-record.ts'
import type { ChangeChannel } from './change-channel.ts'

/**
 * The change log of one operator, for one epoch at a time, in chunks that leave the task as they fill. Nothing leaves for an epoch without
 * changes.
 */
export class ChangeWriter implements ChangeLog {
  readonly #channel: ChangeChannel
  readonly #operatorId: number
  #epoch = 0
  #chunk: Uint8Array | null = null
  #used = 0

  constructor(channel: ChangeChannel, operatorId: number) {
    this.#channel = channel
    this.#operatorId = operatorId
  }

  /** What comes from now on belongs to this epoch. The one before is finished. */
  begin(epoch: number): void {
    if (this.#used > 0) throw new Error('the epoch before is not finished')
    this.#epoch = epoch
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
    if (this.#chunk !== null && this.#used > 0) this.#chunk = this.#channel.send(this.#operatorId, this.#epoch, this.#chunk, this.#used)
    this.#used = 0
  }

  #room(bytes: number): Uint8Array {
    if (this.#chunk !== null && this.#used + bytes > this.#chunk.length) this.finish()
    if (this.#chunk === null || bytes > this.#chunk.length) this.#chunk = new Uint8Array(Math.max(this.#channel.chunkBytes, bytes))
    return this.#chunk
  }
}
