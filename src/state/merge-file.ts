import { encodePut, putBytes } from './change-record.ts'
import { mergeStateFiles, type PlacedFile } from './merge-state.ts'
import type { StateFile } from './state-file.ts'
import { StateFileWriter } from './state-file-writer.ts'

/** The disk gets so much at a time, so that no wait for it is long. */
const SYNC_BYTES = 16 * 1024 * 1024

/** Merges state files, oldest first, into one at `path`, and waits for the disk. Blocks; `look` is called every few milliseconds. */
export const mergeToFile = (files: readonly PlacedFile[], path: string, name: string, look: () => void = () => {}): StateFile => {
  const writer = new StateFileWriter(path)
  let unsynced = 0
  try {
    const put = (
      hash: number,
      source: Uint8Array,
      keyOffset: number,
      keyLength: number,
      valueOffset: number,
      valueLength: number,
    ): void => {
      const size = putBytes(keyLength, valueLength)
      const at = writer.room(size)
      encodePut(writer.buffer, at, hash, source, keyOffset, keyLength, source, valueOffset, valueLength)
      unsynced += size
      if (unsynced < SYNC_BYTES) return
      writer.sync()
      unsynced = 0
    }
    mergeStateFiles(files, put, look)
  } catch (error) {
    writer.abandon()
    throw error
  }
  const { operatorId, task, epoch } = files[files.length - 1].file
  return { operatorId, task, epoch, name, ...writer.finish(true) }
}
