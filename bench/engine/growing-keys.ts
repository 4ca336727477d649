import { parseSchema, type RecordBuffer, RowLayout, RowWriter, type SourceContext, type SourceOffset, type Ticket } from 'walkway'
import { NumberedReader, registerNumbered } from './numbered-source.ts'

/**
 * A key a row, none twice, at a fixed rate by the clock (open loop), all in one day of event time; then, once `keys` are there, nothing
 * more, or with `closes` rows that the query filters out once its watermark has seen them: two seconds' worth of the same day, so that one
 * can see when they are read, and then of two days later, so that all that was kept of the day goes. Registers itself, also on workers.
 */
export const GROWING_KEYS = 'bench-growing-keys'
const schema = parseSchema('key BIGINT NOT NULL, ts TIMESTAMP NOT NULL')

const DAY_MICROS = 86_400_000_000
export const FIRST_MICROS = 19_675 * DAY_MICROS

class GrowingReader extends NumberedReader {
  readonly #clock: () => number
  readonly #writer = new RowWriter(RowLayout.of(schema))
  readonly #perSecond: number
  readonly #keys: number
  #firstRow = 0
  #startMicros = 0

  constructor({ options, columns, clock }: SourceContext) {
    super(options.closes === 'true' ? Number.POSITIVE_INFINITY : Number(options.keys))
    if (columns.length !== 2) throw new Error('the benchmark reads both columns')
    this.#clock = clock
    this.#perSecond = Number(options.rowsPerSecond)
    this.#keys = Number(options.keys)
  }

  override open(start: SourceOffset | null): Ticket<void> {
    this.#firstRow = start?.['0'] ?? 0
    return super.open(start)
  }

  protected override due(): number {
    // The clock of the load starts with the first look: what happens before is start-up.
    if (this.#startMicros === 0) this.#startMicros = this.#clock()
    return this.#firstRow + Math.floor(((this.#clock() - this.#startMicros) * this.#perSecond) / 1e6)
  }

  protected write(out: RecordBuffer, from: number, to: number): void {
    for (let id = from; id < to; id++) {
      out.arrivalMicros = this.#startMicros + ((id - this.#firstRow) * 1e6) / this.#perSecond
      const closes = id >= this.#keys + 2 * this.#perSecond
      this.#writer.start(out, 0)
      this.#writer.setLongNumber(0, id)
      this.#writer.setTimestampMicros(1, closes ? FIRST_MICROS + 2 * DAY_MICROS : FIRST_MICROS)
      this.#writer.finish()
    }
  }
}

registerNumbered(GROWING_KEYS, schema, 'records', context => new GrowingReader(context))
