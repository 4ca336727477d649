import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataFrame, ManualClock, type MemoryStream, type StreamingQuery, Trigger, WalkwaySession } from '../../index.ts'
import { Failures } from './failures.ts'
import { FileFeed } from './file-feed.ts'
import type { Case, FileSpec, Mode, Plan, SourceSpec, StartSpec, TriggerSpec } from './format.ts'
import { dataFrameOf, rowObject, schemaText } from './plan.ts'
import { Recorder } from './sink.ts'

/** How long the runner waits for anything before it calls a case failed. */
const PATIENCE_MS = 10_000

/** One case's engine: a session, its sources, the sink's recorder and the query, if it runs. */
export class Engine {
  readonly recorder: Recorder
  readonly clock: ManualClock | null
  readonly #case: Case
  readonly #mode: Mode
  readonly #session: WalkwaySession
  readonly #files: FileFeed
  readonly failures = new Failures()
  readonly #streams = new Map<string, { stream: MemoryStream; spec: SourceSpec; count: number }>()
  readonly #frames = new Map<string, DataFrame>()
  readonly #folders: string[] = []
  #checkpoint: string
  #query: StreamingQuery | null = null
  #start: StartSpec = {}

  constructor(of: Case, mode: Mode, master: string) {
    this.#case = of
    this.#mode = mode
    this.recorder = new Recorder(of.outputMode === 'complete')
    this.clock = needsManualClock(of, mode) ? new ManualClock(0) : null
    const builder = WalkwaySession.builder().master(master)
    this.#session = (this.clock === null ? builder : builder.clock(this.clock)).create()
    this.#checkpoint = this.#newFolder()
    this.#files = new FileFeed(Number(of.engine?.fileAgeStepMs ?? 1000))
    for (const [name, spec] of Object.entries(of.sources)) {
      if (spec.kind === 'files') this.#frames.set(name, this.#filesFrame(name, spec, {}))
      else {
        const stream = this.#session.memoryStream(schemaText(spec.columns))
        this.#streams.set(name, { stream, spec, count: 0 })
        this.#frames.set(name, stream.toDF())
      }
    }
  }

  get query(): StreamingQuery | null {
    return this.#query
  }

  get isRealTime(): boolean {
    return 'realTimeMs' in this.#trigger()
  }

  add(source: string, rows: readonly (readonly unknown[])[]): void {
    const { spec } = this.#stream(source)
    this.addObjects(
      source,
      rows.map(row => rowObject(row as Parameters<typeof rowObject>[0], spec.columns)),
    )
  }

  addObjects(source: string, rows: readonly Record<string, unknown>[]): void {
    const found = this.#stream(source)
    this.#continue(source)
    found.stream.addData([...rows])
    found.count += rows.length
  }

  addFile(file: FileSpec): void {
    this.#files.add(file)
  }

  addFilesAtOnce(files: readonly FileSpec[]): void {
    this.#files.addAtOnce(files)
  }

  /** Files that are added meanwhile are not seen before the release, and then all at once. */
  hold(source: string): void {
    this.#files.hold(source)
  }

  release(source: string): void {
    this.#files.release(source)
  }

  sources(): readonly (readonly [string, SourceSpec])[] {
    return [...this.#streams].map(([name, { spec }]) => [name, spec])
  }

  plan(name?: string): Plan {
    const plan = name === undefined ? this.#case.query : this.#case.queries?.[name]
    if (plan === undefined) throw new Error(`no query ${name}`)
    return plan
  }

  /** Defines and starts the query. Throws what the engine throws. `config`: settings for this start alone. */
  async start(spec: StartSpec = this.#start, config: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.#start = spec
    if (spec.freshCheckpoint === true) this.#checkpoint = this.#newFolder()
    const { recorder } = this
    const settings = { ...this.#case.engine, ...spec.engine, ...config }
    const frames = new Map(this.#frames)
    for (const [name, source] of Object.entries(this.#case.sources)) {
      if (source.kind === 'files') frames.set(name, this.#filesFrame(name, source, settings))
      else this.#continue(name)
    }
    recorder.started(spec.freshCheckpoint === true)
    let writer = dataFrameOf(this.plan(spec.query), this.#session, frames, this.failures)
      .writeStream.foreach({
        open: epoch => recorder.open(epoch),
        process: row => recorder.process(row),
        close: error => recorder.close(error),
      })
      .outputMode(this.#case.outputMode)
      .trigger(triggerOf(this.#trigger()))
      .option('checkpointLocation', this.#checkpoint)
    if (typeof settings.watermarkPolicy === 'string') writer = writer.option('multipleWatermarkPolicy', settings.watermarkPolicy)
    if (spec.noDataBatches === false) writer = writer.option('noDataMicroBatches', 'false')
    this.#query = await writer.start()
  }

  async ensureStarted(): Promise<StreamingQuery> {
    if (this.#query === null) await this.start()
    if (this.#query === null) throw new Error('it did not start')
    return this.#query
  }

  async stop(): Promise<void> {
    const query = this.#query
    this.#query = null
    await query?.stop()
  }

  /** Waits until everything added has been processed and the engine is idle; throws what the query dies of. */
  async idle(): Promise<void> {
    const query = await this.ensureStarted()
    // A run that has ended by itself, as once and availableNow do, has done all that it will.
    if (!query.isActive && query.exception === null) return
    if (this.#waitsForClock()) {
      // All that may run before the clock moves has run when the query waits for it, though its sources may hold more.
      await this.eventually(() => !query.isActive || (this.clock?.waiting ?? 0) > 0)
      if (query.exception !== null) throw query.exception
      return
    }
    await withPatience(query.processAllAvailable(), 'processAllAvailable')
  }

  async terminated(): Promise<void> {
    const query = this.#query
    if (query !== null) await withPatience(query.awaitTermination(), 'awaitTermination')
  }

  /** Looks again and again, letting the engine run, until `test` holds; false when patience ends. */
  async eventually(test: () => boolean, patienceMillis = PATIENCE_MS): Promise<boolean> {
    const end = performance.now() + patienceMillis
    while (!test()) {
      if (performance.now() > end) return false
      const error = this.#query?.exception
      if (error !== null && error !== undefined) throw error
      await new Promise(done => setTimeout(done, 1))
    }
    return true
  }

  /** As after a crash between the output of the last epoch and its commit: the stopped query's checkpoint forgets that it has run. */
  loseLastCommit(): void {
    const commits = readdirSync(join(this.#checkpoint, 'commits')).map(Number).filter(Number.isInteger)
    const last = Math.max(...commits)
    rmSync(join(this.#checkpoint, 'commits', String(last)))
    rmSync(join(this.#checkpoint, 'state', `${last}.manifest`))
  }

  async close(): Promise<void> {
    await this.stop().catch(() => {})
    await this.#session.stop()
    this.#files.close()
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }

  #stream(source: string): { stream: MemoryStream; spec: SourceSpec; count: number } {
    const found = this.#streams.get(source)
    if (found === undefined) throw new Error(`no source ${source}`)
    return found
  }

  /** A source that takes the place of another has as many rows behind it, which nobody reads any more. */
  #continue(source: string): void {
    const found = this.#stream(source)
    const { continues, columns } = found.spec
    if (continues === undefined || found.count > 0) return
    found.count = this.#stream(continues).count
    found.stream.addData(Array.from({ length: found.count }, () => rowObject([], columns)))
  }

  #filesFrame(name: string, spec: SourceSpec, settings: Readonly<Record<string, unknown>>): DataFrame {
    const given = { ...spec, ...settings } as SourceSpec
    const options = {
      ...(given.maxFilesPerTrigger === undefined ? {} : { maxFilesPerTrigger: given.maxFilesPerTrigger }),
      ...(given.latestFirst === undefined ? {} : { latestFirst: given.latestFirst }),
      ...(given.maxFileAgeMs === undefined ? {} : { maxFileAge: given.maxFileAgeMs }),
    }
    const reader = this.#session.readStream.format(spec.format ?? 'text').options(options)
    const path = this.#files.pathOf(name, spec.path ?? '')
    return spec.format === 'json' ? reader.schema(schemaText(spec.columns)).load(path) : reader.load(path)
  }

  #waitsForClock(): boolean {
    return this.clock !== null && (this.#trigger().processingTimeMs ?? 0) > 0
  }

  #newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-conformance-'))
    this.#folders.push(folder)
    return folder
  }

  #trigger(): TriggerSpec {
    const own = this.#start.trigger ?? (this.#case.engine?.trigger as TriggerSpec | undefined)
    if (own !== undefined) return own
    return this.#mode === 'real-time' ? { realTimeMs: 100 } : { processingTimeMs: 0 }
  }
}

const needsManualClock = (of: Case, mode: Mode): boolean =>
  of.requires?.includes('manual-clock') === true ||
  (mode === 'real-time' && of.steps.some(step => 'endBatch' in step)) ||
  of.steps.some(step => 'advanceProcessingTime' in step || (step.start as StartSpec | undefined)?.clock === 'manual')

const triggerOf = (spec: TriggerSpec): Trigger => {
  if (spec.once === true) return Trigger.once()
  if (spec.availableNow === true) return Trigger.availableNow()
  if (spec.realTimeMs !== undefined) return Trigger.realTime(`${spec.realTimeMs} milliseconds`)
  return Trigger.processingTime(`${spec.processingTimeMs ?? 0} milliseconds`)
}

const withPatience = async <T>(work: Promise<T>, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come back within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
