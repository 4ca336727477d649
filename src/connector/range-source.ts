import { EngineError } from '../base/errors.ts'
import type { ColumnBatch } from '../record/column-batch.ts'
import { field, longType, structType } from '../record/data-type.ts'
import type { ColumnReader, ConnectorOptions, SourceConnector, SourceContext, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'
import { numberOption } from './options.ts'

const schema = structType([field('id', longType, false)])

const boundsOf = (options: ConnectorOptions): { start: number; step: number; count: number } => {
  const start = numberOption(options, 'start', 0, Number.MIN_SAFE_INTEGER)
  const end = numberOption(options, 'end', 0, Number.MIN_SAFE_INTEGER)
  const step = numberOption(options, 'step', 1, Number.MIN_SAFE_INTEGER)
  for (const [option, value] of Object.entries({ start, end, step })) {
    if (!Number.isSafeInteger(value) || (option === 'step' && value === 0))
      throw new EngineError('BAD_OPTION', { option, value, expected: 'a whole number' })
  }
  return { start, step, count: Math.max(0, Math.ceil((end - start) / step)) }
}

/** The numbers from `start` to `end`, made as they are read. */
class RangeReader implements ColumnReader {
  readonly rows = 'columns'
  readonly #start: number
  readonly #step: number
  readonly #count: number
  readonly #hasId: boolean
  #at = 0
  #limit: number | null = null

  constructor(context: SourceContext) {
    const { start, step, count } = boundsOf(context.options)
    this.#start = start
    this.#step = step
    this.#count = count
    this.#hasId = context.columns.length > 0
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: ColumnBatch, budget: number): number {
    const end = Math.min(this.#limit ?? this.#count, this.#count, this.#at + budget)
    const from = this.#at
    if (end <= from) return 0
    if (this.#hasId) {
      const ids = out.longs(0)
      for (let row = 0; row < end - from; row++) ids.setNumber(row, this.#start + (from + row) * this.#step)
    }
    this.#at = end
    return end - from
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#count })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
  }

  exhausted(): boolean {
    return this.#at >= (this.#limit ?? this.#count)
  }

  ended(): boolean {
    return this.#at >= this.#count
  }

  arrivalMicros(): number {
    return 0
  }

  backlog(): number {
    return this.#count - this.#at
  }

  committed(): void {}

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

/** `range`: what `session.range` reads. Options: start, end, step. */
export const rangeSource: SourceConnector = {
  name: 'range',
  options: ['start', 'end', 'step'],
  schema: () => schema,
  describe: async options => {
    const { start, count } = boundsOf(options)
    return { schema, home: 'anywhere', rows: 'columns', maxReaders: 1, replayable: true, label: `range from ${start}, ${count} rows` }
  },
  open: context => new RangeReader(context),
}
