import { emptyArray } from '../base/empty-array.ts'
import { EngineError, reasonOf } from '../base/errors.ts'
import type { ObjectReader, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'

type Row = Record<string, unknown>

/**
 * Rows on their way from this process to a query: forgotten once they are read, so they cannot be read again. It outlives the attempts of
 * the query, and a restart goes on where the last attempt stopped.
 */
export abstract class RowQueue {
  readonly rows: Row[] = []
  /** Rows read so far, by this query and those before it on its checkpoint: the offset. */
  readCount = 0
  /** No more rows will come. */
  isClosed = false
  /** What the input died of, once all rows before it are read. */
  failure: { readonly error: unknown } | null = null
  /** Wakes the query, or in inline mode runs it. */
  wake: () => void = () => {}
  /** Has the query process a row at once, past the queue. False: it must wait. Only for a row with none before it in the queue. */
  pass: (row: Row) => boolean = refuse
  abstract readonly format: string
  isTaken = false
  wasOpened = false

  /** Rows have been taken: there is room. */
  taken(): void {}

  /** A query has opened it. */
  opened(): void {}

  /** Its query is being stopped: what is not taken in now is not lost. */
  stopping(): void {}

  /** A query that meant to read it has ended: unless that got no further than to find it taken, nobody reads it now. */
  endOfQuery(): void {
    if (this.isTaken || !this.wasOpened) return
    this.wasOpened = false
    this.over()
  }

  /** The query that read it has ended. */
  protected over(): void {}
}

const refuse = (): boolean => false

export class QueueReader implements ObjectReader {
  readonly rows = 'objects'
  readonly #queue: RowQueue
  readonly #clock: () => number
  #limit: number | null = null
  #isOpen = false
  #wake: () => void = () => {}
  #runRow: (row: Row) => boolean = refuse

  constructor(queue: RowQueue, clock: () => number) {
    this.#queue = queue
    this.#clock = clock
  }

  open(start: SourceOffset | null): Ticket<void> {
    const queue = this.#queue
    try {
      if (queue.isTaken) throw new EngineError('SOURCE_TAKEN', { source: queue.format })
      this.#take(start)
      return Ticket.of(undefined)
    } catch (error) {
      return Ticket.failed(error)
    }
  }

  poll(out: Row[], budget: number): number {
    const queue = this.#queue
    if (queue.rows.length === 0) {
      if (queue.failure !== null) throw failed(queue.format, queue.failure.error)
      return 0
    }
    const most = this.#limit === null ? budget : Math.min(budget, this.#limit - queue.readCount)
    const n = Math.min(queue.rows.length, most)
    if (n <= 0) return 0
    for (let i = 0; i < n; i++) out.push(queue.rows[i])
    if (n === queue.rows.length) emptyArray(queue.rows)
    else queue.rows.splice(0, n)
    queue.readCount += n
    queue.taken()
    return n
  }

  position(): SourceOffset {
    return { '0': this.#queue.readCount }
  }

  latest(): Ticket<SourceOffset> {
    const { rows, readCount, failure, format } = this.#queue
    // A micro-batch begins only when there is something to read, and an error must be seen without one.
    if (rows.length === 0 && failure !== null) return Ticket.failed(failed(format, failure.error))
    return Ticket.of({ '0': readCount + rows.length })
  }

  limit(end: SourceOffset | null): void {
    const queue = this.#queue
    this.#limit = end === null ? null : (end['0'] ?? 0)
    // An epoch that is run again after a crash: rows that it had then are gone.
    if (this.#limit !== null) queue.readCount = Math.max(queue.readCount, this.#limit - queue.rows.length)
  }

  drain(): void {
    this.#limit = this.#queue.readCount + this.#queue.rows.length
  }

  exhausted(): boolean {
    return this.#limit === null ? this.ended() : this.#queue.readCount >= this.#limit
  }

  ended(): boolean {
    const { isClosed, rows, failure } = this.#queue
    return isClosed && rows.length === 0 && failure === null
  }

  arrivalMicros(): number {
    return this.#clock()
  }

  backlog(): number {
    return this.#queue.rows.length
  }

  committed(): void {}

  onReady(wake: () => void, runRow: (row: Row) => boolean): void {
    this.#wake = wake
    this.#runRow = runRow
  }

  close(): Ticket<void> {
    if (this.#isOpen) {
      this.#queue.isTaken = false
      this.#queue.wake = () => {}
      this.#queue.pass = refuse
    }
    this.#isOpen = false
    return Ticket.of(undefined)
  }

  #pass(row: Row): boolean {
    if (this.#limit !== null) return false
    const queue = this.#queue
    queue.readCount++
    if (this.#runRow(row)) return true
    queue.readCount--
    return false
  }

  #take(start: SourceOffset | null): void {
    const queue = this.#queue
    queue.isTaken = true
    queue.wake = this.#wake
    queue.pass = row => this.#pass(row)
    this.#isOpen = true
    // What a checkpoint counted in another process goes on being counted.
    queue.readCount = Math.max(queue.readCount, start?.['0'] ?? 0)
    queue.opened()
    queue.wasOpened = true
  }
}

const failed = (source: string, error: unknown): EngineError => new EngineError('SOURCE_FAILED', { source, reason: reasonOf(error) }, error)
