/**
 * Kafka's record batch, version 2. Big-endian; varints are zigzag.
 *
 *    0 i64 base offset · 8 i32 length of what follows · 12 i32 leader epoch · 16 i8 magic 2 · 17 u32 CRC-32C of all from 21 on
 *   21 i16 attributes: compression (3 bits), timestamp type, transactional, control · 23 i32 last offset delta
 *   27 i64 base timestamp, ms · 35 i64 max timestamp
 *   43 i64 producer id · 51 i16 epoch · 53 i32 base sequence · 57 i32 record count · 61 records, compressed together
 *
 * A record: varint length · i8 attributes · varlong timestamp delta · varint offset delta · varint key length (−1: null) · key · varint
 * value length · value · varint header count · headers
 */
export const HEADER_BYTES = 61
export const CRC_FROM = 21

export type Compression = 'none' | 'gzip' | 'snappy'
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** The offset after the last whole batch of what a fetch brought; −1 if there is none. */
export const endOfBatches = (records: Buffer): number => {
  let end = -1
  for (let at = 0; at + HEADER_BYTES <= records.length; ) {
    const next = at + 12 + records.readInt32BE(at + 8)
    if (next > records.length || next < at + HEADER_BYTES) break
    end = readOffset(records, at) + records.readInt32BE(at + 23) + 1
    at = next
  }
  return end
}

/** An int64 as a double: exact as far as offsets and timestamps go. */
export const readOffset = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4)
