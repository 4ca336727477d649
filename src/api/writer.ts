import { EngineError } from '../base/errors.ts'
import { callerSinkRegistry, type ForeachWriter, type RowCallback } from '../connector/caller-sinks.ts'
import { analyze } from '../plan/analyze.ts'
import type { LogicalPlan, OutputMode } from '../plan/logical-plan.ts'
import { Configurable } from './configurable.ts'
import type { DataFrame, Row } from './data-frame.ts'
import type { SessionCore } from './session-core.ts'
import type { StreamingQuery } from './streaming-query.ts'
import { type Trigger, type TriggerOptions, triggerOf } from './trigger.ts'

let idCount = 0

/** Leaves a closure where its sink finds it, and gives the options that name it. */
const register = <T>(registry: Map<string, T>, value: T): Record<string, string> => {
  const id = `caller-${idCount++}`
  registry.set(id, value)
  return { id }
}

/** Writes a table once: `df.write.format('json').save(path)`. */
export class DataFrameWriter extends Configurable {
  readonly #plan: LogicalPlan
  readonly #session: SessionCore

  /** Made by `DataFrame.write`. */
  constructor(plan: LogicalPlan, session: SessionCore) {
    super('json')
    this.#plan = plan
    this.#session = session
  }

  /** Runs the query and writes its rows. Resolves when they are written and visible. */
  async save(path?: string): Promise<void> {
    const options = this.settingsWith(path)
    await this.#session.run({
      plan: this.#plan,
      sink: { format: this.formatName, options },
      outputMode: 'append',
      trigger: { kind: 'batch' },
      name: null,
      checkpointLocation: null,
      signal: null,
      options,
    })
  }

  json(path: string): Promise<void> {
    return this.format('json').save(path)
  }

  /** Hands each row to a function of this thread. */
  async foreach(writer: ForeachWriter | RowCallback): Promise<void> {
    const registered = registerForeach(writer)
    this.formatName = registered.format
    this.options(registered.options)
    await this.save()
  }
}

const registerForeach = (writer: ForeachWriter | RowCallback): { format: string; options: Record<string, string> } =>
  typeof writer === 'function'
    ? { format: 'callback', options: register(callerSinkRegistry.callbacks, writer) }
    : { format: 'foreach', options: register(callerSinkRegistry.foreachWriters, writer) }

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

  /** Made by `DataFrame.writeStream`. */
  constructor(plan: LogicalPlan, session: SessionCore) {
    super('noop')
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

  /** Stops the query, as `stop()` does, when the signal is aborted. */
  signal(signal: AbortSignal): this {
    this.#signal = signal
    return this
  }

  /** Hands each row to a function or a ForeachWriter of this thread, at least once. */
  foreach(writer: ForeachWriter | RowCallback): this {
    const { format, options } = registerForeach(writer)
    this.formatName = format
    return this.options(options)
  }

  /**
   * Calls a function with the rows of each epoch, as a DataFrame, and the epoch's number; the epoch is committed when it returns. After a
   * crash the same number may come again, which makes exactly-once writing possible.
   */
  foreachBatch(write: (batch: DataFrame, epoch: number) => void | Promise<void>): this {
    const schema = analyze(this.#plan).plan.schema
    const session = this.#session
    this.formatName = 'foreachBatch'
    return this.options(
      register(callerSinkRegistry.batchFunctions, (rows: Row[], epoch: number) => write(session.tableOf(rows, schema), epoch)),
    )
  }

  /**
   * Checks the query, opens its sources and its sink, and starts it. Resolves when it runs. Throws an EngineError with a code for
   * everything that is wrong with the query, and for a source or sink that cannot be opened.
   */
  start(path?: string): Promise<StreamingQuery> {
    const options: Record<string, string> = this.settingsWith(path)
    const location = Object.entries(options).find(([name]) => name.toLowerCase() === 'checkpointlocation')
    if (this.formatName === 'memory') options.id ??= this.#name ?? ''
    return this.#session.start({
      plan: this.#plan,
      sink: { format: this.formatName, options },
      outputMode: this.#outputMode,
      trigger: this.#trigger,
      name: this.#name,
      checkpointLocation: location === undefined ? null : location[1],
      signal: this.#signal,
      options,
    })
  }
}
