import {
  type ColumnBatch,
  type ColumnReader,
  type RecordBuffer,
  type RecordReader,
  type RowLayout,
  registerSource,
  type SourceContext,
  type SourceOffset,
  Ticket,
} from 'walkway'

type Schema = RowLayout['schema']

/** A source whose rows are functions of their numbers, from 0 on: what the benchmarks' sources have in common. */
abstract class NumberedSource<Rows> {
  readonly #end: number
  #at = 0
  #limit = Number.POSITIVE_INFINITY

  /** `end`: how many rows there are. */
  constructor(end: number) {
    this.#end = end
  }

  /** Writes the rows with the numbers from `from` up to `to`. */
  protected abstract write(out: Rows, from: number, to: number): void

  /** How many rows there may be by now. */
  protected due(): number {
    return Number.POSITIVE_INFINITY
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: Rows, budget: number): number {
    const from = this.#at
    const to = Math.min(from + budget, this.due(), this.#limit, this.#end)
    if (to <= from) return 0
    this.write(out, from, to)
    this.#at = to
    return to - from
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': Math.min(this.#end, this.due(), this.#at + 1_000_000) })
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

export abstract class NumberedReader extends NumberedSource<RecordBuffer> implements RecordReader {
  readonly rows = 'records'
}

export abstract class NumberedColumns extends NumberedSource<ColumnBatch> implements ColumnReader {
  readonly rows = 'columns'
}

/** Makes such a source known under a name, on this thread. */
export const registerNumbered = (
  name: string,
  schema: Schema,
  rows: 'records' | 'columns',
  open: (context: SourceContext) => NumberedReader | NumberedColumns,
): void =>
  registerSource({
    name,
    schema: () => schema,
    describe: async () => ({ schema, home: 'anywhere', rows, maxReaders: 1, replayable: true, label: name }),
    open,
  })
