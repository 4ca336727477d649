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
 * A key a row, none twice, at a fixed rate by the clock (open loop), all in one day of event time; then, once `keys` are there, nothing
 * more, or with `closes` rows of two days later, which the query filters out once its watermark has seen them: all that was kept of the
 * day goes. Registers itself, also on workers.
 */
export const GROWING_KEYS = 'bench-growing-keys'
const schema = parseSchema('key BIGINT NOT NULL, ts TIMESTAMP NOT NULL')

const DAY_MICROS = 86_400_000_000
export const FIRST_MICROS = 19_675 * DAY_MICROS

const numberOf = (options: ConnectorOptions, name: string): number => Number(options[name])

class GrowingReader implements RecordReader {
  readonly rows = 'records'
  readonly #clock: () => number
  readonly #writer: RowWriter
  readonly #perSecond: number
  readonly #keys: number
  readonly #end: number
  #at = 0
  #firstRow = 0
  #startMicros = 0
  #limit = Number.POSITIVE_INFINITY

  constructor({ options, columns, clock }: SourceContext) {
    if (columns.length !== 2) throw new Error('the benchmark reads both columns')
    this.#clock = clock
    this.#writer = new RowWriter(RowLayout.of(schema))
    this.#perSecond = numberOf(options, 'rowsPerSecond')
    this.#keys = numberOf(options, 'keys')
    this.#end = options.closes === 'true' ? Number.POSITIVE_INFINITY : this.#keys
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = this.#firstRow = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: RecordBuffer, budget: number): number {
    // The clock of the load starts with the first poll: what happens before is start-up.
    if (this.#startMicros === 0) this.#startMicros = this.#clock()
    const due = this.#firstRow + Math.floor(((this.#clock() - this.#startMicros) * this.#perSecond) / 1e6)
    const from = this.#at
    const to = Math.min(from + budget, due, this.#end, this.#limit)
    for (let id = from; id < to; id++) {
      out.arrivalMicros = this.#startMicros + ((id - this.#firstRow) * 1e6) / this.#perSecond
      const closes = id >= this.#keys
      this.#writer.start(out, 0)
      this.#writer.setLongNumber(0, id)
      this.#writer.setTimestampMicros(1, closes ? FIRST_MICROS + 2 * DAY_MICROS : FIRST_MICROS)
      this.#writer.finish()
    }
    this.#at = Math.max(from, to)
    return this.#at - from
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#at })
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

const source: SourceConnector = {
  name: GROWING_KEYS,
  schema: () => schema,
  describe: async () => ({ schema, home: 'anywhere', rows: 'records', maxReaders: 1, replayable: true, label: GROWING_KEYS }),
  open: context => new GrowingReader(context),
}

registerSource(source)
