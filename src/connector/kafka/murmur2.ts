/** The hash by which Kafka's Java clients spread keys over partitions: MurmurHash2 with their seed. */
export const murmur2 = (bytes: Uint8Array, offset: number, length: number): number => {
  const m = 0x5bd1e995
  let h = 0x9747b28c ^ length
  const words = length >> 2
  for (let i = 0; i < words; i++) {
    const at = offset + 4 * i
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const rest = offset + 4 * words
  switch (length & 3) {
    case 3:
      h ^= bytes[rest + 2] << 16
      h ^= bytes[rest + 1] << 8
      h = Math.imul(h ^ bytes[rest], m)
      break
    case 2:
      h ^= bytes[rest + 1] << 8
      h = Math.imul(h ^ bytes[rest], m)
      break
    case 1:
      h = Math.imul(h ^ bytes[rest], m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  return h ^ (h >>> 15)
}

/** The partition of a key, as Java's default partitioner chooses it. */
export const partitionOfKey = (bytes: Uint8Array, offset: number, length: number, partitions: number): number =>
  (murmur2(bytes, offset, length) & 0x7fffffff) % partitions
