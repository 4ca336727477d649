import type { RecordBuffer } from '../record/record-buffer.ts'
import type { RecordWriterSink, SinkConnector, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { heldOption } from './options.ts'

/** Buffers of this process that a query fills, under an id that goes into the option `id`. */
export const recordBuffers = new HeldObjects<RecordBuffer>('records')

/** Appends rows to a buffer of the caller as the records that they are: nothing is lost that JavaScript has no value for. */
class RecordSinkWriter implements RecordWriterSink {
  readonly rows = 'records'
  readonly #target: RecordBuffer
  #count = 0

  constructor(target: RecordBuffer) {
    this.#target = target
  }

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  beginEpoch(): void {}

  offer(rows: RecordBuffer): void {
    this.#count += rows.rowCount
    this.#target.appendAll(rows)
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

/** `records`: for the engine's own use, tables of joins that is. */
export const recordSink: SinkConnector = {
  name: 'records',
  options: [],
  describe: async () => ({
    home: 'caller',
    rows: 'records',
    maxWriters: 1,
    guarantee: 'at-least-once',
    outputModes: ['append'],
    label: 'records',
  }),
  open: context => new RecordSinkWriter(heldOption(recordBuffers, context.options, 'records', 'join')),
  committer: () => null,
}
