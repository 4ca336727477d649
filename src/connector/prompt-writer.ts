import type { RecordBuffer } from '../record/record-buffer.ts'
import type { RecordWriterSink, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'

/** What writers have in common whose rows are acknowledged as soon as they have them: there is nothing to open, to prepare or to close. */
export abstract class PromptSink {
  protected count = 0

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  beginEpoch(_epoch: number): void {}

  step(): boolean {
    return false
  }

  prepare(_epoch: number): Ticket<SinkToken> {
    return Ticket.of(null)
  }

  offeredCount(): number {
    return this.count
  }

  acknowledgedCount(): number {
    return this.count
  }

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

/** Such a writer of records. */
export abstract class PromptWriter extends PromptSink implements RecordWriterSink {
  readonly rows = 'records'

  /** Takes what it wants of all rows; they are forgotten then. */
  protected abstract take(rows: RecordBuffer): void

  offer(rows: RecordBuffer): void {
    this.count += rows.rowCount
    this.take(rows)
    rows.clear()
  }
}
