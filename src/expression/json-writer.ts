import { copyBytes, Scratch } from '../record/strings.ts'
import { base64Encode } from './base64.ts'

/** Writes JSON as bytes, piece by piece, the way that Spark's to_json and JSON files have it. */
export class JsonWriter {
  readonly scratch = new Scratch(256)
  length = 0

  clear(): void {
    this.length = 0
  }

  /** ASCII text without anything to escape. */
  raw(text: string): void {
    const u8 = this.#room(text.length)
    for (let i = 0; i < text.length; i++) u8[this.length + i] = text.charCodeAt(i)
    this.length += text.length
  }

  /** Ready-made bytes. */
  bytes(source: Uint8Array): void {
    this.#room(source.length).set(source, this.length)
    this.length += source.length
  }

  copy(source: Uint8Array, offset: number, length: number): void {
    const u8 = this.#room(length)
    copyBytes(source, offset, length, u8, this.length)
    this.length += length
  }

  string(source: Uint8Array, offset: number, length: number): void {
    // The worst case is a control character: six bytes for one.
    const u8 = this.#room(6 * length + 2)
    let to = this.length
    u8[to++] = 34
    for (let i = offset; i < offset + length; i++) {
      const c = source[i]
      if (c >= 32 && c !== 34 && c !== 92) {
        u8[to++] = c
        continue
      }
      u8[to++] = 92
      const short = SHORT[c]
      if (short !== 0) {
        u8[to++] = short
      } else {
        u8[to] = 117
        u8[to + 1] = u8[to + 2] = 48
        u8[to + 3] = HEX.charCodeAt(c >> 4)
        u8[to + 4] = HEX.charCodeAt(c & 15)
        to += 5
      }
    }
    u8[to++] = 34
    this.length = to
  }

  base64(source: Uint8Array, offset: number, length: number): void {
    const u8 = this.#room(Math.ceil(length / 3) * 4 + 2)
    u8[this.length] = 34
    const size = base64Encode(source, offset, length, u8.subarray(this.length + 1))
    u8[this.length + size + 1] = 34
    this.length += size + 2
  }

  /** Takes a comma after the last field back and closes the object. */
  close(): void {
    const u8 = this.#room(1)
    if (u8[this.length - 1] === 44) this.length--
    u8[this.length++] = 125
  }

  #room(bytes: number): Uint8Array {
    const needed = this.length + bytes
    if (needed > this.scratch.u8.length) {
      const old = this.scratch.u8
      this.scratch.u8 = new Uint8Array(2 * needed)
      this.scratch.u8.set(old)
    }
    return this.scratch.u8
  }
}

const HEX = '0123456789ABCDEF'
const SHORT = new Uint8Array(256)
for (const [c, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' }))
  SHORT[Number(c)] = letter.charCodeAt(0)
