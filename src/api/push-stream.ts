import { EngineError } from '../base/errors.ts'
import type { PushQueue } from '../connector/push-source.ts'
import type { DataFrame, Row } from './data-frame.ts'

/**
 * A stream that the program itself feeds: `session.pushStream(schema)`. With the master `inline` and a real-time trigger a row has gone
 * through the whole query when `push` returns. Rows cannot be read again, so what is in flight when the process dies is lost; `stop` lets
 * those through that were accepted before.
 */
export class PushStream {
  readonly #queue: PushQueue
  readonly #frame: DataFrame
  /** Those who wait for room, in order. */
  #waiting: (() => void)[] = []

  /** Made by the session. */
  constructor(queue: PushQueue, frame: DataFrame) {
    this.#queue = queue
    this.#frame = frame
    queue.onRoom = () => this.#wakeAll()
  }

  /**
   * Hands a row over. False: the queue is full, the stream is closed, or its query has ended; the row was not taken. Before a query is
   * started rows wait for it. Does not block.
   */
  push(row: Row): boolean {
    return this.#queue.push(row)
  }

  /** Like `push`, but waits for room. Throws STREAM_CLOSED once the stream is closed, and QUERY_STOPPED when its query has ended. */
  async send(row: Row): Promise<void> {
    while (this.#waiting.length > 0 || !this.#queue.push(row)) {
      if (this.#queue.isClosed) throw new EngineError('STREAM_CLOSED', { stream: 'push' })
      if (this.#queue.isOver) throw new EngineError('QUERY_STOPPED', { what: 'it took the row' })
      await new Promise<void>(resolve => this.#waiting.push(resolve))
      if (this.#queue.push(row)) return
    }
  }

  /** Rows that wait to be read. */
  get size(): number {
    return this.#queue.rows.length
  }

  /** No more rows will come. What has been accepted is processed still; then the query ends by itself, if it has no other stream. */
  close(): void {
    this.#queue.close()
  }

  toDF(): DataFrame {
    return this.#frame
  }

  #wakeAll(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
