import type { SourceConnector } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { givenSchema, heldOption } from './options.ts'
import { QueueReader, RowQueue } from './row-queue.ts'

type Row = Record<string, unknown>

/** Rows that a program pushes: bounded. */
export class PushQueue extends RowQueue {
  readonly format = 'push'
  readonly capacity: number
  /** The query that read it has been stopped or has ended, and no other has been started: nobody will take a row. */
  isOver = false
  /** Told when there may be room, or when there will be none. */
  onRoom: () => void = () => {}

  constructor(capacity: number) {
    super()
    this.capacity = capacity
  }

  /** False: full, closed or over. */
  push(row: Row): boolean {
    if (this.rows.length >= this.capacity || this.isClosed || this.isOver) return false
    // A row with none before it need not wait in line.
    if (this.rows.length === 0 && this.pass(row)) return true
    this.rows.push(row)
    this.wake()
    return true
  }

  close(): void {
    this.isClosed = true
    this.wake()
    this.onRoom()
  }

  override taken(): void {
    this.onRoom()
  }

  override opened(): void {
    this.isOver = false
  }

  override stopping(): void {
    this.over()
  }

  protected override over(): void {
    this.isOver = true
    this.onRoom()
  }
}

export const pushQueues = new HeldObjects<PushQueue>('push')

/** `push`: rows handed over by the program that embeds the query. They cannot be read again: what is in flight at a crash is lost. */
export const pushSource: SourceConnector = {
  name: 'push',
  options: [],
  schema: (_options, given) => givenSchema('push', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: false,
    label: 'push',
    schema: givenSchema('push', schema),
  }),
  open: context => new QueueReader(heldOption(pushQueues, context.options, 'push', 'session.pushStream'), context.clock),
}
