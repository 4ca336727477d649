import type { ChangeLog } from '../../src/state/change-log.ts'
import { deleteBytes, encodeDelete, encodePut, putBytes, readChanges } from '../../src/state/change-record.ts'

export interface StoredEntry {
  readonly hash: number
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A change log in memory, in the bytes that a file would have. */
export class ChangeList implements ChangeLog {
  readonly #parts: Uint8Array[] = []
  puts = 0

  put(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    const part = new Uint8Array(putBytes(keyLength, valueLength))
    encodePut(part, 0, hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
    this.#parts.push(part)
    this.puts++
  }

  delete(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): void {
    const part = new Uint8Array(deleteBytes(keyLength))
    encodeDelete(part, 0, hash, key, keyOffset, keyLength)
    this.#parts.push(part)
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts))
  }

  /** Does to a map what the epoch did: deletions first. */
  applyTo(entries: Map<string, StoredEntry>): void {
    const bytes = this.bytes()
    const nothing = (): void => {}
    const end = readChanges(bytes, 0, bytes.length, {
      put: nothing,
      delete: (_hash, source, offset, length) => void entries.delete(hex(source.subarray(offset, offset + length))),
    })
    if (end !== bytes.length) throw new Error('an unfinished record')
    readChanges(bytes, 0, bytes.length, {
      put: (hash, source, keyOffset, keyLength, valueOffset, valueLength) => {
        const key = source.slice(keyOffset, keyOffset + keyLength)
        entries.set(hex(key), { hash, key, value: source.slice(valueOffset, valueOffset + valueLength) })
      },
      delete: nothing,
    })
  }
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
