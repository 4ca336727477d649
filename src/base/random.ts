/** Numbers from a seed, the same everywhere. */
export interface RandomSource {
  /** 0 ≤ x < 1 */
  nextDouble(): number
}

/**
 * Spark's XORShiftRandom, to the bit, so that `rand(seed)` answers as Spark's first partition does. State in two int32 words: no bigint per
 * row.
 */
export class XorShiftRandom implements RandomSource {
  #high: number
  #low: number

  constructor(seed: number) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, BigInt(Math.trunc(seed))))
    this.#low = bytesHash(bytes, 0x3c074a61)
    this.#high = bytesHash(bytes, this.#low)
  }

  nextDouble(): number {
    const high = this.#next() & 0x3ffffff
    const low = this.#next() & 0x7ffffff
    return (high * 134217728 + low) * 2 ** -53
  }

  /** The low word of the next state: all that `next(bits)` uses for up to 32 bits. */
  #next(): number {
    let [h, l] = [this.#high, this.#low]
    // seed ^= seed << 21
    ;[h, l] = [h ^ ((h << 21) | (l >>> 11)), l ^ (l << 21)]
    // seed ^= seed >>> 35
    l ^= h >>> 3
    // seed ^= seed << 4
    ;[h, l] = [h ^ ((h << 4) | (l >>> 28)), l ^ (l << 4)]
    this.#high = h
    this.#low = l
    return l
  }
}

/** Scala's MurmurHash3.bytesHash for a length that is a multiple of 4. */
const bytesHash = (bytes: Uint8Array, seed: number): number => {
  let h = seed
  for (let i = 0; i < bytes.length; i += 4) {
    let k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    k = Math.imul(k, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    h ^= Math.imul(k, 0x1b873593)
    h = (h << 13) | (h >>> 19)
    h = (Math.imul(h, 5) + 0xe6546b64) | 0
  }
  h ^= bytes.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
