import { type ColumnBatch, type ConnectorOptions, parseSchema, type SourceContext } from 'walkway'
import { NumberedColumns, registerNumbered } from './numbered-source.ts'

/**
 * The events of the benchmarks, as the peers make them: id, a scattered key, a value in [0, 1), event times one micro apart. A function of
 * the id alone, so that any program can compute the answer. This module registers the source, also on workers.
 */
export const EVENTS = 'bench-events'
export const schema = parseSchema('id BIGINT NOT NULL, key INT NOT NULL, value DOUBLE NOT NULL, ts TIMESTAMP NOT NULL')

export const keyAt = (id: number, keys: number): number => (Math.imul(id, 0x9e3779b1) >>> 0) % keys

export const valueAt = (id: number): number => {
  let x = Math.imul(id ^ 0x5bd1e995, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296
}

/** Event time begins here, so that windows are those of a day like any other. */
export const FIRST_MICROS = 1_700_000_000_000_000

const numberOf = (options: ConnectorOptions, name: string, otherwise: number): number => Number(options[name] ?? otherwise)

class EventReader extends NumberedColumns {
  readonly #keys: number
  readonly #idLeaf: number
  readonly #keyLeaf: number
  readonly #valueLeaf: number
  readonly #timeLeaf: number

  constructor({ columns, options }: SourceContext) {
    super(numberOf(options, 'count', Number.POSITIVE_INFINITY))
    this.#keys = numberOf(options, 'keys', 1000)
    const leaf = (ordinal: number): number => columns.indexOf(ordinal)
    this.#idLeaf = leaf(0)
    this.#keyLeaf = leaf(1)
    this.#valueLeaf = leaf(2)
    this.#timeLeaf = leaf(3)
  }

  protected write(out: ColumnBatch, from: number, to: number): void {
    const count = to - from
    if (this.#idLeaf >= 0) {
      const ids = out.longs(this.#idLeaf)
      for (let row = 0; row < count; row++) ids.setNumber(row, from + row)
    }
    if (this.#keyLeaf >= 0) {
      const { values } = out.numbers(this.#keyLeaf)
      const keys = this.#keys
      for (let row = 0; row < count; row++) values[row] = keyAt(from + row, keys)
    }
    if (this.#valueLeaf >= 0) {
      const { values } = out.numbers(this.#valueLeaf)
      for (let row = 0; row < count; row++) values[row] = valueAt(from + row)
    }
    if (this.#timeLeaf >= 0) {
      const { values } = out.numbers(this.#timeLeaf)
      for (let row = 0; row < count; row++) values[row] = FIRST_MICROS + from + row
    }
  }
}

registerNumbered(EVENTS, schema, 'columns', context => new EventReader(context))
