/**
 * One operation of a change log, as bytes:
 *
 *   0 u8 operation (1 put, 2 delete) · 1 u8[3] zero · 4 i32 hash · 8 u32 keyLength · 12 u32 valueLength · 16 key · value
 *
 * Little-endian, not aligned; records follow each other without gaps. The order within an epoch matters only between records of one key:
 * all deletions of an epoch stand before its puts.
 */
const PUT = 1
const DELETE = 2
const RECORD_HEADER_BYTES = 16
/** Enough to wait for memory together, few enough that all of them stay in the processor's first cache. */
const MOST_AHEAD = 64

export const putBytes = (keyLength: number, valueLength: number): number => RECORD_HEADER_BYTES + keyLength + valueLength

export const deleteBytes = (keyLength: number): number => RECORD_HEADER_BYTES + keyLength

/** Returns the offset behind the record. The target has room for `putBytes`. */
export const encodePut = (
  target: Uint8Array,
  at: number,
  hash: number,
  key: Uint8Array,
  keyOffset: number,
  keyLength: number,
  value: Uint8Array,
  valueOffset: number,
  valueLength: number,
): number => {
  writeHeader(target, at, PUT, hash, keyLength, valueLength)
  copyBytes(key, keyOffset, keyLength, target, at + RECORD_HEADER_BYTES)
  copyBytes(value, valueOffset, valueLength, target, at + RECORD_HEADER_BYTES + keyLength)
  return at + RECORD_HEADER_BYTES + keyLength + valueLength
}

export const encodeDelete = (
  target: Uint8Array,
  at: number,
  hash: number,
  key: Uint8Array,
  keyOffset: number,
  keyLength: number,
): number => {
  writeHeader(target, at, DELETE, hash, keyLength, 0)
  copyBytes(key, keyOffset, keyLength, target, at + RECORD_HEADER_BYTES)
  return at + RECORD_HEADER_BYTES + keyLength
}

const writeHeader = (target: Uint8Array, at: number, operation: number, hash: number, keyLength: number, valueLength: number): void => {
  target[at] = operation
  target[at + 1] = target[at + 2] = target[at + 3] = 0
  writeInt32(target, at + 4, hash)
  writeInt32(target, at + 8, keyLength)
  writeInt32(target, at + 12, valueLength)
}

const writeInt32 = (target: Uint8Array, at: number, value: number): void => {
  target[at] = value & 255
  target[at + 1] = (value >>> 8) & 255
  target[at + 2] = (value >>> 16) & 255
  target[at + 3] = value >>> 24
}

export const readInt32 = (source: Uint8Array, at: number): number =>
  source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24)

// A loop beats `set(subarray())` for the short keys and values of state: no view is made.
const copyBytes = (source: Uint8Array, from: number, length: number, target: Uint8Array, to: number): void => {
  if (length > 256) target.set(source.subarray(from, from + length), to)
  else for (let i = 0; i < length; i++) target[to + i] = source[from + i]
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Called for each operation of a log, in order. Bytes are valid during the call. */
export interface ChangeVisitor {
  put(hash: number, bytes: Uint8Array, keyOffset: number, keyLength: number, valueOffset: number, valueLength: number): void
  delete(hash: number, bytes: Uint8Array, keyOffset: number, keyLength: number): void
  /** Called with some operations before these are visited. `view` is over their bytes. */
  ahead?(records: RecordsAhead, view: DataView): void
}

/** Hashes of records that are about to be visited, and the offsets at which their keys end. */
export class RecordsAhead {
  readonly hashes = new Int32Array(MOST_AHEAD)
  readonly keyEnds = new Int32Array(MOST_AHEAD)
  count = 0
}

/** Notes as many whole records of `view[from..to)` as there is room for. Returns the offset behind the last of them. */
export const readAhead = (view: DataView, from: number, to: number, ahead: RecordsAhead): number => {
  const { hashes, keyEnds } = ahead
  let at = from
  let count = 0
  while (count < MOST_AHEAD && at + RECORD_HEADER_BYTES <= to) {
    const keyEnd = at + RECORD_HEADER_BYTES + view.getUint32(at + 8, true)
    const end = keyEnd + view.getUint32(at + 12, true)
    if (end > to) break
    hashes[count] = view.getInt32(at + 4, true)
    keyEnds[count++] = keyEnd
    at = end
  }
  ahead.count = count
  return at
}

/**
 * Reads whole records from `bytes[from..to)`. Returns the offset of the first byte that belongs to an unfinished one. `view` is over the
 * same bytes.
 */
export const readChanges = (bytes: Uint8Array, from: number, to: number, visitor: ChangeVisitor, view = viewOf(bytes)): number => {
  let at = from
  while (at + RECORD_HEADER_BYTES <= to) {
    const operation = bytes[at]
    const hash = view.getInt32(at + 4, true)
    const keyLength = view.getUint32(at + 8, true)
    const valueLength = view.getUint32(at + 12, true)
    const end = at + RECORD_HEADER_BYTES + keyLength + valueLength
    if (end > to) return at
    if (operation === PUT) visitor.put(hash, bytes, at + RECORD_HEADER_BYTES, keyLength, at + RECORD_HEADER_BYTES + keyLength, valueLength)
    else if (operation === DELETE) visitor.delete(hash, bytes, at + RECORD_HEADER_BYTES, keyLength)
    else throw new Error(`unknown operation ${operation} at byte ${at}`)
    at = end
  }
  return at
}
