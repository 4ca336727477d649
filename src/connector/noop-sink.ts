import type { RecordBuffer } from '../record/record-buffer.ts'
import type { RecordWriterSink, SinkConnector, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'

/** Counts rows and drops them: what benchmarks write to. */
class NoopWriter implements RecordWriterSink {
  readonly rows = 'records'
  #count = 0

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  beginEpoch(): void {}

  offer(rows: RecordBuffer): void {
    this.#count += rows.rowCount
    rows.clear()
  }

  step(): boolean {
    return false
  }

  prepare(): Ticket<SinkToken> {
    return Ticket.of(null)
  }

  offeredCount(): number {
    return this.#count
  }

  acknowledgedCount(): number {
    return this.#count
  }

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

export const noopSink: SinkConnector = {
  name: 'noop',
  options: [],
  describe: async () => ({
    home: 'anywhere',
    rows: 'records',
    maxWriters: Number.MAX_SAFE_INTEGER,
    guarantee: 'at-most-once',
    outputModes: ['append', 'update', 'complete'],
    label: 'noop',
  }),
  open: () => new NoopWriter(),
  committer: () => null,
}
