import { ENTRY_KEY_OFFSET } from './entry.ts'
import { allocateBytes, dropBytes } from './memory.ts'

/**
 * Places of the front: at first, and at most (512 KiB); four or more for each entry in between. With more entries than places a key is as
 * often not there as it is, which no processor can predict: then two places are left, so that it is hardly ever there.
 */
const LEAST_BITS = 8
const MOST_BITS = 16
const LEAST_SHARE = 4
const OFF_BITS = 1

/**
 * Mixes a key's int32 words, which generated code does in line: cheaper than a hash, and good in its upper bits only. The first word comes
 * last, so that small numbers that follow one another get places of their own.
 */
export const FRONT_FACTOR = 0x9e3779b1
export const mixWords = (words: Int32Array, at: number, count: number): number => {
  let mix = 0
  for (let i = count - 1; i >= 0; i--) mix = Math.imul(mix ^ (mix >>> 15) ^ words[at + i], FRONT_FACTOR)
  return mix
}

/**
 * A shortcut into an index for generated code: the entries that were found last, two int32 a place, `mix · handle`. A key's place is
 * `mix >>> shift`. If the mix there is the key's, the handle beside it is that of an entry in the index, most likely the key's: its words
 * must still be compared. Else the index is asked, and `remember` told. A place that is empty has a mix that belongs elsewhere. An array
 * that has been replaced is empty, so it may be held over insertions and removals.
 */
export class KeyFront {
  places: Int32Array = emptyPlaces(OFF_BITS)
  shift = 32 - OFF_BITS
  #isUsed = false
  /** With more entries, or with fewer, it gets another size. */
  #room = Number.POSITIVE_INFINITY
  #least = 0
  /** Places go by the mix of all words of a key, not by its hash. */
  #mixes = false

  get reservedBytes(): number {
    return this.#isUsed ? this.places.byteLength : 0
  }

  /**
   * From now on it is kept. `mixes`: the mix of a key is that of its words, whose number is the same for all keys; else it is the key's
   * hash. To be called before there are entries.
   */
  use(mixes: boolean): void {
    this.#mixes = mixes
    if (this.#isUsed) return
    this.#isUsed = true
    this.#resize(LEAST_BITS)
  }

  /** An entry of the index has been found, or made, for a key of this mix. */
  remember(mix: number, handle: number): void {
    const place = (mix >>> this.shift) << 1
    this.places[place] = mix
    this.places[place + 1] = handle
  }

  /** An entry, whose block begins with word `at`, is about to leave the index. */
  forget(i32: Int32Array, at: number, handle: number): void {
    if (!this.#isUsed) return
    const mix = this.#mixes ? mixWords(i32, at + (ENTRY_KEY_OFFSET >> 2), i32[at + 1] >> 2) : i32[at]
    const { places } = this
    const place = (mix >>> this.shift) << 1
    // Other upper bits: another place's mix.
    if (places[place] === mix && places[place + 1] === handle) places[place] = ~mix
  }

  /** All entries leave the index. */
  forgetAll(): void {
    if (this.#isUsed) clearPlaces(this.places)
    this.left(0)
  }

  /** An entry came, and there are so many now. */
  came(size: number): void {
    if (size <= this.#room) return
    const bits = 32 - this.shift
    this.#resize(bits === MOST_BITS ? OFF_BITS : bits + 1)
  }

  /** Entries left, and there are so many now. */
  left(size: number): void {
    if (size < this.#least) this.#resize(MOST_BITS)
    if (size === 0 && this.#isUsed && this.shift !== 32 - LEAST_BITS) this.#resize(LEAST_BITS)
  }

  /** Empty places of so many bits instead of those that there are. */
  #resize(bits: number): void {
    dropBytes(this.places.byteLength)
    clearPlaces(this.places)
    this.places = emptyPlaces(bits)
    this.shift = 32 - bits
    const isOff = bits === OFF_BITS
    this.#room = isOff ? Number.POSITIVE_INFINITY : bits === MOST_BITS ? 2 ** bits : 2 ** bits / LEAST_SHARE
    this.#least = isOff ? 2 ** (MOST_BITS - 1) : 0
  }
}

const clearPlaces = (places: Int32Array): void => {
  places.fill(0)
  // A mix of 0 belongs to the first place.
  places[0] = -1
}

const emptyPlaces = (bits: number): Int32Array => {
  const places = new Int32Array(allocateBytes(8 << bits))
  clearPlaces(places)
  return places
}
