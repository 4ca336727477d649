/**
 * Undoes the escapes of a JSON string that has been looked at: `u8` from `start` to `end`, without its quotes, into `out`, which has room
 * for as many bytes. Returns how many there are now. Half a surrogate pair becomes `?`, as in Spark.
 */
export const unescapeJson = (u8: Uint8Array, start: number, end: number, out: Uint8Array): number => {
  let to = 0
  for (let at = start; at < end; at++) {
    const c = u8[at]
    if (c !== BACKSLASH) {
      out[to++] = c
      continue
    }
    const letter = u8[++at]
    if (letter !== 117) {
      out[to++] = PLAIN[letter]
      continue
    }
    let code = hexCode(u8, at + 1, end)
    at += 4
    if (code >= 0xd800 && code < 0xdc00 && u8[at + 1] === BACKSLASH && u8[at + 2] === 117) {
      const low = hexCode(u8, at + 3, end)
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
        at += 6
      }
    }
    to = writeCodePoint(out, to, code >= 0xd800 && code < 0xe000 ? 63 : code)
  }
  return to
}

/** What a letter behind a backslash stands for; 0 if for nothing. */
export const plainLetter = (letter: number, allowsApostrophes: boolean): number => {
  const plain = PLAIN[letter]
  return plain === APOSTROPHE && !allowsApostrophes ? 0 : plain
}

/** Four hexadecimal digits; -1 if there are no four. */
export const hexCode = (u8: Uint8Array, at: number, end: number): number => {
  let value = 0
  for (let i = at; i < at + 4; i++) {
    const digit = i < end ? HEX[u8[i]] : -1
    if (digit < 0) return -1
    value = (value << 4) | digit
  }
  return value
}

const APOSTROPHE = 39
const BACKSLASH = 92

const PLAIN = new Uint8Array(256)
for (const [letter, plain] of Object.entries({ '"': 34, "'": APOSTROPHE, '\\': 92, '/': 47, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  PLAIN[letter.charCodeAt(0)] = plain
}

const HEX = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  HEX[i.toString(16).charCodeAt(0)] = i
  HEX[i.toString(16).toUpperCase().charCodeAt(0)] = i
}

const writeCodePoint = (out: Uint8Array, at: number, code: number): number => {
  if (code < 0x80) {
    out[at] = code
    return at + 1
  }
  if (code < 0x800) {
    out[at] = 0xc0 | (code >> 6)
    out[at + 1] = 0x80 | (code & 63)
    return at + 2
  }
  if (code < 0x10000) {
    out[at] = 0xe0 | (code >> 12)
    out[at + 1] = 0x80 | ((code >> 6) & 63)
    out[at + 2] = 0x80 | (code & 63)
    return at + 3
  }
  out[at] = 0xf0 | (code >> 18)
  out[at + 1] = 0x80 | ((code >> 12) & 63)
  out[at + 2] = 0x80 | ((code >> 6) & 63)
  out[at + 3] = 0x80 | (code & 63)
  return at + 4
}
