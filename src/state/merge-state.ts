import { Arena, dropBytes, KeyIndex } from 'native-free-buffers'
import type { ChangeVisitor, RecordsAhead } from './change-record.ts'
import { estimateOperations, type StateFile, visitStateFile } from './state-file.ts'

/** A state file and where it is. */
export interface PlacedFile {
  readonly path: string
  readonly file: StateFile
}

/** Operations between two looks at what else there is to do. */
const OPERATIONS_PER_LOOK = 4096

/** Called for each entry that is there after all operations. */
export type EntryVisitor = (
  hash: number,
  bytes: Uint8Array,
  keyOffset: number,
  keyLength: number,
  valueOffset: number,
  valueLength: number,
) => void

/** Who keeps the entries that are visited. */
export interface EntryKeeper {
  /** True if an entry with this key was visited. */
  holds(hash: number, bytes: Uint8Array, keyOffset: number, keyLength: number): boolean
  /** Called with some records before they are asked for. */
  touch(records: RecordsAhead, view: DataView): void
}

/**
 * The entries that a sequence of state files leads to, oldest file first. Reads the newest first, so that of each key only the last value
 * is looked at. Blocks; takes memory for the keys, not for the values. `look` is called every few milliseconds, so that a thread that has
 * something else to do can do it. A `keeper` of the entries that are visited says itself which it has; then only deletions must be
 * remembered here, which halves the time that a restore takes.
 */
export const mergeStateFiles = (
  files: readonly PlacedFile[],
  visit: EntryVisitor,
  look: () => void = () => {},
  keeper: EntryKeeper | null = null,
): void => {
  let operations = 0
  const arena = new Arena()
  const seen = new KeyIndex(arena)
  // The last file whose keys must be remembered is the second oldest: nothing older is there to be hidden.
  for (let i = files.length - 1; i >= 0; i--) {
    const remember = i > 0
    const { path, file } = files[i]
    const visitor: ChangeVisitor = {
      ahead: (records, view) => {
        keeper?.touch(records, view)
        if (seen.size > 0) seen.touch(records.hashes, records.count)
      },
      put: (hash, bytes, keyOffset, keyLength, valueOffset, valueLength) => {
        if (++operations % OPERATIONS_PER_LOOK === 0) look()
        if (i < files.length - 1) {
          if (keeper?.holds(hash, bytes, keyOffset, keyLength) === true) return
          if (seen.size > 0 && seen.find(hash, bytes, keyOffset, keyLength) !== 0) return
        }
        visit(hash, bytes, keyOffset, keyLength, valueOffset, valueLength)
        if (remember && keeper === null) seen.insert(hash, bytes, keyOffset, keyLength, 0)
      },
      delete: (hash, bytes, keyOffset, keyLength) => {
        if (++operations % OPERATIONS_PER_LOOK === 0) look()
        if (remember && seen.find(hash, bytes, keyOffset, keyLength) === 0) seen.insert(hash, bytes, keyOffset, keyLength, 0)
      },
    }
    visitStateFile(path, file, visitor, look)
  }
  dropBytes(arena.reservedBytes + seen.reservedBytes)
}

/** About how many entries these files lead to, or fewer: those of the largest, in which each key stands once. */
export const estimateEntries = (files: readonly PlacedFile[]): number => {
  let largest = files[0]
  for (const placed of files) if (placed.file.bytes > largest.file.bytes) largest = placed
  return largest === undefined ? 0 : estimateOperations(largest.path, largest.file)
}
