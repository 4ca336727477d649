import { EngineError } from '../base/errors.ts'
import type { ColumnBatch } from '../record/column-batch.ts'
import { field, longType, structType, timestampType } from '../record/data-type.ts'
import type { ColumnReader, SourceConnector, SourceContext, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'
import { numberOption } from './options.ts'

const schema = structType([field('timestamp', timestampType, false), field('value', longType, false)])

/**
 * `rate`: rows (timestamp, value) at a fixed rate by the clock, open loop: what is due comes, however late the query asks. A row's content
 * depends on its number and the time of the first start alone, both kept with the offset, so a replay gives the same rows.
 */
class RateReader implements ColumnReader {
  readonly rows = 'columns'
  readonly timesRows = true
  readonly #clock: () => number
  readonly #perSecond: number
  readonly #timestampLeaf: number
  readonly #valueLeaf: number
  #startMicros = 0
  #at = 0
  #limit: number | null = null

  constructor(context: SourceContext) {
    this.#clock = context.clock
    this.#perSecond = numberOption(context.options, 'rowsPerSecond', 1, 1e-6)
    this.#timestampLeaf = context.columns.indexOf(0)
    this.#valueLeaf = context.columns.indexOf(1)
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#startMicros = start?.startMicros ?? this.#clock()
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: ColumnBatch, budget: number): number {
    const end = Math.min(this.#limit ?? this.#due(), this.#due(), this.#at + budget)
    const from = this.#at
    const { arrivals } = out
    const times = this.#timestampLeaf < 0 ? null : out.numbers(this.#timestampLeaf).values
    const values = this.#valueLeaf < 0 ? null : out.longs(this.#valueLeaf)
    for (let row = 0; this.#at < end; row++, this.#at++) {
      const dueMicros = this.#startMicros + (this.#at * 1e6) / this.#perSecond
      // A row arrives when it is due, not when the query gets round to asking: latencies are those of an open loop.
      if (arrivals !== null) arrivals[row] = dueMicros
      if (times !== null) times[row] = Math.floor(dueMicros)
      values?.setNumber(row, this.#at)
    }
    return end - from
  }

  position(): SourceOffset {
    return { '0': this.#at, startMicros: this.#startMicros }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#due(), startMicros: this.#startMicros })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
  }

  exhausted(): boolean {
    return this.#at >= (this.#limit ?? Number.POSITIVE_INFINITY)
  }

  arrivalMicros(): number {
    return 0
  }

  backlog(): number {
    return this.#due() - this.#at
  }

  committed(): void {}

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }

  /** Rows whose time has come; the first one's is the start itself. */
  #due(): number {
    return Math.max(this.#at, Math.floor(((this.#clock() - this.#startMicros) * this.#perSecond) / 1e6) + 1)
  }
}

export const rateSource: SourceConnector = {
  name: 'rate',
  options: ['rowsPerSecond'],
  schema: () => schema,
  describe: async (options, _schema, streaming) => {
    if (!streaming) throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'read the format rate, which has no end: use readStream' })
    const perSecond = numberOption(options, 'rowsPerSecond', 1, 1e-6)
    return { schema, home: 'anywhere', rows: 'columns', maxReaders: 1, replayable: true, label: `rate ${perSecond}/s` }
  },
  open: context => new RateReader(context),
}
