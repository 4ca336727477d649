/** Base64 over bytes, without strings in between. */

const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const PAD = 61

/** Two letters for each value of 12 bits: half the look-ups. */
const PAIRS = new Uint16Array(4096)
for (let i = 0; i < 4096; i++) PAIRS[i] = ALPHABET[i >> 6] | (ALPHABET[i & 63] << 8)

const VALUES = new Int8Array(256).fill(-1)
for (const [i, letter] of ALPHABET.entries()) VALUES[letter] = i

/** The same, moved to where the first, second and third letter of a unit have it. */
const [HIGHEST, HIGH, LOW] = [18, 12, 6].map(shift => Int32Array.from(VALUES, value => value << shift))

/** Writes the base64 of a range to `target`, from `start` on. Returns its length. */
export const base64Encode = (source: Uint8Array, offset: number, length: number, target: Uint8Array, start = 0): number => {
  let to = start
  let from = offset
  const whole = offset + length - (length % 3)
  while (from < whole) {
    const three = (source[from] << 16) | (source[from + 1] << 8) | source[from + 2]
    const high = PAIRS[three >> 12]
    const low = PAIRS[three & 4095]
    target[to] = high
    target[to + 1] = high >> 8
    target[to + 2] = low
    target[to + 3] = low >> 8
    from += 3
    to += 4
  }
  const rest = offset + length - whole
  if (rest === 1) {
    const pair = PAIRS[source[from] << 4]
    target[to] = pair
    target[to + 1] = pair >> 8
    target[to + 2] = PAD
    target[to + 3] = PAD
    return to + 4 - start
  }
  if (rest === 2) {
    const bits = (source[from] << 16) | (source[from + 1] << 8)
    const pair = PAIRS[bits >> 12]
    target[to] = pair
    target[to + 1] = pair >> 8
    target[to + 2] = ALPHABET[(bits >> 6) & 63]
    target[to + 3] = PAD
    return to + 4 - start
  }
  return to - start
}

/** The same into words, a whole unit a store: twice as fast. There is room for a third more than `length`, rounded up to words. */
export const base64EncodeWords = (source: Uint8Array, offset: number, length: number, target: Uint8Array, words: Int32Array): number => {
  let to = 0
  const end = offset + length - (length % 3)
  for (let from = offset; from < end; from += 3) {
    const three = (source[from] << 16) | (source[from + 1] << 8) | source[from + 2]
    words[to++] = PAIRS[three >> 12] | (PAIRS[three & 4095] << 16)
  }
  const rest = length % 3
  return rest === 0 ? 4 * to : 4 * to + base64Encode(source, end, rest, target, 4 * to)
}

/** The same in lines of 76 letters, with CR and LF between them, as MIME wants it. */
export const base64EncodeLines = (source: Uint8Array, offset: number, length: number, target: Uint8Array): number => {
  const end = offset + length
  let to = 0
  for (let from = offset; from < end; from += 57) {
    if (from > offset) {
      target[to] = 13
      target[to + 1] = 10
      to += 2
    }
    to += base64Encode(source, from, Math.min(57, end - from), target, to)
  }
  return to
}

/** Whether all is letters of the alphabet and padding, in whole units; white space does not count. JSON's binary fields want that. */
export const isStrictBase64 = (source: Uint8Array, offset: number, length: number): boolean => {
  let letters = 0
  let pads = 0
  for (let i = offset; i < offset + length; i++) {
    const c = source[i]
    if (c === PAD) pads++
    else if (VALUES[c] >= 0 && pads === 0) letters++
    else if (c > 32) return false
  }
  return pads <= 2 && (letters + pads) % 4 === 0
}

/**
 * Decodes MIME base64 as Java does: what is no letter of the alphabet is passed over, and what follows the padding. Returns the number of
 * bytes, or -1 if the last unit is incomplete or badly padded.
 */
export const base64Decode = (source: Uint8Array, offset: number, length: number, target: Uint8Array): number => {
  const end = offset + length
  let bits = 0
  let count = 0
  let to = 0
  for (let i = offset; i < end; i++) {
    if (count === 0) {
      // Whole units of letters, which most text is made of. What is no letter has the sign in it.
      for (; i + 4 <= end; i += 4) {
        const four = HIGHEST[source[i]] | HIGH[source[i + 1]] | LOW[source[i + 2]] | VALUES[source[i + 3]]
        if (four < 0) break
        target[to] = four >> 16
        target[to + 1] = four >> 8
        target[to + 2] = four
        to += 3
      }
      if (i >= end) break
    }
    const c = source[i]
    if (c === PAD) {
      // Two letters want a second pad at once; a pad after one letter or none is out of place.
      if (count === 0 || (count === 2 && source[i + 1] !== PAD) || (count === 2 && i + 1 >= end)) return -1
      for (i++; i < end; i++) if (VALUES[source[i]] >= 0) return -1
      break
    }
    const value = VALUES[c]
    if (value < 0) continue
    bits = (bits << 6) | value
    if (++count === 4) {
      target[to] = bits >> 16
      target[to + 1] = bits >> 8
      target[to + 2] = bits
      to += 3
      bits = 0
      count = 0
    }
  }
  if (count === 0) return to
  if (count === 1) return -1
  if (count === 2) {
    target[to] = bits >> 4
    return to + 1
  }
  target[to] = bits >> 10
  target[to + 1] = bits >> 2
  return to + 2
}
