import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { type ChangeVisitor, readChanges, readInt32 } from './change-record.ts'

/**
 * A state file: the operations of one operator and task, of one epoch or merged from many.
 *
 *   0  'WKWS' · 4 u32 version · 8 records (see change-record.ts) · end − 8 u32 CRC-32 of the records · end − 4 'SKWW'
 */
const STATE_MAGIC = 0x53574b57
const STATE_END = 0x57574b53
const STATE_VERSION = 1
export const STATE_HEADER_BYTES = 8
export const STATE_TRAILER_BYTES = 8

export const stateHeader = (): Uint8Array => words(STATE_MAGIC, STATE_VERSION)

export const stateTrailer = (crc: number): Uint8Array => words(crc, STATE_END)

export const updateCrc = (crc: number, bytes: Uint8Array): number => crc32(bytes, crc)

/** What a manifest says of one file. */
export interface StateFile {
  readonly operatorId: number
  readonly task: string
  readonly epoch: number
  readonly name: string
  readonly bytes: number
  readonly crc: number
}

/**
 * Reads a file, checks it against its manifest entry, and visits its operations twice: first the puts, then the deletions. `look` is called
 * in the middle of what takes long. Throws CHECKPOINT_DAMAGED.
 */
export const visitStateFile = (path: string, file: StateFile, visitor: ChangeVisitor, look: () => void = () => {}): void => {
  let bytes: Uint8Array
  try {
    bytes = readWhole(path, look)
  } catch (error) {
    throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it cannot be read' }, error)
  }
  const damaged = (reason: string): never => {
    throw new EngineError('CHECKPOINT_DAMAGED', { path, reason })
  }
  const end = bytes.length - STATE_TRAILER_BYTES
  if (bytes.length !== file.bytes) damaged(`it has ${bytes.length} bytes, expected ${file.bytes}`)
  if (end < STATE_HEADER_BYTES || readInt32(bytes, 0) !== STATE_MAGIC || readInt32(bytes, end + 4) !== STATE_END)
    damaged('it is no state file')
  if (readInt32(bytes, 4) !== STATE_VERSION) damaged(`its version is ${readInt32(bytes, 4)}, this engine reads ${STATE_VERSION}`)
  let crc = 0
  for (let at = STATE_HEADER_BYTES; at < end; at += PIECE_BYTES) {
    crc = updateCrc(crc, bytes.subarray(at, Math.min(end, at + PIECE_BYTES)))
    look()
  }
  if (crc !== file.crc || readInt32(bytes, end) >>> 0 !== file.crc) damaged('its checksum does not fit')
  const nothing = (): void => {}
  const rest = readChanges(bytes, STATE_HEADER_BYTES, end, { put: visitor.put, delete: nothing })
  if (rest !== end) damaged(`its last record, at byte ${rest}, is not whole`)
  readChanges(bytes, STATE_HEADER_BYTES, end, { put: nothing, delete: visitor.delete })
}

/** Some milliseconds' worth. */
const PIECE_BYTES = 2 ** 22

/** `readFileSync` stops at 2 GiB; merged state does not. */
const readWhole = (path: string, look: () => void): Uint8Array => {
  const handle = openSync(path, 'r')
  try {
    const bytes = new Uint8Array(fstatSync(handle).size)
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(handle, bytes, at, Math.min(PIECE_BYTES, bytes.length - at), at)
      if (count === 0) throw new Error(`it ends at byte ${at}`)
      at += count
      look()
    }
    return bytes
  } finally {
    closeSync(handle)
  }
}

const words = (first: number, second: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, first >>> 0, true)
  view.setUint32(4, second >>> 0, true)
  return bytes
}
