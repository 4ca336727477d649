/** The two hashes that Spark shows to users, bit for bit: Murmur3_x86_32 as Spark writes it, and XXH64. Both with seed 42. */

const mixK = (k: number): number => {
  const m = Math.imul(k, 0xcc9e2d51)
  return Math.imul((m << 15) | (m >>> 17), 0x1b873593)
}

const mixH = (h: number, k: number): number => {
  const m = h ^ k
  return (Math.imul((m << 13) | (m >>> 19), 5) + 0xe6546b64) | 0
}

const finish = (hash: number, length: number): number => {
  let h = hash ^ length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

export const murmurInt = (value: number, seed: number): number => finish(mixH(seed, mixK(value)), 4)

export const murmurLong = (value: bigint, seed: number): number => {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return finish(mixH(mixH(seed, mixK(low)), mixK(high)), 8)
}

/** Spark's variant: each byte of the tail counts as an int of its own. */
export const murmurBytes = (u8: Uint8Array, offset: number, length: number, seed: number): number => {
  let h = seed
  const whole = length & ~3
  for (let i = offset; i < offset + whole; i += 4) {
    h = mixH(h, mixK(u8[i] | (u8[i + 1] << 8) | (u8[i + 2] << 16) | (u8[i + 3] << 24)))
  }
  for (let i = offset + whole; i < offset + length; i++) h = mixH(h, mixK((u8[i] << 24) >> 24))
  return finish(h, length)
}

const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotate = (value: bigint, bits: bigint): bigint => u64((value << bits) | (value >> (64n - bits)))

/** XXH64 on bigints; they escape, so this is off the allocation-free path: some 0.3 µs a value. */
export class XxHash {
  int(value: number, seed: bigint): bigint {
    let h = u64(u64(seed) + P5 + 4n)
    h ^= u64(BigInt(value >>> 0) * P1)
    h = u64(rotate(h, 23n) * P2 + P3)
    return BigInt.asIntN(64, avalanche(h))
  }

  long(value: bigint, seed: bigint): bigint {
    let h = u64(u64(seed) + P5 + 8n)
    h ^= u64(rotate(u64(u64(value) * P2), 31n) * P1)
    h = u64(rotate(h, 27n) * P1 + P4)
    return BigInt.asIntN(64, avalanche(h))
  }

  bytes(u8: Uint8Array, offset: number, length: number, seed: bigint): bigint {
    const view = new DataView(u8.buffer, u8.byteOffset)
    const end = offset + length
    let at = offset
    let h: bigint
    const s = u64(seed)
    if (length >= 32) {
      let [v1, v2, v3, v4] = [u64(s + P1 + P2), u64(s + P2), s, u64(s - P1)]
      for (; at <= end - 32; at += 32) {
        v1 = round(v1, view.getBigUint64(at, true))
        v2 = round(v2, view.getBigUint64(at + 8, true))
        v3 = round(v3, view.getBigUint64(at + 16, true))
        v4 = round(v4, view.getBigUint64(at + 24, true))
      }
      h = u64(rotate(v1, 1n) + rotate(v2, 7n) + rotate(v3, 12n) + rotate(v4, 18n))
      for (const v of [v1, v2, v3, v4]) h = u64((h ^ round(0n, v)) * P1 + P4)
    } else {
      h = u64(s + P5)
    }
    h = u64(h + BigInt(length))
    for (; at <= end - 8; at += 8) h = u64(rotate(h ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4)
    if (at <= end - 4) {
      h = u64(rotate(h ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3)
      at += 4
    }
    for (; at < end; at++) h = u64(rotate(h ^ u64(BigInt(u8[at]) * P5), 11n) * P1)
    return BigInt.asIntN(64, avalanche(h))
  }
}

const round = (accumulator: bigint, input: bigint): bigint => u64(rotate(u64(accumulator + input * P2), 31n) * P1)

const avalanche = (hash: bigint): bigint => {
  let h = hash
  h = u64((h ^ (h >> 33n)) * P2)
  h = u64((h ^ (h >> 29n)) * P3)
  return h ^ (h >> 32n)
}
