import { decodeUtf8 } from '../record/strings.ts'

const SLOTS = 4096
/** Longer texts are seldom the same, and comparing them costs what is gained. */
const LENGTH_MOST = 24
/** After so many more misses than hits a place stops looking, but for one text in `PROBE`. */
const MISSES_MOST = 2048
const PROBE = 32

/**
 * Texts that one place in the code has made of bytes. Keys and categories come again and again: to find one takes a quarter of the 45 ns of
 * a call into the platform, and makes no garbage. Only ASCII is kept.
 */
export class TextCache {
  readonly #known: string[] = new Array(SLOTS).fill('')
  #score = 0
  #calls = 0

  decode(bytes: Uint8Array, offset: number, length: number): string {
    if (length === 0) return ''
    if (length > LENGTH_MOST || (this.#score < -MISSES_MOST && ++this.#calls % PROBE !== 0)) return decodeUtf8(bytes, offset, length)
    let hash = length
    for (let i = offset; i < offset + length; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0
    const slot = (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (SLOTS - 1)
    const known = this.#known[slot]
    if (known.length === length) {
      let i = 0
      while (i < length && known.charCodeAt(i) === bytes[offset + i]) i++
      if (i === length) {
        if (this.#score < 0) this.#score += PROBE
        return known
      }
    }
    this.#score--
    const text = decodeUtf8(bytes, offset, length)
    // A text that is no longer than its bytes is ASCII, or has characters that no byte equals.
    if (text.length === length) this.#known[slot] = text
    return text
  }
}
