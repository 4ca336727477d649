import type { Views } from 'native-free-buffers'
import { isVariable, type RowLayout } from './row-layout.ts'
import { decodeUtf8 } from './strings.ts'

/**
 * A view of one record that moves from record to record, for sinks whose columns are not known when code is written. Allocates nothing but
 * strings.
 */
export class RowView {
  readonly layout: RowLayout
  #views: Views | null = null
  #p = 0
  #vtable = 0
  readonly #offsets: Int32Array

  constructor(layout: RowLayout) {
    this.layout = layout
    this.#offsets = Int32Array.from(layout.leaves, leaf => leaf.offset)
  }

  /** Looks at the record whose payload begins at `p`. */
  at(views: Views, p: number): this {
    this.#views = views
    this.#p = p
    this.#vtable = p - views.i32[p >> 2]
    return this
  }

  /** True for a null; the other methods then give rubbish of their type. */
  isNull(leaf: number): boolean {
    return this.#target.u16[(this.#vtable + 4 + 2 * leaf) >> 1] === 0
  }

  boolean(leaf: number): boolean {
    return this.#target.u8[this.#p + this.#offsets[leaf]] !== 0
  }

  /** byte, short, integer and date. */
  int32(leaf: number): number {
    const at = this.#p + this.#offsets[leaf]
    switch (this.layout.leaves[leaf].type.kind) {
      case 'byte':
        return (this.#target.u8[at] << 24) >> 24
      case 'short':
        return this.#target.i16[at >> 1]
      default:
        return this.#target.i32[at >> 2]
    }
  }

  /** float and double. */
  double(leaf: number): number {
    const at = this.#p + this.#offsets[leaf]
    return this.layout.leaves[leaf].type.kind === 'float' ? this.#target.f32[at >> 2] : this.#target.f64[at >> 3]
  }

  /** An int64, or an unscaled decimal. */
  bigint(leaf: number): bigint {
    const at = (this.#p + this.#offsets[leaf]) >> 3
    const { type } = this.layout.leaves[leaf]
    const low = this.#target.i64[at]
    return type.kind === 'decimal' && type.precision > 18 ? (this.#target.i64[at + 1] << 64n) | BigInt.asUintN(64, low) : low
  }

  longLow(leaf: number): number {
    return this.#target.i32[(this.#p + this.#offsets[leaf]) >> 2]
  }

  longHigh(leaf: number): number {
    return this.#target.i32[((this.#p + this.#offsets[leaf]) >> 2) + 1]
  }

  /** An int64 as the user sees it: a number when safe, else a bigint. */
  number(leaf: number): number | bigint {
    const value = this.longNumber(leaf)
    return Number.isSafeInteger(value) ? value : this.bigint(leaf)
  }

  /** An int64 as the nearest double: exact within 2^53. */
  longNumber(leaf: number): number {
    const at = (this.#p + this.#offsets[leaf]) >> 2
    return this.#target.i32[at + 1] * 4294967296 + (this.#target.i32[at] >>> 0)
  }

  /** Micros since 1970. */
  timestampMicros(leaf: number): number {
    return this.longNumber(leaf)
  }

  bytesOffset(leaf: number): number {
    const slot = this.#p + this.#offsets[leaf]
    return slot + this.#target.i32[slot >> 2] + 4
  }

  bytesLength(leaf: number): number {
    return this.#target.i32[(this.bytesOffset(leaf) - 4) >> 2]
  }

  string(leaf: number): string {
    if (!isVariable(this.layout.leaves[leaf].type)) throw new Error(`leaf ${leaf} is not a string`)
    return decodeUtf8(this.#target.u8, this.bytesOffset(leaf), this.bytesLength(leaf))
  }

  get #target(): Views {
    if (this.#views === null) throw new Error('a view without a record')
    return this.#views
  }
}
