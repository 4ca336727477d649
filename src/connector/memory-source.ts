import type { UserRow } from '../record/user-value.ts'
import type { ObjectReader, SourceConnector, SourceContext, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'
import { givenSchema, requiredOption } from './options.ts'

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

const logs = new Map<string, RowLog>()

/** The log behind an id, made when it is first asked for. */
export const rowLog = (id: string): RowLog => {
  let log = logs.get(id)
  if (log === undefined) {
    log = new RowLog()
    logs.set(id, log)
  }
  return log
}

class LogReader implements ObjectReader {
  readonly rows = 'objects'
  readonly #log: RowLog
  readonly #clock: () => number
  #at = 0
  #limit: number | null = null
  #unlisten: () => void = () => {}

  constructor(log: RowLog, clock: () => number) {
    this.#log = log
    this.#clock = clock
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
  schema: (_options, given) => givenSchema('memory', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: true,
    label: 'memory',
    schema: givenSchema('memory', schema),
  }),
  open: (context: SourceContext) => new LogReader(rowLog(requiredOption(context.options, 'id', 'memory')), context.clock),
}

/** Rows on their way from `push` to a query: bounded, forgotten once they are read. */
export class PushQueue {
  readonly rows: Row[] = []
  readonly arrivals: number[] = []
  readonly capacity: number
  closed = false
  /** Called after a push: wakes the query, or in inline mode runs it. */
  onPush: () => void = () => {}
  readCount = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** False: full. */
  push(row: Row): boolean {
    if (this.closed || this.rows.length >= this.capacity) return false
    this.rows.push(row)
    this.onPush()
    return true
  }
}

const queues = new Map<string, PushQueue>()

export const pushQueue = (id: string, capacity = 65_536): PushQueue => {
  let queue = queues.get(id)
  if (queue === undefined) {
    queue = new PushQueue(capacity)
    queues.set(id, queue)
  }
  return queue
}

class QueueReader implements ObjectReader {
  readonly rows = 'objects'
  readonly #queue: PushQueue
  readonly #clock: () => number
  #limit: number | null = null

  constructor(queue: PushQueue, clock: () => number) {
    this.#queue = queue
    this.#clock = clock
  }

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  poll(out: Row[], budget: number): number {
    const queue = this.#queue
    const most = this.#limit === null ? budget : Math.min(budget, this.#limit - queue.readCount)
    const n = Math.min(queue.rows.length, most)
    if (n <= 0) return 0
    for (let i = 0; i < n; i++) out.push(queue.rows[i])
    if (n === queue.rows.length) queue.rows.length = 0
    else queue.rows.splice(0, n)
    queue.readCount += n
    return n
  }

  position(): SourceOffset {
    return { '0': this.#queue.readCount }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#queue.readCount + this.#queue.rows.length })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
  }

  exhausted(): boolean {
    return this.#limit === null ? this.#queue.closed && this.#queue.rows.length === 0 : this.#queue.readCount >= this.#limit
  }

  arrivalMicros(): number {
    return this.#clock()
  }

  backlog(): number {
    return this.#queue.rows.length
  }

  committed(): void {}

  onReady(wake: () => void): void {
    this.#queue.onPush = wake
  }

  close(): Ticket<void> {
    this.#queue.onPush = () => {}
    return Ticket.of(undefined)
  }
}

/** `push`: rows handed over by the program that embeds the query. They cannot be read again: what is in flight at a crash is lost. */
export const pushSource: SourceConnector = {
  name: 'push',
  schema: (_options, given) => givenSchema('push', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: false,
    label: 'push',
    schema: givenSchema('push', schema),
  }),
  open: context => new QueueReader(pushQueue(requiredOption(context.options, 'id', 'push')), context.clock),
}
