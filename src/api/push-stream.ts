import { EngineError } from '../base/errors.ts'
import type { PushQueue } from '../connector/memory-source.ts'
import type { DataFrame, Row } from './data-frame.ts'

/**
 * A stream that the program itself feeds: `session.pushStream(schema)`. With the master `inline` and a real-time trigger a row has gone
 * through the whole query when `push` returns. Rows cannot be read again, so what is in flight when the process dies is lost.
 */
export class PushStream {
  readonly #queue: PushQueue
  readonly #frame: DataFrame

  constructor(queue: PushQueue, frame: DataFrame) {
    this.#queue = queue
    this.#frame = frame
  }

  /** False: the queue is full, or the stream is closed; the row was not taken. Does not block. */
  push(row: Row): boolean {
    return this.#queue.push(row)
  }

  /** Like `push`, but waits for room. Throws STREAM_CLOSED. */
  async send(row: Row): Promise<void> {
    while (!this.#queue.push(row)) {
      if (this.#queue.closed) throw new EngineError('STREAM_CLOSED', { stream: 'push' })
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Rows that wait to be read. */
  get size(): number {
    return this.#queue.rows.length
  }

  /** No more rows will come. */
  close(): void {
    this.#queue.closed = true
    this.#queue.onPush()
  }

  toDF(): DataFrame {
    return this.#frame
  }
}
