import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { type ChangeVisitor, RecordsAhead, readAhead, readChanges, readInt32, viewOf } from './change-record.ts'

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
 * Checks a file against its manifest entry, and then visits its operations twice: first the puts, then the deletions, if there are any. It
 * is read in pieces, a pass each: the system has it in its cache from the first, and it never stands in memory as a whole. `look` is called
 * in the middle of what takes long. Throws CHECKPOINT_DAMAGED.
 */
export const visitStateFile = (path: string, file: StateFile, visitor: ChangeVisitor, look: () => void = () => {}): void => {
  const pieces = piecesOf(path, file)
  try {
    checkFile(pieces, path, file, look)
    let deletions = 0
    const nothing = (): void => {}
    visitPieces(pieces, path, { ...visitor, delete: () => deletions++ }, look)
    if (deletions > 0) visitPieces(pieces, path, { ...visitor, put: nothing }, look)
  } finally {
    closeSync(pieces.handle)
  }
}

/** About how many operations a file has, told by its first ones. Nothing is checked: what cannot be read has none. */
export const estimateOperations = (path: string, file: StateFile): number => {
  const all = file.bytes - STATE_HEADER_BYTES - STATE_TRAILER_BYTES
  const bytes = new Uint8Array(Math.max(0, Math.min(SAMPLE_BYTES, all)))
  try {
    const handle = openSync(path, 'r')
    try {
      const length = readSync(handle, bytes, 0, bytes.length, STATE_HEADER_BYTES)
      let count = 0
      const add = (): void => {
        count++
      }
      const read = readChanges(bytes, 0, length, { put: add, delete: add })
      return count === 0 ? 0 : Math.round((all * count) / read)
    } finally {
      closeSync(handle)
    }
  } catch {
    return 0
  }
}

const SAMPLE_BYTES = 2 ** 16
/** What is read at once: it stays in the processor's cache while it is visited. */
const PIECE_BYTES = 2 ** 18

/** An open file and the buffer that its pieces are read into, one after another. */
interface Pieces {
  readonly handle: number
  readonly size: number
  buffer: Uint8Array
}

const piecesOf = (path: string, file: StateFile): Pieces => {
  try {
    const handle = openSync(path, 'r')
    // A length that is not the manifest's is refused before anything is read.
    return { handle, size: fstatSync(handle).size, buffer: new Uint8Array(Math.min(PIECE_BYTES, file.bytes)) }
  } catch (error) {
    throw unreadable(path, error)
  }
}

const unreadable = (path: string, cause: unknown): EngineError =>
  new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it cannot be read' }, cause)

const damaged = (path: string, reason: string): EngineError => new EngineError('CHECKPOINT_DAMAGED', { path, reason })

/** Reads `length` bytes from `from` on to `to` in the buffer. */
const readInto = (pieces: Pieces, path: string, to: number, from: number, length: number): void => {
  try {
    for (let at = 0; at < length; ) {
      const count = readSync(pieces.handle, pieces.buffer, to + at, length - at, from + at)
      if (count === 0) throw new Error(`it ends at byte ${from + at}`)
      at += count
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

const checkFile = (pieces: Pieces, path: string, file: StateFile, look: () => void): void => {
  const { size, buffer } = pieces
  if (size !== file.bytes) throw damaged(path, `it has ${size} bytes, expected ${file.bytes}`)
  const end = size - STATE_TRAILER_BYTES
  if (end < STATE_HEADER_BYTES) throw damaged(path, 'it is no state file')
  readInto(pieces, path, 0, 0, STATE_HEADER_BYTES)
  const [magic, version] = [readInt32(buffer, 0), readInt32(buffer, 4)]
  readInto(pieces, path, 0, end, STATE_TRAILER_BYTES)
  const [crc, endMagic] = [readInt32(buffer, 0) >>> 0, readInt32(buffer, 4)]
  if (magic !== STATE_MAGIC || endMagic !== STATE_END) throw damaged(path, 'it is no state file')
  if (version !== STATE_VERSION) throw damaged(path, `its version is ${version}, this engine reads ${STATE_VERSION}`)
  let sum = 0
  for (let at = STATE_HEADER_BYTES; at < end; at += buffer.length) {
    const length = Math.min(buffer.length, end - at)
    readInto(pieces, path, 0, at, length)
    sum = updateCrc(sum, buffer.subarray(0, length))
    look()
  }
  if (sum !== file.crc || crc !== file.crc) throw damaged(path, 'its checksum does not fit')
}

const visitPieces = (pieces: Pieces, path: string, visitor: ChangeVisitor, look: () => void): void => {
  const end = pieces.size - STATE_TRAILER_BYTES
  // Bytes [0, kept) of the buffer are an unfinished record; the file is read up to `at`.
  let [kept, at] = [0, STATE_HEADER_BYTES]
  let view = viewOf(pieces.buffer)
  const records = new RecordsAhead()
  while (at < end) {
    if (kept === pieces.buffer.length) {
      const wider = new Uint8Array(Math.min(2 * kept, pieces.size))
      wider.set(pieces.buffer)
      pieces.buffer = wider
      view = viewOf(wider)
    }
    const { buffer } = pieces
    const length = Math.min(buffer.length - kept, end - at)
    readInto(pieces, path, kept, at, length)
    at += length
    const rest = visitPiece(buffer, view, kept + length, visitor, records)
    buffer.copyWithin(0, rest, kept + length)
    kept += length - rest
    look()
  }
  if (kept > 0) throw damaged(path, `its last record, at byte ${end - kept}, is not whole`)
}

const visitPiece = (buffer: Uint8Array, view: DataView, to: number, visitor: ChangeVisitor, records: RecordsAhead): number => {
  const { ahead } = visitor
  let at = 0
  while (ahead !== undefined) {
    const end = readAhead(view, at, to, records)
    if (end === at) break
    ahead(records, view)
    at = readChanges(buffer, at, end, visitor, view)
  }
  return readChanges(buffer, at, to, visitor, view)
}

const words = (first: number, second: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, first >>> 0, true)
  view.setUint32(4, second >>> 0, true)
  return bytes
}
