import { type WaitableClock, waitableClock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import { callerSinkRegistry, memoryTable } from '../connector/caller-sinks.ts'
import { type RowIterable, registerIterable } from '../connector/iterable-source.ts'
import { pushQueue } from '../connector/memory-source.ts'
import { booleanOption, choiceOption, numberOption } from '../connector/options.ts'
import { type ExplainMode, explainPlan } from '../coordinator/explain.ts'
import { prepareQuery } from '../coordinator/prepare-query.ts'
import { defaultRestart, type QueryOptions } from '../coordinator/query-options.ts'
import { QueryRun } from '../coordinator/query-run.ts'
import { parseSchema } from '../expression/parse-type.ts'
import type { LogicalPlan } from '../plan/logical-plan.ts'
import { numberSources } from '../plan/number-sources.ts'
import { unbrokenBase64 } from '../plan/unbroken-base64.ts'
import { field, longType, type StructType, structType } from '../record/data-type.ts'
import { checkRows } from '../record/user-value.ts'
import { type OptionValue, textOptions } from './configurable.ts'
import { usableCores } from './cores.ts'
import { DataFrame, type Row } from './data-frame.ts'
import { inferSchema } from './infer-schema.ts'
import { MemoryStream } from './memory-stream.ts'
import { PushStream } from './push-stream.ts'
import { DataFrameReader, DataStreamReader } from './reader.ts'
import type { SessionCore, StartOptions } from './session-core.ts'
import { StreamingQuery } from './streaming-query.ts'
import { StreamingQueryManager } from './streams.ts'

let idCount = 0

interface Settings {
  readonly workers: number
  readonly clock: WaitableClock
  readonly config: Readonly<Record<string, string>>
  readonly modules: readonly string[]
}

/** 'inline', 'local', 'local[2]', 'local[*]' as a number of worker threads. Throws BAD_OPTION. */
const workersOf = (master: string): number => {
  if (master === 'inline') return 0
  if (master === 'local') return 1
  const match = /^local\[(\d+|\*)\]$/.exec(master)
  const workers = match === null ? 0 : match[1] === '*' ? usableCores() : Number(match[1])
  if (workers < 1) throw new EngineError('BAD_OPTION', { option: 'master', value: master, expected: 'inline, local, local[N] or local[*]' })
  return workers
}

/** Settings of a session to be. */
export class SessionBuilder {
  #master = 'local'
  #clock: WaitableClock | null = null
  readonly #config: Record<string, string> = {}
  #modules: readonly string[] = []

  /** For people; shown nowhere yet but in the settings. */
  appName(name: string): this {
    return this.config('appName', name)
  }

  /**
   * Where queries run. 'inline': in this thread, which is the fastest for a small pipeline in a program of its own; 'local[N]': on N worker
   * threads; 'local': on one; 'local[*]': on as many as there are cores. Throws BAD_OPTION when the session is made.
   */
  master(master: string): this {
    this.#master = master
    return this
  }

  /**
   * A default for an option of every query of the session: idleStrategy, durability, multipleWatermarkPolicy, maxRestarts,
   * noDataMicroBatches, chunkBase64String.
   */
  config(name: string, value: OptionValue): this {
    Object.assign(this.#config, textOptions({ [name]: value }))
    return this
  }

  /**
   * Time for triggers and `currentTimestamp`: a ManualClock in tests. Only tasks in this thread see it, so it needs the master `inline`.
   */
  clock(clock: WaitableClock): this {
    this.#clock = clock
    return this
  }

  /** Modules that each worker imports first, as absolute URLs: they register connectors there. */
  modules(...urls: readonly (string | URL)[]): this {
    this.#modules = urls.map(String)
    return this
  }

  create(): WalkwaySession {
    return new WalkwaySession({
      workers: workersOf(this.#master),
      clock: this.#clock ?? waitableClock(),
      config: this.#config,
      modules: this.#modules,
    })
  }

  getOrCreate(): WalkwaySession {
    return this.create()
  }
}

/** The entry to everything: readers, tables, and the queries that run. Holds no thread itself; each query has its own. */
export class WalkwaySession implements SessionCore {
  readonly streams = new StreamingQueryManager()
  readonly #settings: Settings

  /** Use `WalkwaySession.builder()`. */
  constructor(settings: Settings) {
    this.#settings = settings
  }

  static builder(): SessionBuilder {
    return new SessionBuilder()
  }

  get clock(): WaitableClock {
    return this.#settings.clock
  }

  /** Reads what is there, once. */
  get read(): DataFrameReader {
    return new DataFrameReader(this)
  }

  /** Reads what keeps coming. */
  get readStream(): DataStreamReader {
    return new DataStreamReader(this)
  }

  /**
   * A table of the given rows. Without a schema it is inferred from the first rows. Throws VALUE_TYPE_MISMATCH, NULL_IN_NON_NULLABLE,
   * BAD_TYPE.
   */
  createDataFrame(rows: readonly Row[], schema?: string | StructType): DataFrame {
    const type = schema === undefined ? inferSchema(rows) : typeof schema === 'string' ? parseSchema(schema) : schema
    return this.tableOf(rows, type)
  }

  tableOf(rows: readonly Row[], schema: StructType): DataFrame {
    checkRows(schema, rows)
    return new DataFrame({ kind: 'localRelation', schema, rows: [...rows] }, this)
  }

  /** Numbers from `start` (in) to `end` (out), as the bigint column `id`. */
  range(start: number, end?: number, step = 1): DataFrame {
    const [from, to] = end === undefined ? [0, start] : [start, end]
    const options = textOptions({ start: from, end: to, step })
    const schema = structType([field('id', longType, false)])
    return new DataFrame({ kind: 'source', id: '', format: 'range', options, schema, streaming: false }, this)
  }

  /** A stream that a test feeds. */
  memoryStream(schema: string | StructType): MemoryStream {
    const id = `memory-${idCount++}`
    return new MemoryStream(id, this.#stream('memory', id, schema))
  }

  /** A stream that the program feeds row by row. `capacity`: rows that may wait before `push` refuses. */
  pushStream(schema: string | StructType, options: { readonly capacity?: number } = {}): PushStream {
    const id = `push-${idCount++}`
    return new PushStream(pushQueue(id, options.capacity), this.#stream('push', id, schema))
  }

  /** Any AsyncIterable, Iterable or Node or Web stream of row objects. One query can read it, once. */
  fromIterable(rows: RowIterable, schema: string | StructType): DataFrame {
    const id = `iterable-${idCount++}`
    registerIterable(id, rows)
    return this.#stream('iterable', id, schema)
  }

  /** The rows that a memory sink holds, by the query's name. */
  table(name: string): DataFrame {
    const { rows, schema } = memoryTable(name)
    if (schema === null) throw new EngineError('TABLE_NOT_FOUND', { name })
    return this.tableOf(rows, schema)
  }

  /** Stops all queries of the session. */
  async stop(): Promise<void> {
    await Promise.all(this.streams.active.map(query => query.stop()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  // --- For DataFrames and writers

  async explain(plan: LogicalPlan, mode: ExplainMode): Promise<string> {
    return explainPlan(this.#queryOptions({ ...idleStart, plan: numberSources(plan) }), mode)
  }

  async collect(plan: LogicalPlan): Promise<Row[]> {
    const rows: Row[] = []
    const id = `collect-${idCount++}`
    callerSinkRegistry.callbacks.set(id, row => rows.push(row))
    try {
      await this.run({ ...idleStart, plan, sink: { format: 'callback', options: { id } } })
    } finally {
      callerSinkRegistry.callbacks.delete(id)
    }
    return rows
  }

  async run(start: StartOptions): Promise<void> {
    const options = this.#queryOptions({ ...start, plan: numberSources(start.plan) })
    await new QueryRun(options, await prepareQuery(options)).awaitTermination()
  }

  async start(start: StartOptions): Promise<StreamingQuery> {
    const options = this.#queryOptions({ ...start, plan: numberSources(start.plan) })
    const run = new QueryRun(options, await prepareQuery(options))
    await run.started
    const query = new StreamingQuery(run)
    this.streams.started(query)
    return query
  }

  #stream(format: string, id: string, schema: string | StructType): DataFrame {
    return new DataFrame(
      {
        kind: 'source',
        id: '',
        format,
        options: { id },
        schema: typeof schema === 'string' ? parseSchema(schema) : schema,
        streaming: true,
      },
      this,
    )
  }

  #queryOptions(start: StartOptions): QueryOptions {
    const { workers, clock, config, modules } = this.#settings
    const { options: own, ...rest } = start
    const options = { ...config, ...own }
    return {
      ...rest,
      plan: booleanOption(options, 'chunkBase64String', true) ? rest.plan : unbrokenBase64(rest.plan),
      workers,
      clock,
      modules,
      idle: choiceOption(options, 'idleStrategy', 'adaptive', ['spin', 'adaptive', 'park']),
      watermarkPolicy: choiceOption(options, 'multipleWatermarkPolicy', 'min', ['min', 'max']),
      noDataEpochs: booleanOption(options, 'noDataMicroBatches', true),
      durability: choiceOption(options, 'durability', 'power', ['power', 'process']),
      restart: { ...defaultRestart, most: numberOption(options, 'maxRestarts', defaultRestart.most) },
      onProgress: progress => this.streams.tell(listener => listener.onQueryProgress?.({ progress })),
    }
  }
}

/** A query that is only looked at, or only collected. */
const idleStart: Omit<StartOptions, 'plan'> = {
  sink: { format: 'noop', options: {} },
  outputMode: 'append',
  trigger: { kind: 'batch' },
  name: null,
  checkpointLocation: null,
  signal: null,
  options: {},
}
