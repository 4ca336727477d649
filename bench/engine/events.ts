import {
  type ConnectorOptions,
  parseSchema,
  type RecordBuffer,
  type RecordReader,
  RowLayout,
  RowWriter,
  registerSource,
  type SourceConnector,
  type SourceContext,
  type SourceOffset,
  Ticket,
} from 'walkway'

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

class EventReader implements RecordReader {
  readonly rows = 'records'
  readonly #writer: RowWriter
  readonly #keys: number
  readonly #end: number
  readonly #idLeaf: number
  readonly #keyLeaf: number
  readonly #valueLeaf: number
  readonly #timeLeaf: number
  #at = 0
  #limit = Number.POSITIVE_INFINITY

  constructor(context: SourceContext) {
    const { columns, options } = context
    this.#writer = new RowWriter(RowLayout.of({ kind: 'struct', fields: columns.map(ordinal => schema.fields[ordinal]) }))
    this.#keys = numberOf(options, 'keys', 1000)
    this.#end = numberOf(options, 'count', Number.POSITIVE_INFINITY)
    const leaf = (ordinal: number): number => columns.indexOf(ordinal)
    this.#idLeaf = leaf(0)
    this.#keyLeaf = leaf(1)
    this.#valueLeaf = leaf(2)
    this.#timeLeaf = leaf(3)
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: RecordBuffer, budget: number): number {
    const from = this.#at
    const to = Math.min(from + budget, this.#limit, this.#end)
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
    this.#at = to
    return to - from
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': Math.min(this.#end, this.#at + 1_000_000) })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end?.['0'] ?? Number.POSITIVE_INFINITY
  }

  exhausted(): boolean {
    return this.#at >= Math.min(this.#limit, this.#end)
  }

  arrivalMicros(): number {
    return 0
  }

  backlog(): number {
    return 0
  }

  committed(): void {}

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

const events: SourceConnector = {
  name: EVENTS,
  schema: () => schema,
  describe: async () => ({ schema, home: 'anywhere', rows: 'records', maxReaders: 1, replayable: true, label: EVENTS }),
  open: context => new EventReader(context),
}

registerSource(events)
