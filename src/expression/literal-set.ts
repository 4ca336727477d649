import { equalBytes } from '../record/strings.ts'

/** The literals of a long `in` list, hashed: a thousand of them cost a look-up and not a thousand comparisons. */
export class IntegerSet {
  readonly #cells: Int32Array
  readonly #used: Uint8Array
  readonly #mask: number

  constructor(values: readonly number[]) {
    this.#mask = maskFor(values.length)
    this.#cells = new Int32Array(this.#mask + 1)
    this.#used = new Uint8Array(this.#mask + 1)
    for (const value of values) {
      const cell = this.#cellOf(value)
      this.#cells[cell] = value
      this.#used[cell] = 1
    }
  }

  has(value: number): boolean {
    return this.#used[this.#cellOf(value)] === 1
  }

  /** Where a value is, or would be. */
  #cellOf(value: number): number {
    let cell = (Math.imul(value, 0x9e3779b1) >>> 7) & this.#mask
    while (this.#used[cell] === 1 && this.#cells[cell] !== value) cell = (cell + 1) & this.#mask
    return cell
  }
}

/** The same for strings and binaries. */
export class BytesSet {
  readonly #values: readonly Uint8Array[]
  /** The index of a value and 1, or 0. */
  readonly #cells: Int32Array
  readonly #mask: number

  constructor(values: readonly Uint8Array[]) {
    this.#values = values
    this.#mask = maskFor(values.length)
    this.#cells = new Int32Array(this.#mask + 1)
    for (const [i, value] of values.entries()) this.#cells[this.#cellOf(value, 0, value.length)] = i + 1
  }

  has(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.#cells[this.#cellOf(bytes, offset, length)] !== 0
  }

  #cellOf(bytes: Uint8Array, offset: number, length: number): number {
    let hash = length
    for (let i = offset; i < offset + length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
    let cell = (hash ^ (hash >>> 15)) & this.#mask
    for (;;) {
      const index = this.#cells[cell] - 1
      if (index < 0) return cell
      const value = this.#values[index]
      if (value.length === length && equalBytes(value, 0, length, bytes, offset, length)) return cell
      cell = (cell + 1) & this.#mask
    }
  }
}

/** Cells for twice as many as there are, a power of two. */
const maskFor = (count: number): number => 2 ** Math.ceil(Math.log2(2 * count + 2)) - 1
