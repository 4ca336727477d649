import { EngineError, reasonOf } from '../base/errors.ts'
import type { StructType } from '../record/data-type.ts'
import type { ConnectorOptions, ObjectWriterSink, SinkConnector, SinkDescription, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { heldOption, optionOf } from './options.ts'
import { ticketOf } from './promise-ticket.ts'
import { PromptSink } from './prompt-writer.ts'

/** Sinks that end in the caller's thread, because they hold its closures or its memory. */
type Row = Record<string, unknown>

/** Takes the rows of a `foreach` epoch by epoch, in the caller's thread. None of its methods may be async. */
export interface ForeachWriter {
  /** Called once per epoch before its rows. False: leave its rows out, they have been dealt with. None of the three may be async. */
  open?(epoch: number): unknown
  process(row: Row): void
  close?(error: unknown): void
}

export type ForeachBatchFunction = (rows: Row[], epoch: number) => void | Promise<void>
/** A function of one row, in the caller's thread; it must not be async. */
export type RowCallback = (row: Row) => void

/** Rows that reached a memory sink. */
export class MemoryTable {
  rows: Row[] = []
  /** Known once a query has opened the sink. */
  schema: StructType | null = null
  /** How many rows there were at the end of the last epochs. */
  readonly #marks = new Map<number, number>()

  mark(epoch: number): void {
    this.#marks.set(epoch, this.rows.length)
    this.#marks.delete(epoch - EPOCHS_MARKED)
  }

  /** Forgets the rows of epochs after this one: they come again. */
  rewind(epoch: number): void {
    const count = epoch < 0 ? 0 : this.#marks.get(epoch)
    if (count !== undefined) this.rows.length = Math.min(this.rows.length, count)
  }
}

/** One is in work, one is being committed. */
const EPOCHS_MARKED = 8

/** Where the API leaves closures and tables for the sinks, under an id that goes into the option `id`. */
export const callerObjects = {
  callbacks: new HeldObjects<RowCallback>('callback'),
  writers: new HeldObjects<ForeachWriter>('foreach'),
  batches: new HeldObjects<ForeachBatchFunction>('batch'),
  tables: new HeldObjects<MemoryTable>('table'),
} as const

/** What they all do alike: a row is done with when `take` returns. */
abstract class CallerWriter extends PromptSink implements ObjectWriterSink {
  readonly rows = 'objects'

  abstract take(row: Row): void

  offer(row: Row): boolean {
    this.take(row)
    this.count++
    return true
  }
}

const failed = (error: unknown): EngineError => new EngineError('FOREACH_FAILED', { reason: reasonOf(error) }, error)

/** Nobody would wait for it, and its error would reach nobody. */
const refusePromise = (result: unknown): void => {
  if (typeof result !== 'object' || result === null || !('then' in result)) return
  if (result instanceof Promise) result.catch(() => {})
  throw new EngineError('FOREACH_FAILED', { reason: 'it returned a promise, but rows are not waited for. Use foreachBatch' })
}

class CallbackWriter extends CallerWriter {
  readonly #call: RowCallback

  constructor(callback: RowCallback) {
    super()
    this.#call = callback
  }

  take(row: Row): void {
    let result: unknown
    try {
      result = this.#call(row)
    } catch (error) {
      throw failed(error)
    }
    if (typeof result === 'object') refusePromise(result)
  }
}

class ForeachSinkWriter extends CallerWriter {
  readonly #writer: ForeachWriter
  #isOpen = false
  #skips = false

  constructor(writer: ForeachWriter) {
    super()
    this.#writer = writer
  }

  take(row: Row): void {
    if (this.#skips) return
    let result: unknown
    try {
      result = this.#writer.process(row)
    } catch (error) {
      try {
        this.#end(error)
      } catch {
        // The first error is the one to be told.
      }
      throw failed(error)
    }
    if (typeof result === 'object') refusePromise(result)
  }

  override beginEpoch(epoch: number): void {
    let result: unknown
    try {
      result = this.#writer.open?.(epoch)
    } catch (error) {
      throw failed(error)
    }
    refusePromise(result)
    this.#skips = result === false
    this.#isOpen = true
  }

  override prepare(): Ticket<SinkToken> {
    this.#end(null)
    return Ticket.of(null)
  }

  override close(): Ticket<void> {
    this.#end(null)
    return Ticket.of(undefined)
  }

  #end(error: unknown): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    let result: unknown
    try {
      result = this.#writer.close?.(error)
    } catch (thrown) {
      throw failed(thrown)
    }
    refusePromise(result)
  }
}

/** Each function's last call, settled or not: an attempt may fail while one is under way, and the next would call it beside itself. */
const lastCalls = new WeakMap<ForeachBatchFunction, Promise<void>>()

class ForeachBatchWriter extends CallerWriter {
  readonly #call: ForeachBatchFunction
  #batch: Row[] = []
  #isClosed = false

  constructor(call: ForeachBatchFunction) {
    super()
    this.#call = call
  }

  take(row: Row): void {
    this.#batch.push(row)
  }

  /** The function runs before the epoch is committed; should it fail, or the process die, the epoch comes again with the same id. */
  override prepare(epoch: number): Ticket<SinkToken> {
    const rows = this.#batch
    this.#batch = []
    const call = (lastCalls.get(this.#call) ?? Promise.resolve()).then(() => {
      // It has waited until its own attempt was over, too.
      if (!this.#isClosed) return this.#call(rows, epoch)
    })
    const settled = (): void => {}
    lastCalls.set(this.#call, call.then(settled, settled))
    return ticketOf(
      call.then(
        () => null,
        error => {
          throw failed(error)
        },
      ),
    )
  }

  override close(): Ticket<void> {
    this.#isClosed = true
    return super.close()
  }
}

class MemoryWriter extends CallerWriter {
  readonly #table: MemoryTable
  readonly #replaces: boolean
  #fresh: Row[] = []

  constructor(table: MemoryTable, schema: StructType, replaces: boolean) {
    super()
    table.schema = schema
    this.#table = table
    this.#replaces = replaces
  }

  take(row: Row): void {
    if (this.#replaces) this.#fresh.push(row)
    else this.#table.rows.push(row)
  }

  override prepare(epoch: number): Ticket<SinkToken> {
    if (this.#replaces) this.#table.rows = this.#fresh
    this.#fresh = []
    this.#table.mark(epoch)
    return Ticket.of(null)
  }
}

const description = (label: string, guarantee: SinkDescription['guarantee']): SinkDescription => ({
  home: 'caller',
  rows: 'objects',
  maxWriters: 1,
  guarantee,
  outputModes: ['append', 'update', 'complete'],
  label,
})

export const callbackSink: SinkConnector = {
  name: 'callback',
  options: [],
  describe: async () => description('callback', 'at-least-once'),
  open: context => new CallbackWriter(heldOption(callerObjects.callbacks, context.options, 'callback', 'foreach(…)')),
  committer: () => null,
}

export const foreachSink: SinkConnector = {
  name: 'foreach',
  options: [],
  describe: async () => description('foreach', 'at-least-once'),
  open: context => new ForeachSinkWriter(heldOption(callerObjects.writers, context.options, 'foreach', 'foreach(…)')),
  committer: () => null,
}

export const foreachBatchSink: SinkConnector = {
  name: 'foreachBatch',
  options: [],
  describe: async () => description('foreachBatch', 'at-least-once'),
  open: context => new ForeachBatchWriter(heldOption(callerObjects.batches, context.options, 'foreachBatch', 'foreachBatch(…)')),
  committer: () => null,
}

/** `memory`: rows in a table of this process, named by the query. In complete mode each epoch replaces them. */
export const memorySink: SinkConnector = {
  name: 'memory',
  options: [],
  describe: async options => {
    const name = optionOf(options, 'queryName') ?? ''
    if (name === '') throw new EngineError('MISSING_OPTION', { option: 'queryName', format: 'memory' })
    return description(`memory ${name}`, 'at-least-once')
  },
  open: context => new MemoryWriter(tableOf(context.options), context.schema, context.options.outputMode === 'complete'),
  committer: options => {
    const table = tableOf(options)
    return {
      commit: async () => {},
      recover: async epoch => table.rewind(epoch),
      close: async () => {},
    }
  },
}

const tableOf = (options: ConnectorOptions): MemoryTable => heldOption(callerObjects.tables, options, 'memory', 'writeStream')
