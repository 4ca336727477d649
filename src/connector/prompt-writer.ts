import type { RecordBuffer } from '../record/record-buffer.ts'
import type { RecordWriterSink, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'

/** A writer to which rows are acknowledged as soon as it has them: it opens and closes nothing, and has nothing to prepare. */
export abstract class PromptWriter implements RecordWriterSink {
  readonly rows = 'records'
  #count = 0

  /** Takes what it wants of all rows; they are forgotten then. */
  protected abstract take(rows: RecordBuffer): void

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  beginEpoch(): void {}

  offer(rows: RecordBuffer): void {
    this.#count += rows.rowCount
    this.take(rows)
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
