import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { encodePut, putBytes } from './change-record.ts'
import { mergeStateFiles } from './merge-state.ts'
import { STATE_HEADER_BYTES, STATE_TRAILER_BYTES, type StateFile, stateHeader, stateTrailer, updateCrc } from './state-file.ts'

const CHUNK_BYTES = 1024 * 1024

/** Runs on a pool's thread: merges state files, oldest first, into one at `path`. Blocks that thread. */
export default ({
  files,
  path,
  name,
}: {
  files: readonly { readonly path: string; readonly file: StateFile }[]
  path: string
  name: string
}): StateFile => {
  const handle = openSync(path, 'w')
  let chunk = new Uint8Array(CHUNK_BYTES)
  let used = 0
  let bytes = STATE_HEADER_BYTES
  let crc = 0
  const flush = (): void => {
    const part = chunk.subarray(0, used)
    crc = updateCrc(crc, part)
    writeAllSync(handle, part)
    bytes += used
    used = 0
  }
  try {
    writeAllSync(handle, stateHeader())
    mergeStateFiles(files, (hash, source, keyOffset, keyLength, valueOffset, valueLength) => {
      const size = putBytes(keyLength, valueLength)
      if (used + size > chunk.length) flush()
      if (size > chunk.length) chunk = new Uint8Array(size)
      used = encodePut(chunk, used, hash, source, keyOffset, keyLength, source, valueOffset, valueLength)
    })
    flush()
    writeAllSync(handle, stateTrailer(crc))
    fdatasyncSync(handle)
  } finally {
    closeSync(handle)
  }
  const { operatorId, task, epoch } = files[files.length - 1].file
  return { operatorId, task, epoch, name, bytes: bytes + STATE_TRAILER_BYTES, crc }
}

/** A disk that is nearly full takes a part, and reports no error before the next write. */
const writeAllSync = (handle: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at)
}
