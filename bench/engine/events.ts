import { type ConnectorOptions, parseSchema, type RecordBuffer, RowLayout, RowWriter, type SourceContext } from 'walkway'
import { NumberedReader, registerNumbered } from './numbered-source.ts'

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

class EventReader extends NumberedReader {
  readonly #writer: RowWriter
  readonly #keys: number
  readonly #idLeaf: number
  readonly #keyLeaf: number
  readonly #valueLeaf: number
  readonly #timeLeaf: number

  constructor({ columns, options }: SourceContext) {
    super(numberOf(options, 'count', Number.POSITIVE_INFINITY))
    this.#writer = new RowWriter(RowLayout.of({ kind: 'struct', fields: columns.map(ordinal => schema.fields[ordinal]) }))
    this.#keys = numberOf(options, 'keys', 1000)
    const leaf = (ordinal: number): number => columns.indexOf(ordinal)
    this.#idLeaf = leaf(0)
    this.#keyLeaf = leaf(1)
    this.#valueLeaf = leaf(2)
    this.#timeLeaf = leaf(3)
  }

  protected write(out: RecordBuffer, from: number, to: number): void {
    const writer = this.#writer
    const [keys, idLeaf, keyLeaf, valueLeaf, timeLeaf] = [this.#keys, this.#idLeaf, this.#keyLeaf, this.#valueLeaf, this.#timeLeaf]
    for (let id = from; id < to; id++) {
      writer.start(out, 0)
      if (idLeaf >= 0) writer.setLongNumber(idLeaf, id)
      if (keyLeaf >= 0) writer.setInt32(keyLeaf, keyAt(id, keys))
      if (valueLeaf >= 0) writer.setDouble(valueLeaf, valueAt(id))
      if (timeLeaf >= 0) writer.setTimestampMicros(timeLeaf, FIRST_MICROS + id)
      writer.finish()
    }
  }
}

registerNumbered(EVENTS, schema, context => new EventReader(context))
