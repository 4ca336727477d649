import type { StatefulOperator } from '../../operator/stateful.ts'
import { readChanges } from '../../state/change-record.ts'

interface Entry {
  readonly hash: number
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What a checkpoint would hold, in memory: the entries that the change logs of all epochs lead to. */
export class Snapshot {
  readonly #operators = new Map<number, Map<string, Entry>>()

  /** The changes of one operator and epoch. */
  apply(operatorId: number, chunks: readonly Uint8Array[]): void {
    const entries = this.#entriesOf(operatorId)
    for (const kind of ['deletions', 'puts']) {
      for (const bytes of chunks) {
        const end = readChanges(bytes, 0, bytes.length, {
          put: (hash, source, keyOffset, keyLength, valueOffset, valueLength) => {
            if (kind === 'deletions') return
            const key = source.slice(keyOffset, keyOffset + keyLength)
            entries.set(nameOf(key), { hash, key, value: source.slice(valueOffset, valueOffset + valueLength) })
          },
          delete: (_hash, source, keyOffset, keyLength) => {
            if (kind === 'deletions') entries.delete(nameOf(source.subarray(keyOffset, keyOffset + keyLength)))
          },
        })
        if (end !== bytes.length) throw new Error('a change log ends inside a record')
      }
    }
  }

  restore(operator: StatefulOperator): void {
    for (const { hash, key, value } of this.#entriesOf(operator.operatorId).values()) {
      operator.restore(hash, key, 0, key.length, value, 0, value.length)
    }
  }

  #entriesOf(operatorId: number): Map<string, Entry> {
    const known = this.#operators.get(operatorId)
    if (known !== undefined) return known
    const entries = new Map<string, Entry>()
    this.#operators.set(operatorId, entries)
    return entries
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
