import { EngineError } from '../base/errors.ts'
import type { StructType } from '../record/data-type.ts'
import type { ObjectWriterSink, SinkConnector, SinkContext, SinkDescription, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'
import { requiredOption } from './options.ts'
import { ticketOf } from './promise-ticket.ts'

/** Sinks that end in the caller's thread, because they hold its closures or its memory. */
type Row = Record<string, unknown>

export interface ForeachWriter {
  /** Called once per epoch before its rows. False: leave its rows out, they have been dealt with. */
  open?(epoch: number): unknown
  process(row: Row): void
  close?(error: unknown): void
}

export type ForeachBatchFunction = (rows: Row[], epoch: number) => void | Promise<void>
export type RowCallback = (row: Row) => void

const callbacks = new Map<string, RowCallback>()
const foreachWriters = new Map<string, ForeachWriter>()
const batchFunctions = new Map<string, ForeachBatchFunction>()

/** Where the API leaves closures for the sinks, under an id that goes into the option `id`. */
export const callerSinkRegistry = { callbacks, foreachWriters, batchFunctions }

/** Rows that reached a memory sink. */
export class MemoryTable {
  rows: Row[] = []
  /** Known once a query has opened the sink. */
  schema: StructType | null = null
}

const tables = new Map<string, MemoryTable>()

export const memoryTable = (id: string): MemoryTable => {
  let table = tables.get(id)
  if (table === undefined) {
    table = new MemoryTable()
    tables.set(id, table)
  }
  return table
}

/** What they all do alike: a row is done with when `take` returns. */
abstract class CallerWriter implements ObjectWriterSink {
  readonly rows = 'objects'
  #count = 0

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  abstract take(row: Row): void

  beginEpoch(_epoch: number): void {}

  offer(row: Row): boolean {
    this.take(row)
    this.#count++
    return true
  }

  step(): boolean {
    return false
  }

  prepare(_epoch: number): Ticket<SinkToken> {
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

class CallbackWriter extends CallerWriter {
  readonly take: RowCallback

  constructor(callback: RowCallback) {
    super()
    this.take = callback
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
    try {
      this.#writer.process(row)
    } catch (error) {
      this.#end(error)
      throw new EngineError('FOREACH_FAILED', { reason: error instanceof Error ? error.message : String(error) }, error)
    }
  }

  override beginEpoch(epoch: number): void {
    this.#skips = this.#writer.open?.(epoch) === false
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
    if (this.#isOpen) this.#writer.close?.(error)
    this.#isOpen = false
  }
}

class ForeachBatchWriter extends CallerWriter {
  readonly #call: ForeachBatchFunction
  #batch: Row[] = []

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
    return ticketOf(
      Promise.resolve()
        .then(() => this.#call(rows, epoch))
        .then(
          () => null,
          error => {
            throw new EngineError('FOREACH_FAILED', { reason: error instanceof Error ? error.message : String(error) }, error)
          },
        ),
    )
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

  override prepare(): Ticket<SinkToken> {
    if (this.#replaces) this.#table.rows = this.#fresh
    this.#fresh = []
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

const registered = <T>(registry: ReadonlyMap<string, T>, context: SinkContext, format: string): T => {
  const id = requiredOption(context.options, 'id', format)
  const found = registry.get(id)
  if (found === undefined) throw new EngineError('INTERNAL', { reason: `no ${format} ${id}` })
  return found
}

export const callbackSink: SinkConnector = {
  name: 'callback',
  describe: async () => description('callback', 'at-least-once'),
  open: context => new CallbackWriter(registered(callbacks, context, 'callback')),
  committer: () => null,
}

export const foreachSink: SinkConnector = {
  name: 'foreach',
  describe: async () => description('foreach', 'at-least-once'),
  open: context => new ForeachSinkWriter(registered(foreachWriters, context, 'foreach')),
  committer: () => null,
}

export const foreachBatchSink: SinkConnector = {
  name: 'foreachBatch',
  describe: async () => description('foreachBatch', 'at-least-once'),
  open: context => new ForeachBatchWriter(registered(batchFunctions, context, 'foreachBatch')),
  committer: () => null,
}

/** `memory`: rows in a table of this process, named by the query. In complete mode each epoch replaces them. */
export const memorySink: SinkConnector = {
  name: 'memory',
  describe: async options => {
    if ((options.id ?? '') === '') throw new EngineError('MISSING_OPTION', { option: 'queryName', format: 'memory' })
    return description(`memory ${options.id}`, 'at-least-once')
  },
  open: context =>
    new MemoryWriter(
      memoryTable(requiredOption(context.options, 'id', 'memory')),
      context.schema,
      context.options.outputMode === 'complete',
    ),
  committer: () => null,
}
