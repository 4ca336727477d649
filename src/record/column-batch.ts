import { EngineError } from '../base/errors.ts'
import type { DataType } from './data-type.ts'
import { isVariable, type Leaf, type RowLayout } from './row-layout.ts'
import { encodeUtf8, utf8Length } from './strings.ts'

/** As many rows as a task reads at once. */
export const BATCH_ROWS = 1024

/**
 * The rows of one burst by columns: an array for each leaf of the layout (`layout.leaves`; a column that is no struct is one leaf), with
 * the row's number in the burst as index. A reader fills it in `poll`, from row 0 on; generated code then reads from it only what the query
 * asks of a row. The arrays stay the same for the life of the batch. Nothing is cleared in between: for each row that it hands over a
 * reader sets every leaf, and of a nullable one `nulls`, too.
 */
export class ColumnBatch {
  readonly layout: RowLayout
  /** How many rows there is room for. */
  readonly capacity: number
  /** When each row reached this process, in micros since 1970; null if the reader does not tell of each. */
  readonly arrivals: Float64Array | null
  readonly #columns: readonly BatchColumn[]

  constructor(layout: RowLayout, capacity = BATCH_ROWS, timesRows = false) {
    this.layout = layout
    this.capacity = capacity
    this.arrivals = timesRows ? new Float64Array(capacity) : null
    this.#columns = layout.leaves.map(leaf => newColumn(leaf, capacity))
  }

  column(leaf: number): BatchColumn {
    const column = this.#columns[leaf]
    if (column === undefined) throw new Error(`leaf ${leaf} of ${this.#columns.length}`)
    return column
  }

  /** The leaf of a boolean, a byte, short, integer, float, double, date or timestamp, or the presence of a struct. Throws INTERNAL. */
  numbers(leaf: number): NumberColumn {
    const column = this.column(leaf)
    return column.kind === 'numbers' ? column : this.#refuse(leaf, 'numbers')
  }

  /** The leaf of a long or decimal. Throws INTERNAL. */
  longs(leaf: number): LongColumn {
    const column = this.column(leaf)
    return column.kind === 'longs' ? column : this.#refuse(leaf, 'longs')
  }

  /** The leaf of a string or binary. Throws INTERNAL. */
  bytes(leaf: number): BytesColumn {
    const column = this.column(leaf)
    return column.kind === 'bytes' ? column : this.#refuse(leaf, 'bytes')
  }

  /** The rows have been run: what was copied here of their strings is forgotten. The engine calls it before each `poll`. */
  clear(): void {
    for (const column of this.#columns) if (column.kind === 'bytes') column.clear()
  }

  #refuse(leaf: number, wanted: string): never {
    const { path, type } = this.layout.leaves[leaf]
    throw new EngineError('INTERNAL', { reason: `column ${path.join('.')} of type ${type.kind} does not hold ${wanted}` })
  }
}

export type BatchColumn = NumberColumn | LongColumn | BytesColumn

/** What holds the values of a NumberColumn. */
export type NumberArray = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array

/** What is a JS number: booleans are 0 or 1, dates days since 1970, timestamps micros since 1970 as a double. */
export class NumberColumn {
  readonly kind = 'numbers'
  readonly values: NumberArray
  /** Of a nullable column: 1 for each row in which it is null, 0 for the others. */
  readonly nulls: Uint8Array | null

  constructor(values: NumberArray, nulls: Uint8Array | null) {
    this.values = values
    this.nulls = nulls
  }
}

/** Longs and unscaled decimals; those of more than 18 digits take two places a row, the lower half first. */
export class LongColumn {
  readonly kind = 'longs'
  readonly values: BigInt64Array
  /** The same memory as pairs of words, the lower first: a bigint made for the purpose would be garbage. */
  readonly words: Int32Array
  readonly nulls: Uint8Array | null
  readonly #isWide: boolean

  constructor(capacity: number, isWide: boolean, nulls: Uint8Array | null) {
    this.values = new BigInt64Array(isWide ? 2 * capacity : capacity)
    this.words = new Int32Array(this.values.buffer)
    this.nulls = nulls
    this.#isWide = isWide
  }

  /** A whole number that a double holds exactly. */
  setNumber(row: number, value: number): void {
    const { words } = this
    const at = this.#isWide ? 4 * row : 2 * row
    const high = Math.floor(value / 4294967296)
    // A store takes an integer modulo 2^32.
    words[at] = value
    words[at + 1] = high
    if (this.#isWide) words[at + 2] = words[at + 3] = high >> 31
  }
}

/**
 * Strings and binaries: for each row a range of bytes of one page. A reader that has the bytes of a burst in one place sets `page` in `poll`
 * and refers to them, which copies nothing; they must stay as they are until the next `poll`. One that has them in several places has them
 * copied by `copy` or `encode`, and leaves `page` alone.
 */
export class BytesColumn {
  readonly kind = 'bytes'
  page: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  readonly nulls: Uint8Array | null
  #own = NOTHING
  #used = 0

  constructor(capacity: number, nulls: Uint8Array | null) {
    this.page = NOTHING
    this.offsets = new Int32Array(capacity)
    this.lengths = new Int32Array(capacity)
    this.nulls = nulls
  }

  /** A copy of bytes, which may change afterwards. All rows of a burst are copied, or all refer to one page. */
  copy(row: number, source: Uint8Array, offset: number, length: number): void {
    const at = this.#claim(row, length)
    const page = this.#own
    for (let i = 0; i < length; i++) page[at + i] = source[offset + i]
  }

  /** A JS string, as UTF-8. */
  encode(row: number, text: string): void {
    const at = this.#claim(row, utf8Length(text))
    encodeUtf8(text, this.#own, at)
  }

  clear(): void {
    this.#used = 0
    if (this.#own.length > KEPT_BYTES) this.page = this.#own = NOTHING
  }

  #claim(row: number, length: number): number {
    const at = this.#used
    this.#used = at + length
    if (this.#used > this.#own.length) {
      const larger = new Uint8Array(Math.max(this.#used, 2 * this.#own.length, LEAST_BYTES))
      larger.set(this.#own.subarray(0, at))
      this.#own = larger
    }
    this.page = this.#own
    this.offsets[row] = at
    this.lengths[row] = length
    return at
  }
}

const NOTHING = new Uint8Array(0)
const LEAST_BYTES = 4096
const KEPT_BYTES = 8 * 1024 * 1024

const newColumn = ({ type, nullable }: Leaf, capacity: number): BatchColumn => {
  const nulls = nullable ? new Uint8Array(capacity) : null
  if (isVariable(type)) return new BytesColumn(capacity, nulls)
  if (type.kind === 'long' || type.kind === 'decimal')
    return new LongColumn(capacity, type.kind === 'decimal' && type.precision > 18, nulls)
  return new NumberColumn(numberArray(type, capacity), nulls)
}

const numberArray = ({ kind }: DataType, capacity: number): NumberArray => {
  switch (kind) {
    case 'null':
    case 'boolean':
      return new Uint8Array(capacity)
    case 'byte':
      return new Int8Array(capacity)
    case 'short':
      return new Int16Array(capacity)
    case 'integer':
    case 'date':
      return new Int32Array(capacity)
    case 'float':
      return new Float32Array(capacity)
    case 'double':
    case 'timestamp':
      return new Float64Array(capacity)
    default:
      throw new Error(`no numbers of type ${kind}`)
  }
}
