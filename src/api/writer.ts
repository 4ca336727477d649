import { EngineError } from '../base/errors.ts'
import { callerObjects, type ForeachWriter, MemoryTable, type RowCallback } from '../connector/caller-sinks.ts'
import { optionOf } from '../connector/options.ts'
import { analyze } from '../plan/analyze.ts'
import type { LogicalPlan, OutputMode } from '../plan/logical-plan.ts'
import { insideBatch } from './batch-scope.ts'
import { Configurable } from './configurable.ts'
import type { DataFrame, Row } from './data-frame.ts'
import type { SessionCore } from './session-core.ts'
import type { StreamingQuery } from './streaming-query.ts'
import { type Trigger, type TriggerOptions, triggerOf } from './trigger.ts'

/** Writes a table once: `df.write.format('json').save(path)`. */
export class DataFrameWriter extends Configurable {
  readonly #plan: LogicalPlan
  readonly #session: SessionCore
  #signal: AbortSignal | null = null

  /** Made by `DataFrame.write`. */
  constructor(plan: LogicalPlan, session: SessionCore) {
    super('json')
    this.#plan = plan
    this.#session = session
  }

  /** Breaks the writing off when the signal is aborted: `save` rejects with QUERY_STOPPED, and a file sink leaves nothing visible. */
  signal(signal: AbortSignal): this {
    this.#signal = signal
    return this
  }

  /** Runs the query and writes its rows. Resolves when they are written and visible. Throws what the query fails with. */
  async save(path?: string): Promise<void> {
    const options = this.settingsWith(path)
    await this.#run({ format: this.formatName, options }, options)
  }

  json(path: string): Promise<void> {
    return this.format('json').save(path)
  }

  /** Hands each row to a function of this thread, which must not be async. Throws BAD_ARGUMENT, FOREACH_FAILED. */
  async foreach(writer: ForeachWriter | RowCallback): Promise<void> {
    await this.#run(foreachSink(writer), this.settings)
  }

  async #run(sink: CallerSink, options: Record<string, string>): Promise<void> {
    await this.#session.run({
      plan: this.#plan,
      sink: { ...sink, options: { ...options, ...sink.options } },
      outputMode: 'append',
      trigger: { kind: 'batch' },
      name: null,
      checkpointLocation: null,
      signal: this.#signal,
      options,
    })
  }
}

/** A sink by its format, and what of this process it needs. */
interface CallerSink {
  readonly format: string
  readonly options: Readonly<Record<string, string>>
  readonly holds?: object
}

const foreachSink = (writer: ForeachWriter | RowCallback): CallerSink => {
  if (typeof writer === 'function') return { format: 'callback', options: { id: callerObjects.callbacks.put(writer) }, holds: writer }
  if (typeof writer === 'object' && writer !== null && typeof writer.process === 'function')
    return { format: 'foreach', options: { id: callerObjects.writers.put(writer) }, holds: writer }
  throw new EngineError('BAD_ARGUMENT', {
    argument: 'The argument of foreach',
    value: writer === null ? 'null' : `a ${typeof writer}`,
    expected: 'a function of a row, or an object with a method process(row)',
  })
}

/**
 * Writes a stream until it is stopped: format, output mode, trigger, then `start`. Options for every sink: `checkpointLocation`, the folder
 * that makes the query survive; without it nothing is kept. Others are the sink's own, or the query's: `noDataMicroBatches`,
 * `idleStrategy` (spin, adaptive, park), `durability` (power, process), `maxRestarts`, `multipleWatermarkPolicy` (min, max),
 * `chunkBase64String`.
 */
export class DataStreamWriter extends Configurable {
  readonly #plan: LogicalPlan
  readonly #session: SessionCore
  #outputMode: OutputMode = 'append'
  #trigger: Trigger = { kind: 'default' }
  #name: string | null = null
  #signal: AbortSignal | null = null
  /** Given by foreach or foreachBatch. */
  #sink: CallerSink | null = null

  /** Made by `DataFrame.writeStream`. */
  constructor(plan: LogicalPlan, session: SessionCore) {
    super('')
    this.#plan = plan
    this.#session = session
  }

  /** append: rows that will not change any more; update: rows that changed; complete: the whole result. */
  outputMode(mode: OutputMode): this {
    if (mode !== 'append' && mode !== 'update' && mode !== 'complete') {
      throw new EngineError('UNSUPPORTED_OUTPUT_MODE', { mode: String(mode), reason: 'there are append, update and complete' })
    }
    this.#outputMode = mode
    return this
  }

  /** The mode of the query: `Trigger.realTime('1 second')`, or `{ realTime: '1 second' }`. */
  trigger(trigger: Trigger | TriggerOptions): this {
    this.#trigger = triggerOf(trigger)
    return this
  }

  /** A name for people, and for the table of a memory sink. */
  queryName(name: string): this {
    this.#name = name
    return this
  }

  override format(name: string): this {
    this.#sink = null
    return super.format(name)
  }

  /** Stops the query, as `stop()` does, when the signal is aborted; `start` rejects with QUERY_STOPPED if it is aborted before. */
  signal(signal: AbortSignal): this {
    this.#signal = signal
    return this
  }

  /**
   * Hands each row to a function or a ForeachWriter of this thread, at least once. It must not be async: FOREACH_FAILED. Throws
   * BAD_ARGUMENT.
   */
  foreach(writer: ForeachWriter | RowCallback): this {
    this.#sink = foreachSink(writer)
    return this
  }

  /**
   * Calls a function with the rows of each epoch, as a DataFrame, and the epoch's number; the epoch is committed when it returns. After a
   * crash the same number may come again, which makes exactly-once writing possible. A query does not call it before the last call has
   * ended, not even when it restarts meanwhile.
   */
  foreachBatch(write: (batch: DataFrame, epoch: number) => void | Promise<void>): this {
    if (typeof write !== 'function')
      throw new EngineError('BAD_ARGUMENT', {
        argument: 'The argument of foreachBatch',
        value: write === null ? 'null' : `a ${typeof write}`,
        expected: 'a function of a DataFrame and the number of its epoch',
      })
    const schema = analyze(this.#plan).plan.schema
    const session = this.#session
    const sink = { id: '' }
    const call = (rows: Row[], epoch: number): void | Promise<void> => insideBatch(sink, () => write(session.tableOf(rows, schema), epoch))
    sink.id = callerObjects.batches.put(call)
    this.#sink = { format: 'foreachBatch', options: sink, holds: call }
    return this
  }

  /**
   * Checks the query, opens its sources and its sink, and starts it. Resolves when it runs. Throws an EngineError with a code for
   * everything that is wrong with the query, and for a source or sink that cannot be opened.
   */
  async start(path?: string): Promise<StreamingQuery> {
    if (this.#sink === null && this.formatName === '' && path === undefined) throw new EngineError('MISSING_SINK')
    const options: Record<string, string> = this.settingsWith(path)
    const table = this.#sink === null && this.formatName === 'memory' ? new MemoryTable() : undefined
    const format = this.formatName === '' ? 'json' : this.formatName
    const sink = this.#sink ?? (table === undefined ? { format, options: {} } : this.#memorySink(table))
    return this.#session.start({
      plan: this.#plan,
      sink: { ...sink, options: { ...options, ...sink.options } },
      table,
      outputMode: this.#outputMode,
      trigger: this.#trigger,
      name: this.#name,
      checkpointLocation: optionOf(options, 'checkpointLocation') ?? null,
      signal: this.#signal,
      options,
    })
  }

  #memorySink(table: MemoryTable): CallerSink {
    return { format: 'memory', options: { id: callerObjects.tables.put(table), queryName: this.#name ?? '' }, holds: table }
  }
}
