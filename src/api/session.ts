import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type WaitableClock, waitableClock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import { callerObjects, type MemoryTable } from '../connector/caller-sinks.ts'
import { IterableQueue, iterableQueues, type RowIterable } from '../connector/iterable-source.ts'
import { RowLog, rowLogs } from '../connector/memory-source.ts'
import { booleanOption, checkOptionNames, choiceOption, integerOption, optionOf } from '../connector/options.ts'
import { PushQueue, pushQueues } from '../connector/push-source.ts'
import { type ExplainMode, explainPlan } from '../coordinator/explain.ts'
import { prepareQuery } from '../coordinator/prepare-query.ts'
import { defaultRestart, type QueryOptions, queryOptionNames } from '../coordinator/query-options.ts'
import { QueryRun } from '../coordinator/query-run.ts'
import { parseSchema } from '../expression/parse-type.ts'
import type { HeldObject, LogicalPlan } from '../plan/logical-plan.ts'
import { numberSources } from '../plan/number-sources.ts'
import { unbrokenBase64 } from '../plan/unbroken-base64.ts'
import { field, longType, type StructType, structType } from '../record/data-type.ts'
import { checkRows } from '../record/user-value.ts'
import { isInsideBatch } from './batch-scope.ts'
import { type OptionValue, textOptions } from './configurable.ts'
import { defaultIdle, usableCores } from './cores.ts'
import { DataFrame, type Row } from './data-frame.ts'
import { inferSchema } from './infer-schema.ts'
import { MemoryStream } from './memory-stream.ts'
import { PushStream } from './push-stream.ts'
import { DataFrameReader, DataStreamReader } from './reader.ts'
import type { SessionCore, StartOptions } from './session-core.ts'
import { StreamingQuery } from './streaming-query.ts'
import { StreamingQueryManager } from './streams.ts'

/** Rows that may wait in a push stream unless its maker says otherwise. */
const PUSH_CAPACITY = 65_536

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
   * noDataMicroBatches, chunkBase64String. `checkpointLocation` is a folder of folders, as Spark's
   * spark.sql.streaming.checkpointLocation: a streaming query that names none of its own has one there under its name (`queryName`); one
   * without a name has a new one each time it is started.
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

  /** Throws BAD_OPTION, UNKNOWN_OPTION. */
  create(): WalkwaySession {
    checkOptionNames('A session', Object.keys(this.#config), ['appName', ...queryOptionNames])
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
  /** What memory sinks have filled, by the query's name. */
  readonly #tables = new Map<string, MemoryTable>()
  /** Everything that runs or is being started, batches too. */
  readonly #runs = new Set<QueryRun>()
  /** Names of queries that run or are being started. */
  readonly #names = new Set<string>()
  /** How often `stop` was called: a query that is still being prepared then must not start after it. */
  #stops = 0
  /** Those whose own foreachBatch has called `stop`, and may wait for the others. */
  readonly #leaving = new WeakSet<QueryRun>()

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
    const log = new RowLog()
    return new MemoryStream(log, this.#stream('memory', rowLogs.put(log), log, schema))
  }

  /**
   * A stream that the program feeds row by row. `capacity`: rows that may wait before `push` refuses. One query at a time can read it.
   * Throws BAD_ARGUMENT, BAD_TYPE.
   */
  pushStream(schema: string | StructType, options: { readonly capacity?: number } = {}): PushStream {
    const { capacity = PUSH_CAPACITY } = options
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new EngineError('BAD_ARGUMENT', { argument: 'capacity', value: String(capacity), expected: 'a whole number of at least 1' })
    const queue = new PushQueue(capacity)
    return new PushStream(queue, this.#stream('push', pushQueues.put(queue), queue, schema))
  }

  /**
   * Any AsyncIterable, Iterable or Node or Web stream of row objects. One query can read it, once; it pulls a little ahead, and ends when
   * the rows do. Throws BAD_ARGUMENT, BAD_TYPE.
   */
  fromIterable(rows: RowIterable, schema: string | StructType): DataFrame {
    const queue = new IterableQueue(rows)
    return this.#stream('iterable', iterableQueues.put(queue), queue, schema)
  }

  /** The rows that a memory sink holds, by the query's name: those of the query last started under it. Throws TABLE_NOT_FOUND. */
  table(name: string): DataFrame {
    const table = this.#tables.get(name)
    if (table === undefined || table.schema === null) throw new EngineError('TABLE_NOT_FOUND', { name })
    return this.tableOf(table.rows, table.schema)
  }

  /**
   * Stops all queries of the session, those that are being started and batches too. Resolves when they have ended; does not reject. New
   * ones may be started. Inside the foreachBatch of one of them it does not wait for that one, which ends when the function has returned,
   * nor for others whose functions have called it.
   */
  async stop(): Promise<void> {
    this.#stops++
    const runs = [...this.#runs]
    const own = runs.find(run => isInsideBatch(run.options.sink.options.id))
    if (own !== undefined) this.#leaving.add(own)
    const ended = runs.map(run => ({ run, stopped: run.stop() }))
    await Promise.all(ended.map(({ run, stopped }) => (own !== undefined && this.#leaving.has(run) ? null : stopped)))
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
    const take = (row: Row): void => {
      rows.push(row)
    }
    await this.run({ ...idleStart, plan, sink: { format: 'callback', options: { id: callerObjects.callbacks.put(take) }, holds: take } })
    return rows
  }

  async run(start: StartOptions): Promise<void> {
    await (await this.#open(start)).awaitTermination()
  }

  async start(start: StartOptions): Promise<StreamingQuery> {
    const { name, table } = start
    if (name !== null && this.#names.has(name)) throw new EngineError('QUERY_NAME_IN_USE', { name })
    if (name !== null) this.#names.add(name)
    const checkpointLocation = start.checkpointLocation ?? this.#checkpointOf(name)
    let run: QueryRun | null = null
    try {
      run = await this.#open({ ...start, checkpointLocation })
      await run.started
    } catch (error) {
      if (name !== null) this.#names.delete(name)
      throw error
    }
    const forget = (): void => void (name !== null && this.#names.delete(name))
    run.awaitTermination().then(forget, forget)
    if (name !== null && table !== undefined) this.#tables.set(name, table)
    const query = new StreamingQuery(run)
    this.streams.started(query)
    return query
  }

  /** Where a query that names no folder keeps its checkpoint: below the session's, if that has one. */
  #checkpointOf(name: string | null): string | null {
    const root = optionOf(this.#settings.config, 'checkpointLocation')
    return root === undefined ? null : join(root, name ?? randomUUID())
  }

  /** Begins to run a query. */
  async #open(start: StartOptions): Promise<QueryRun> {
    const { signal } = start
    const stops = this.#stops
    const refuseAborted = (): void => {
      if (signal?.aborted === true || this.#stops !== stops)
        throw new EngineError('QUERY_STOPPED', { what: 'it had started' }, signal?.reason)
    }
    refuseAborted()
    const options = this.#queryOptions({ ...start, plan: numberSources(start.plan) })
    const prepared = await prepareQuery(options)
    refuseAborted()
    const run = new QueryRun(options, prepared)
    this.#runs.add(run)
    const forget = (): void => void this.#runs.delete(run)
    run.awaitTermination().then(forget, forget)
    return run
  }

  #stream(format: string, id: string, holds: HeldObject, schema: string | StructType): DataFrame {
    return new DataFrame(
      {
        kind: 'source',
        id: '',
        format,
        options: { id },
        schema: typeof schema === 'string' ? parseSchema(schema) : schema,
        streaming: true,
        holds,
      },
      this,
    )
  }

  #queryOptions(start: StartOptions): QueryOptions {
    const { workers, clock, config, modules } = this.#settings
    const { options: own, table: _, ...rest } = start
    const options = { ...config, ...own }
    return {
      ...rest,
      plan: booleanOption(options, 'chunkBase64String', true) ? rest.plan : unbrokenBase64(rest.plan),
      workers,
      clock,
      modules,
      idle: choiceOption(options, 'idleStrategy', defaultIdle(workers, usableCores()), ['spin', 'adaptive', 'park']),
      watermarkPolicy: choiceOption(options, 'multipleWatermarkPolicy', 'min', ['min', 'max']),
      noDataEpochs: booleanOption(options, 'noDataMicroBatches', true),
      durability: choiceOption(options, 'durability', 'power', ['power', 'process']),
      restart: { ...defaultRestart, most: integerOption(options, 'maxRestarts', defaultRestart.most) },
      onProgress: progress => this.streams.tell(listener => listener.onQueryProgress?.({ progress })),
      onIdle: idle => this.streams.tell(listener => listener.onQueryIdle?.(idle)),
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
