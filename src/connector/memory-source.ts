import type { UserRow } from '../record/user-value.ts'
import type { ObjectReader, SourceConnector, SourceContext, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { givenSchema, heldOption } from './options.ts'

type Row = Record<string, unknown>

/** Rows of this process, kept in order so that they can be read again. */
export class RowLog {
  readonly rows: Row[] = []
  readonly #listeners = new Set<() => void>()

  append(rows: readonly UserRow[]): number {
    for (const row of rows) this.rows.push(row)
    for (const listener of this.#listeners) listener()
    return this.rows.length
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export const rowLogs = new HeldObjects<RowLog>('memory')

class LogReader implements ObjectReader {
  readonly rows = 'objects'
  readonly #log: RowLog
  readonly #clock: () => number
  /** A table that stands in the plan: no rows are added to it. */
  readonly #isFinite: boolean
  #at = 0
  #limit: number | null = null
  #unlisten: () => void = () => {}

  constructor(log: RowLog, clock: () => number, ends: boolean) {
    this.#log = log
    this.#clock = clock
    this.#isFinite = ends
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: Row[], budget: number): number {
    const { rows } = this.#log
    const end = Math.min(this.#limit ?? rows.length, rows.length, this.#at + budget)
    const from = this.#at
    for (; this.#at < end; this.#at++) out.push(rows[this.#at])
    return end - from
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#log.rows.length })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
  }

  exhausted(): boolean {
    return this.#at >= (this.#limit ?? this.#log.rows.length)
  }

  ended(): boolean {
    return this.#isFinite && this.#at >= this.#log.rows.length
  }

  arrivalMicros(): number {
    return this.#clock()
  }

  backlog(): number {
    return this.#log.rows.length - this.#at
  }

  committed(): void {}

  onReady(wake: () => void): void {
    this.#unlisten = this.#log.listen(wake)
  }

  close(): Ticket<void> {
    this.#unlisten()
    return Ticket.of(undefined)
  }
}

/** `memory`: rows added by `addData`. Option `id` names the log. */
export const memorySource: SourceConnector = {
  name: 'memory',
  options: [],
  schema: (_options, given) => givenSchema('memory', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: true,
    label: 'memory',
    schema: givenSchema('memory', schema),
  }),
  open: (context: SourceContext) =>
    new LogReader(heldOption(rowLogs, context.options, 'memory', 'session.memoryStream'), context.clock, !context.streaming),
}
