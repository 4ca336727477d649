import { randomUUID } from 'node:crypto'
import { clockBase } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { SinkCommitter, SinkToken, SourceOffset } from '../connector/connector.ts'
import { sinkConnector } from '../connector/registry.ts'
import type { EpochMode, EpochPolicy } from '../operator/epoch-policy.ts'
import type { Trigger } from '../plan/logical-plan.ts'
import type { RestoreSpec, TableSpec } from '../runtime/task-spec.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'
import type { StateFile } from '../state/state-file.ts'
import { Attempt, type EpochOutcome } from './attempt.ts'
import { CheckpointFolder, type Manifest, type OffsetEntry } from './checkpoint-folder.ts'
import { collectTables } from './collect-tables.ts'
import { Compactor } from './compactor.ts'
import { EpochWatermark } from './epoch-watermark.ts'
import { deploy, type PlacedStage } from './placement.ts'
import { compareSignatures, type PlanSignature, planSignature } from './plan-signature.ts'
import { type PreparedQuery, registerLocal } from './prepare-query.ts'
import { eventTimeOf, inMillis, type QueryProgress, stateOperatorsOf } from './progress.ts'
import type { QueryOptions } from './query-options.ts'
import { StateFiles } from './state-files.ts'

type Positions = Readonly<Record<string, SourceOffset>>

/** Where a micro-batch query looks for new input again when there was none. */
const POLLING_MILLIS = 10
const RECENT_PROGRESS = 100

/** Something that others wait for and that happens again and again. A wait that ends otherwise must be dropped: nothing else forgets it. */
class Signal {
  readonly #waiting = new Set<() => void>()

  wait(): { readonly happened: Promise<void>; drop(): void } {
    let resolve: () => void = () => {}
    const happened = new Promise<void>(done => {
      resolve = done
    })
    this.#waiting.add(resolve)
    return { happened, drop: () => this.#waiting.delete(resolve) }
  }

  get next(): Promise<void> {
    return this.wait().happened
  }

  fire(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}

/**
 * The life of one query: it plans epochs, starts and ends them at the sources, makes them durable and commits them; it starts the tasks
 * anew when one fails. It runs in the caller's thread and never sees a row.
 */
export class QueryRun {
  readonly options: QueryOptions
  readonly prepared: PreparedQuery
  readonly runId = randomUUID()
  id: string = randomUUID()
  exception: Error | null = null
  readonly recentProgress: QueryProgress[] = []
  #trigger: Trigger
  #isActive = true
  #stopping = false
  #interrupted = new Signal()
  #committed = new Signal()
  #attempt: Attempt | null = null
  readonly #life: Promise<void>
  #resolveStarted: () => void = () => {}
  #rejectStarted: (error: unknown) => void = () => {}
  readonly #started: Promise<void>

  // What survives an attempt
  #folder: CheckpointFolder | null = null
  #committer: SinkCommitter | null = null
  #tables: readonly TableSpec[] = []
  #signature: PlanSignature
  readonly #localIds = new Map<string, string>()

  // Where the query stands
  #epoch = 0
  #positions: Positions = {}
  #watermark: EpochWatermark
  /** What the query began with: a restart with another policy keeps to it, as Spark's does, or the watermark could jump. */
  #policyOfWatermarks: WatermarkPolicy
  #files: readonly StateFile[] = []
  #replay: OffsetEntry | null = null
  #watermarkMoved = false
  #failures: number[] = []
  #compactor: Compactor | null = null
  #flushRequests = 0
  /** How many of them the end of a real-time epoch has answered. One that comes between two epochs must not be forgotten. */
  #flushesAnswered = 0
  #message = 'Initializing'

  constructor(options: QueryOptions, prepared: PreparedQuery) {
    this.options = options
    this.prepared = prepared
    this.#trigger = options.trigger
    this.#signature = planSignature(prepared.physical)
    this.#watermark = new EpochWatermark(prepared.delays, options.watermarkPolicy, null)
    this.#policyOfWatermarks = options.watermarkPolicy
    this.#started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve
      this.#rejectStarted = reject
    })
    this.#started.catch(() => {})
    this.#life = this.#live()
    const { signal } = options
    const onAbort = (): void => void this.stop().catch(() => {})
    if (signal?.aborted === true) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    void this.#life.then(() => signal?.removeEventListener('abort', onAbort))
  }

  /** Resolves when sources and sink are open and the first epoch may begin; rejects with what prevented it. */
  get started(): Promise<void> {
    return this.#started
  }

  get isActive(): boolean {
    return this.#isActive
  }

  get message(): string {
    return this.#message
  }

  get trigger(): Trigger {
    return this.#trigger
  }

  get attempt(): Attempt | null {
    return this.#attempt
  }

  /** Latencies since the start of this attempt, in millis; null while there is none. */
  get latencies(): QueryProgress['latencies'] | null {
    return this.#attempt?.latenciesInMillis(inMillis) ?? null
  }

  get lastProgress(): QueryProgress | null {
    return this.recentProgress.at(-1) ?? null
  }

  /** The watermark in force, in millis; null without one. */
  get watermarkMillis(): number | null {
    return this.#watermark.exists ? this.#watermark.evictMillis : null
  }

  get currentEpoch(): number {
    return this.#epoch
  }

  /** Takes effect at the end of the epoch at hand, which in real time ends at once. */
  setTrigger(trigger: Trigger): void {
    this.#trigger = trigger
    this.#interrupted.fire()
  }

  /** Ends the epoch at hand, commits it and closes. Resolves when everything is closed; does not reject. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#interrupted.fire()
    await this.#life
  }

  /** Resolves when the query has ended; rejects with its exception. */
  async awaitTermination(): Promise<void> {
    await this.#life
    if (this.exception !== null) throw this.exception
  }

  /**
   * Resolves when everything that the sources held at the time of the call has been processed and committed. Rejects if the query ends
   * before.
   */
  async processAllAvailable(): Promise<void> {
    await this.#started
    for (;;) {
      const attempt = this.#attempt
      if (attempt === null) {
        if (!this.#isActive) break
        await this.#committed.next
        continue
      }
      // Tasks that are done answer no more.
      const target = await Promise.race([attempt.latest(true).catch(() => null), this.#life.then(() => null)])
      if (target === null) {
        if (!this.#isActive) break
        await Promise.race([this.#committed.next, this.#life])
        continue
      }
      await this.#reach(target)
      return
    }
    throw this.exception ?? new EngineError('QUERY_STOPPED', { what: 'all input was processed' })
  }

  async #reach(target: Positions): Promise<void> {
    while (!reaches(this.#positions, target) || this.#hasDueWork()) {
      if (!this.#isActive) throw this.exception ?? new EngineError('QUERY_STOPPED', { what: 'all input was processed' })
      this.#flushRequests++
      this.#interrupted.fire()
      await Promise.race([this.#committed.next, this.#life])
    }
  }

  // --- Life

  async #live(): Promise<void> {
    let failure: unknown = null
    try {
      await this.#open()
      for (let isFirst = true; !this.#stopping || isFirst; isFirst = false) {
        try {
          if (!isFirst) await this.#recover()
          await this.#runAttempt()
          break
        } catch (error) {
          await this.#attempt?.destroy()
          this.#attempt = null
          await this.#mayRestart(error)
        }
      }
    } catch (error) {
      this.exception = error instanceof Error ? error : new Error(String(error))
      failure = error
    } finally {
      await this.#attempt?.destroy().catch(() => {})
      this.#attempt = null
      await this.#compactor?.close().catch(() => {})
      await this.#committer?.close().catch(() => {})
      await this.#folder?.close().catch(() => {})
      this.#isActive = false
      this.#message = this.exception === null ? 'Stopped' : `Terminated with exception: ${this.exception.message}`
      this.#committed.fire()
      // Only now, so that whoever hears of it can start anew on the same checkpoint.
      this.#rejectStarted(failure ?? new EngineError('QUERY_STOPPED', { what: 'it had started' }))
    }
  }

  async #open(): Promise<void> {
    const { checkpointLocation, sink } = this.options
    const { options } = this.prepared.sink
    this.#committer = sinkConnector(sink.format).committer(options, this.prepared.schema)
    if (checkpointLocation !== null) {
      this.#folder = await CheckpointFolder.open(checkpointLocation, this.options.durability)
      this.id = this.#folder.id
      this.#compactor = new Compactor(this.#folder.stateFolder())
    }
    this.#tables = await collectTables(this.prepared.physical.tables, this.options)
    await this.#recover()
  }

  /** Reads where the checkpoint left off, and finishes an epoch that was prepared but perhaps not committed. */
  async #recover(): Promise<void> {
    this.#epoch = 0
    this.#positions = {}
    this.#files = []
    this.#replay = null
    this.#watermark = new EpochWatermark(this.prepared.delays, this.options.watermarkPolicy, null)
    this.#watermarkMoved = false
    this.#compactor?.forget()
    const folder = this.#folder
    if (folder === null) return
    const manifest = await folder.newestManifest()
    const lastCommit = await folder.lastCommit()
    if (manifest === null) {
      if (lastCommit >= 0) {
        throw new EngineError('CHECKPOINT_DAMAGED', {
          path: folder.path,
          reason: `epoch ${lastCommit} is committed, but its state is missing`,
        })
      }
      await this.#committer?.recover(-1)
      return
    }
    const difference = compareSignatures(manifest.signature as PlanSignature, this.#signature)
    if (difference !== null) throw new EngineError('CHECKPOINT_INCOMPATIBLE', { path: folder.path, ...difference })
    if (lastCommit > manifest.epoch) {
      throw new EngineError('CHECKPOINT_DAMAGED', {
        path: folder.path,
        reason: `epoch ${lastCommit} is committed, but the newest state is of epoch ${manifest.epoch}`,
      })
    }
    if (lastCommit < manifest.epoch) {
      await this.#committer?.commit(manifest.epoch, manifest.tokens)
      await folder.writeCommit(manifest.epoch, manifest.watermarkMillis)
    }
    await this.#committer?.recover(manifest.epoch)
    await folder.clean(manifest)
    this.#epoch = manifest.epoch + 1
    this.#positions = manifest.positions
    this.#files = manifest.files
    this.#policyOfWatermarks = manifest.watermarkPolicy ?? this.options.watermarkPolicy
    this.#watermark = new EpochWatermark(this.prepared.delays, this.#policyOfWatermarks, {
      currentMillis: manifest.watermarkMillis,
      lateMillis: manifest.lateMillis,
    })
    this.#watermarkMoved = manifest.watermarkMillis > manifest.lateMillis
    this.#replay = folder.readOffsets(this.#epoch)
  }

  async #mayRestart(error: unknown): Promise<void> {
    const { restart, clock } = this.options
    const isFinal = this.#stopping || this.#folder === null || (error instanceof EngineError && error.fate === 'user')
    if (isFinal || restart.most === 0) throw error
    const now = clock.now() / 1000
    this.#failures = [...this.#failures.filter(at => at > now - restart.withinMillis), now]
    if (this.#failures.length > restart.most) {
      throw new EngineError(
        'RESTART_LIMIT',
        {
          count: this.#failures.length,
          seconds: restart.withinMillis / 1000,
          reason: error instanceof Error ? error.message : String(error),
        },
        error,
      )
    }
    this.#message = `Restarting after: ${error instanceof Error ? error.message : String(error)}`
    const wait = Math.min(restart.longestMillis, restart.firstMillis * 2 ** (this.#failures.length - 1))
    for (const until = clock.now() + wait * 1000; !this.#stopping && clock.now() < until; ) await this.#until(until)
  }

  async #runAttempt(): Promise<void> {
    const { options, prepared } = this
    const attemptId = randomUUID().slice(0, 8)
    const folder = this.#folder
    const stateFiles = folder === null ? null : new StateFiles(folder.stateFolder(), attemptId)
    const deployment = deploy({
      stages: prepared.stages,
      workers: options.workers,
      sourceOf: id => required(prepared.sources.get(id)),
      sink: prepared.sink,
      outputMode: options.outputMode,
      tables: this.#tables,
      watermarkPolicy: this.#policyOfWatermarks,
      persists: folder !== null,
      attempt: attemptId,
      idle: options.idle,
      clockBase: clockBase(),
      start: id => this.#positions[id] ?? null,
      metadataFolder: id => folder?.sourceFolder(id) ?? null,
      restore: stage => this.#restoreOf(stage),
      localId: stage => this.#localId(stage),
    })
    const attempt = new Attempt({
      deployment,
      workers: options.workers,
      clock: options.clock.now,
      modules: options.modules,
      functions: prepared.functions,
      stateFiles,
    })
    this.#attempt = attempt
    attempt.start()
    await attempt.race(attempt.ready)
    const isFirst = Object.keys(this.#positions).length === 0
    this.#positions = { ...attempt.positions, ...this.#positions }
    // Where "latest" was, say, must be the same place after a crash in the first epoch.
    if (isFirst && this.#epoch === 0) await folder?.writeManifest(this.#manifest(-1, this.#positions, []))
    this.#message = 'Running'
    this.#resolveStarted()
    this.#committed.fire()
    await this.#epochs(attempt, stateFiles)
    attempt.command({ kind: 'finish' })
    await attempt.race(attempt.done)
    await attempt.destroy()
    this.#attempt = null
  }

  #localId(stage: PlacedStage): string {
    let id = this.#localIds.get(stage.id)
    if (id === undefined) {
      id = registerLocal(stage)
      this.#localIds.set(stage.id, id)
    }
    return id
  }

  #restoreOf(stage: PlacedStage): RestoreSpec[] {
    const folder = this.#folder
    if (folder === null) return []
    return stage.ops.flatMap(op => {
      if (!('operatorId' in op)) return []
      const files = this.#files
        .filter(file => file.operatorId === op.operatorId)
        .map(file => ({ path: `${folder.stateFolder()}/${file.name}`, file }))
      return files.length === 0 ? [] : [{ operatorId: op.operatorId, files }]
    })
  }

  // --- Epochs

  async #epochs(attempt: Attempt, stateFiles: StateFiles | null): Promise<void> {
    while (!this.#stopping || this.#trigger.kind === 'batch') {
      const trigger = this.#trigger
      switch (trigger.kind) {
        case 'batch':
          await this.#runEpoch(attempt, stateFiles, 'batch', null)
          return
        case 'once':
          await this.#microBatch(attempt, stateFiles, null, true)
          return
        case 'availableNow':
          await this.#availableNow(attempt, stateFiles)
          return
        case 'default':
          if (!(await this.#microBatch(attempt, stateFiles, null, false))) await this.#pause(POLLING_MILLIS)
          break
        case 'processingTime':
          await this.#microBatch(attempt, stateFiles, null, false)
          await this.#pauseUntilNext(trigger.intervalMillis)
          break
        case 'realTime':
          if (this.#replay !== null) await this.#microBatch(attempt, stateFiles, null, false)
          else await this.#realTime(attempt, stateFiles)
          break
        default:
          trigger satisfies never
      }
    }
  }

  async #availableNow(attempt: Attempt, stateFiles: StateFiles | null): Promise<void> {
    const target = await attempt.latest(true)
    while (!this.#stopping) {
      const isThere = reaches(this.#positions, target) && this.#replay === null
      if (isThere && !this.#hasDueWork()) return
      if (!(await this.#microBatch(attempt, stateFiles, target, false))) return
    }
  }

  /** True if an epoch without rows should run: the watermark moved, and some state is bound to it. */
  #hasDueWork(): boolean {
    return (
      this.#watermarkMoved &&
      this.prepared.isTimed &&
      this.options.noDataEpochs &&
      this.#trigger.kind !== 'once' &&
      this.#trigger.kind !== 'realTime'
    )
  }

  /** Runs a micro-batch if there is something to do. `most`: read no further than that. False: there was nothing. */
  async #microBatch(attempt: Attempt, stateFiles: StateFiles | null, most: Positions | null, whole: boolean): Promise<boolean> {
    const replay = this.#replay
    const latest = replay?.ends ?? (await attempt.latest(whole))
    const ends = most === null || replay !== null ? latest : leastOf(latest, most)
    if (replay === null && reaches(this.#positions, ends) && !this.#hasDueWork()) {
      this.#committed.fire()
      return false
    }
    await this.#runEpoch(attempt, stateFiles, 'microBatch', ends)
    return true
  }

  async #runEpoch(attempt: Attempt, stateFiles: StateFiles | null, mode: EpochMode, ends: Positions | null): Promise<void> {
    const begun = performance.now()
    const policy = this.#policy(mode)
    if (this.#folder !== null && this.#replay === null && ends !== null)
      await this.#folder.writeOffsets(policy.epoch, offsetEntry(policy, ends), true)
    this.#replay = null
    const outcome = attempt.follow(policy.epoch)
    attempt.beginEpoch(policy, ends)
    await this.#commit(attempt, stateFiles, policy, await outcome, begun)
  }

  /** Rows flow; an epoch is but the distance between two checkpoints, and the next begins with the end of the one before. */
  async #realTime(attempt: Attempt, stateFiles: StateFiles | null): Promise<void> {
    let policy = this.#policy('realTime')
    let begun = performance.now()
    let outcome = attempt.follow(policy.epoch)
    // Awaited only after the pause, which fails first when the attempt does.
    outcome.catch(() => {})
    attempt.beginEpoch(policy, null)
    for (;;) {
      const { intervalMillis } = this.#trigger.kind === 'realTime' ? this.#trigger : { intervalMillis: 0 }
      await attempt.race(this.#pause(intervalMillis, this.#flushesAnswered))
      this.#flushesAnswered = this.#flushRequests
      const goesOn = this.#trigger.kind === 'realTime' && !this.#stopping
      attempt.command({ kind: 'end', epoch: policy.epoch })
      const ended = { policy, outcome, begun }
      if (goesOn) {
        this.#epoch++
        policy = this.#policy('realTime')
        this.#epoch--
        begun = performance.now()
        outcome = attempt.follow(policy.epoch)
        outcome.catch(() => {})
        attempt.beginEpoch(policy, null)
      }
      await this.#commit(attempt, stateFiles, ended.policy, await ended.outcome, ended.begun)
      if (!goesOn) return
    }
  }

  #policy(mode: EpochMode): EpochPolicy {
    const replay = this.#replay
    const nowMicros = this.options.clock.now()
    return {
      epoch: this.#epoch,
      mode,
      batchTimeMicros: replay === null ? Math.floor(nowMicros / 1000) * 1000 : replay.batchTimeMillis * 1000,
      lateMillis: this.#watermark.exists ? this.#watermark.lateMillis : Number.NEGATIVE_INFINITY,
      evictMillis: this.#watermark.exists ? this.#watermark.evictMillis : Number.NEGATIVE_INFINITY,
    }
  }

  /**
   * State durable and sinks prepared → manifest → offsets (real time) → sink → commit log. From the manifest on, the epoch is rolled
   * forward after a crash.
   */
  async #commit(attempt: Attempt, stateFiles: StateFiles | null, policy: EpochPolicy, outcome: EpochOutcome, begun: number): Promise<void> {
    const { epoch } = policy
    const before = this.#positions
    const positions = positionsOf(attempt, outcome, before)
    const inForce = this.#watermark.evictMillis
    const reports = outcome.sealed.flatMap(report => report.watermarks)
    this.#watermarkMoved = this.#watermark.advance(reports, policy.mode)
    const folder = this.#folder
    if (folder !== null && stateFiles !== null) {
      const fresh = await stateFiles.finish(epoch, this.options.durability === 'power')
      this.#files = this.#compactor?.apply([...this.#files, ...fresh]) ?? []
      const manifest = this.#manifest(epoch, positions, outcome.tokens)
      await folder.writeManifest(manifest)
      if (policy.mode === 'realTime') await folder.writeOffsets(epoch, offsetEntry(policy, positions), false)
      await this.#committer?.commit(epoch, outcome.tokens)
      await folder.writeCommit(epoch, this.#watermark.evictMillis)
      if (epoch % 10 === 0) await folder.purge(manifest, name => this.#compactor?.isInWork(name) === true)
      this.#compactor?.consider(this.#files)
    } else {
      await this.#committer?.commit(epoch, outcome.tokens as readonly SinkToken[])
    }
    this.#positions = positions
    this.#epoch = epoch + 1
    attempt.committed(positions)
    this.#note(attempt, policy, outcome, before, inForce, begun)
    this.#committed.fire()
  }

  #manifest(epoch: number, positions: Positions, tokens: readonly SinkToken[]): Manifest {
    return {
      version: 1,
      epoch,
      signature: this.#signature,
      watermarkMillis: this.#watermark.evictMillis,
      lateMillis: this.#watermark.lateMillis,
      watermarkPolicy: this.#policyOfWatermarks,
      positions,
      tokens,
      files: this.#files,
    }
  }

  #note(attempt: Attempt, policy: EpochPolicy, outcome: EpochOutcome, before: Positions, watermarkMillis: number, begun: number): void {
    const { prepared, options } = this
    const duration = performance.now() - begun
    const sourceReports = outcome.sealed.filter(report => attempt.sourceOf(report.task) !== null)
    const rowsIn = sourceReports.reduce((sum, report) => sum + report.rowsIn, 0)
    const last = outcome.sealed.filter(report => attempt.isSink(report.task))
    const perSecond = duration > 0 ? (rowsIn * 1000) / duration : 0
    const progress: QueryProgress = {
      id: this.id,
      runId: this.runId,
      name: options.name,
      timestamp: new Date(policy.batchTimeMicros / 1000).toISOString(),
      batchId: policy.epoch,
      batchDuration: Math.round(duration),
      mode: policy.mode,
      numInputRows: rowsIn,
      inputRowsPerSecond: perSecond,
      processedRowsPerSecond: perSecond,
      durationMs: { triggerExecution: Math.round(duration) },
      eventTime: eventTimeOf(
        outcome.sealed.flatMap(report => report.watermarks),
        watermarkMillis,
        this.#watermark.exists,
      ),
      stateOperators: stateOperatorsOf(outcome.sealed.flatMap(report => report.operators)),
      sources: [...prepared.sources].map(([id, source]) => ({
        description: source.description.label,
        startOffset: before[id] ?? null,
        endOffset: this.#positions[id] ?? null,
        numInputRows: sourceReports.filter(report => attempt.sourceOf(report.task) === id).reduce((sum, report) => sum + report.rowsIn, 0),
        backlog: sourceReports.filter(report => attempt.sourceOf(report.task) === id).reduce((sum, report) => sum + report.backlog, 0),
      })),
      sink: { description: prepared.sink.description.label, numOutputRows: last.reduce((sum, report) => sum + report.rowsOut, 0) },
      latencies: attempt.latenciesSince(inMillis),
    }
    this.recentProgress.push(progress)
    if (this.recentProgress.length > RECENT_PROGRESS) this.recentProgress.shift()
    options.onProgress(progress)
  }

  // --- Waiting

  /**
   * Waits on the query's clock, or until something interrupts. `flushes`: how often a flush had been asked for when the caller last looked.
   */
  async #pause(millis: number, flushes = this.#flushRequests): Promise<void> {
    if (this.#stopping || this.#flushRequests !== flushes) return
    await this.#until(this.options.clock.now() + millis * 1000)
  }

  /** Until the given time, or until something interrupts. */
  async #until(micros: number): Promise<void> {
    const interruption = this.#interrupted.wait()
    try {
      await this.options.clock.until(micros, interruption.happened)
    } finally {
      interruption.drop()
    }
  }

  /** Until the next multiple of the interval, as Spark's processing-time trigger has it. */
  async #pauseUntilNext(intervalMillis: number): Promise<void> {
    if (intervalMillis === 0) {
      const flushes = this.#flushRequests
      if (!this.#watermarkMoved) await this.#pause(POLLING_MILLIS, flushes)
      return
    }
    const { clock } = this.options
    const now = clock.now() / 1000
    const next = Math.floor(now / intervalMillis) * intervalMillis + intervalMillis
    while (!this.#stopping && clock.now() / 1000 < next && this.#trigger.kind === 'processingTime') {
      await this.#until(next * 1000)
      // A flush is not a reason to run early, but stop and a new trigger are.
      if (this.#trigger.kind !== 'processingTime' || this.#trigger.intervalMillis !== intervalMillis) return
    }
  }
}

const required = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('a part of the query is missing')
  return value
}

const offsetEntry = (policy: EpochPolicy, ends: Positions): OffsetEntry => ({
  mode: policy.mode,
  watermarkMillis: Number.isFinite(policy.evictMillis) ? policy.evictMillis : 0,
  lateMillis: Number.isFinite(policy.lateMillis) ? policy.lateMillis : 0,
  batchTimeMillis: policy.batchTimeMicros / 1000,
  ends,
})

/** True if every partition of every source has been read up to `target`. */
const reaches = (positions: Positions, target: Positions): boolean =>
  Object.entries(target).every(([id, offset]) =>
    Object.entries(offset).every(([partition, end]) => (positions[id]?.[partition] ?? 0) >= end),
  )

/** The nearer end of each partition. */
const leastOf = (left: Positions, right: Positions): Positions =>
  Object.fromEntries(
    Object.entries(left).map(([id, offset]) => [
      id,
      Object.fromEntries(Object.entries(offset).map(([partition, end]) => [partition, Math.min(end, right[id]?.[partition] ?? end)])),
    ]),
  )

const positionsOf = (attempt: Attempt, outcome: EpochOutcome, before: Positions): Positions => {
  const positions: Record<string, SourceOffset> = { ...before }
  for (const { task, position } of outcome.sealed) {
    const sourceId = attempt.sourceOf(task)
    if (sourceId !== null && position !== null) positions[sourceId] = { ...positions[sourceId], ...position }
  }
  return positions
}
