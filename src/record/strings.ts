/** Strings as bytes. Nothing here allocates but what is asked for. */

const encoder = new TextEncoder()
const ASCII_LOOP = 32

/** How many bytes a string takes in UTF-8. A lone surrogate takes three, as the replacement character that it becomes. */
export const utf8Length = (text: string): number => {
  const { length } = text
  let bytes = length
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x80) continue
    bytes += c < 0x800 ? 1 : 2
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < length) {
      const d = text.charCodeAt(i + 1)
      if (d >= 0xdc00 && d < 0xe000) {
        i++
        bytes += 0
      }
    }
  }
  return bytes
}

/** Writes a string at an offset. The target has room (see `utf8Length`). Returns the number of bytes. */
export const encodeUtf8 = (text: string, target: Uint8Array, offset: number): number => {
  const { length } = text
  if (length <= ASCII_LOOP) {
    let i = 0
    for (; i < length; i++) {
      const c = text.charCodeAt(i)
      if (c >= 0x80) break
      target[offset + i] = c
    }
    if (i === length) return length
  }
  return encoder.encodeInto(text, target.subarray(offset)).written
}

/** Part of Buffer for ever, but not of its declared type. */
interface SliceableBuffer extends Buffer {
  utf8Slice(start: number, end: number): string
}

let lastView: SliceableBuffer | null = null
let lastBytes: Uint8Array | null = null

/** The string that some UTF-8 bytes mean; malformed ones become the replacement character. */
export const decodeUtf8 = (bytes: Uint8Array, offset: number, length: number): string => {
  if (length === 0) return ''
  if (lastBytes !== bytes || lastView === null) {
    lastBytes = bytes
    lastView = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as SliceableBuffer
  }
  return lastView.utf8Slice(offset, offset + length)
}

/** Byte order, as Spark compares strings: negative, 0 or positive. */
export const compareBytes = (
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
): number => {
  const length = leftLength < rightLength ? leftLength : rightLength
  for (let i = 0; i < length; i++) {
    const d = left[leftOffset + i] - right[rightOffset + i]
    if (d !== 0) return d
  }
  return leftLength - rightLength
}

export const equalBytes = (
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
): boolean => {
  if (leftLength !== rightLength) return false
  for (let i = 0; i < leftLength; i++) if (left[leftOffset + i] !== right[rightOffset + i]) return false
  return true
}

/** Byte order of two JS strings, whose own order differs from it above the basic plane. */
export const compareText = (left: string, right: string): number => {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    let [a, b] = [left.charCodeAt(i), right.charCodeAt(i)]
    if (a === b) continue
    // Surrogates stand for code points above all of the basic plane.
    if (a >= 0xd800) a = a >= 0xe000 ? a - 0x800 : a + 0x2000
    if (b >= 0xd800) b = b >= 0xe000 ? b - 0x800 : b + 0x2000
    return a - b
  }
  return left.length - right.length
}

/** Memory that generated code writes computed bytes into: one per place in the code, reused for each row, growing to the longest. */
export class Scratch {
  u8: Uint8Array

  constructor(bytes = 64) {
    this.u8 = new Uint8Array(bytes)
  }

  /** Room for `bytes`; what was there before is lost. */
  reserve(bytes: number): Uint8Array {
    if (bytes > this.u8.length) this.u8 = new Uint8Array(Math.max(bytes, 2 * this.u8.length))
    return this.u8
  }

  /** Puts a string here. Returns its length in bytes. */
  encode(text: string): number {
    // Three bytes a UTF-16 unit is the most; for short strings cheaper than counting.
    this.reserve(3 * text.length)
    return encodeUtf8(text, this.u8, 0)
  }
}
