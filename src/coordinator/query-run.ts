import { randomUUID } from 'node:crypto'
import { clockBase } from '../base/clock.ts'
import { asEngineError, EngineError, reasonOf } from '../base/errors.ts'
import type { RowLog } from '../connector/memory-source.ts'
import { loadModuleFunctions } from '../expression/user-function.ts'
import type { Trigger } from '../plan/logical-plan.ts'
import type { TableSpec } from '../runtime/task-spec.ts'
import { Attempt } from './attempt.ts'
import { collectTables } from './collect-tables.ts'
import { Ending } from './ending.ts'
import { EpochCycle, PROCESSING } from './epoch-cycle.ts'
import { EpochLog } from './epoch-log.ts'
import { type EndedEpoch, progressOf } from './epoch-progress.ts'
import { CALLER, deploy, type PlacedSource, type PlacedStage } from './placement.ts'
import { capped, type Positions, reaches } from './positions.ts'
import { type PreparedQuery, registerLocal } from './prepare-query.ts'
import { inMillis, type QueryProgress } from './progress.ts'
import type { QueryOptions } from './query-options.ts'
import { Restarts } from './restarts.ts'
import { RunControl, Signal } from './run-control.ts'
import { StateFiles } from './state-files.ts'

const RECENT_PROGRESS = 100
/** How long a query does nothing before its listeners hear that it is idle, and again so long after; Spark's. */
const IDLE_MILLIS = 10_000

/**
 * The life of one query, from its start to its end: it recovers, starts the tasks, lets the epochs run, and starts anew when something
 * fails. It runs in the caller's thread and never sees a row.
 */
export class QueryRun {
  readonly options: QueryOptions
  readonly prepared: PreparedQuery
  readonly runId = randomUUID()
  id: string = randomUUID()
  exception: Error | null = null
  readonly recentProgress: QueryProgress[] = []
  readonly #log: EpochLog
  readonly #control: RunControl
  readonly #restarts: Restarts
  #isActive = true
  #message = 'Initializing'
  /** An epoch has been committed, there was none to run, or the query has ended. */
  readonly #committed = new Signal()
  #attempt: Attempt | null = null
  /** Its sources have been opened: what the program feeds them by is this query's. */
  #hasSources = false
  #tables: readonly TableSpec[] = []
  readonly #locals = new Map<string, { readonly id: string; readonly log: RowLog }>()
  /** It came to its end by itself: its input ended, or its trigger is for what is there. */
  #isComplete = false
  /** Micros: when the last epoch began, and when something was last told to listeners. */
  #lastBegun = Number.NaN
  #lastTold: number
  readonly #life: Promise<void>
  readonly #over = new Ending()
  #resolveStarted: () => void = () => {}
  #rejectStarted: (error: unknown) => void = () => {}
  readonly #started: Promise<void>

  constructor(options: QueryOptions, prepared: PreparedQuery) {
    this.options = options
    this.prepared = prepared
    this.#log = new EpochLog(options, prepared)
    this.#control = new RunControl(options.clock, options.trigger)
    this.#restarts = new Restarts(options.restart)
    this.#started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve
      this.#rejectStarted = reject
    })
    this.#started.catch(() => {})
    this.#lastTold = options.clock.now()
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
    return this.#control.trigger
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
    return this.#log.hasWatermark ? this.#log.watermarkMillis : null
  }

  get currentEpoch(): number {
    return this.#log.epoch
  }

  /** Takes effect at the end of the epoch at hand, which in real time ends at once. */
  setTrigger(trigger: Trigger): void {
    this.#control.trigger = trigger
  }

  /**
   * Ends the epoch at hand, commits it and closes; a batch, and a query that has not got as far as an epoch, is broken off. Resolves when
   * everything is closed; does not reject.
   */
  async stop(): Promise<void> {
    if (this.#hasSources) this.#stopSources()
    this.#control.stop()
    await this.#life
  }

  /** Resolves when the query has ended; rejects with its exception. */
  async awaitTermination(): Promise<void> {
    await this.#life
    if (this.exception !== null) throw this.exception
  }

  /**
   * Resolves when everything that the sources held at the time of the call has been processed and committed, or the query has come to its
   * end by itself. Rejects if it is stopped or fails before.
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
      const target = await this.#over.race(attempt.latest(true)).catch(() => null)
      if (target === null) {
        if (!this.#isActive) break
        await this.#committed.next
        continue
      }
      await this.#reach(target)
      return
    }
    if (!this.#isComplete) throw this.exception ?? this.#stopped('all input was processed')
  }

  async #reach(first: Positions): Promise<void> {
    for (let target = first; !reaches(this.#log.positions, target) || this.#log.hasDueWork(this.trigger); ) {
      if (!this.#isActive) {
        if (this.#isComplete) return
        throw this.exception ?? this.#stopped('all input was processed')
      }
      const before = this.#log.positions
      this.#control.flush()
      await this.#committed.next
      if (reaches(before, this.#log.positions)) target = await this.#stillThere(target)
    }
  }

  /** What is left of a target: a topic that is gone, or a log that was cut off, will never be read up to there. */
  async #stillThere(target: Positions): Promise<Positions> {
    const attempt = this.#attempt
    const latest = attempt === null ? null : await this.#over.race(attempt.latest(true)).catch(() => null)
    return latest === null ? target : capped(target, latest)
  }

  #stopSources(): void {
    for (const { holds } of this.prepared.sources.values()) holds?.stopping?.()
  }

  #stopped(what: string): EngineError {
    return new EngineError('QUERY_STOPPED', { what }, this.options.signal?.reason)
  }

  async #live(): Promise<void> {
    let failure: unknown = null
    try {
      await this.#open()
      for (let isFirst = true; !this.#control.stopping || isFirst; isFirst = false) {
        try {
          if (!isFirst) await this.#log.recover()
          await this.#runAttempt()
          break
        } catch (error) {
          const failedAt = this.options.clock.now() / 1000
          this.#control.interrupt()
          await this.#attempt?.destroy()
          this.#attempt = null
          await this.#mayRestart(error, failedAt)
        }
      }
    } catch (error) {
      failure = error
      // A stop is no failure, but for a batch, of which nothing is left then.
      const isStop = this.#control.stopping && error instanceof EngineError && error.code === 'QUERY_STOPPED'
      if (isStop) failure = this.#stopped(this.trigger.kind === 'batch' ? 'it had finished' : 'it had started')
      if (!isStop || this.trigger.kind === 'batch') this.exception = failure = asEngineError(failure)
    } finally {
      await this.#attempt?.destroy().catch(() => {})
      this.#attempt = null
      // From now on another query may have them, which no further stop of this one must touch.
      this.#hasSources = false
      await this.#log.close()
      for (const { holds } of this.prepared.sources.values()) holds?.endOfQuery?.()
      this.#locals.clear()
      this.#isComplete = failure === null && !this.#control.stopping
      this.#isActive = false
      this.#message = this.exception === null ? 'Stopped' : `Terminated with exception: ${this.exception.message}`
      this.#over.end(null)
      this.#committed.fire()
      // Only now, so that whoever hears of it can start anew on the same checkpoint.
      this.#rejectStarted(failure ?? this.#stopped('it had started'))
    }
  }

  async #open(): Promise<void> {
    await this.#log.open()
    this.id = this.#log.queryId ?? this.id
    // Threads load their own.
    if (this.prepared.stages.some(({ hosts }) => hosts.includes(CALLER))) await loadModuleFunctions(this.prepared.functions)
    this.#tables = await collectTables(this.prepared.physical.tables, { ...this.options, signal: this.#control.haltSignal })
    await this.#log.recover()
  }

  /** Waits before the next attempt, or throws what ends the query. */
  async #mayRestart(error: unknown, failedAt: number): Promise<void> {
    if (this.#control.stopping || this.#log.stateFolder === null) throw error
    const wait = this.#restarts.waitAfter(error, failedAt)
    this.#message = `Restarting after: ${reasonOf(error)}`
    // The threads' end is part of the wait.
    await this.#control.sleep(failedAt + wait - this.options.clock.now() / 1000)
  }

  async #runAttempt(): Promise<void> {
    const { options, prepared } = this
    const log = this.#log
    const attemptId = randomUUID().slice(0, 8)
    const { stateFolder } = log
    const deployment = deploy({
      stages: prepared.stages,
      workers: options.workers,
      sourceOf: id => this.#sourceOf(id),
      sink: prepared.sink,
      outputMode: options.outputMode,
      tables: this.#tables,
      watermarkPolicy: log.watermarkPolicy,
      stateFolder,
      attempt: attemptId,
      idle: options.idle,
      clockBase: clockBase(),
      start: id => log.positions[id] ?? null,
      metadataFolder: id => log.sourceFolder(id),
      restore: stage => log.restoreOf(stage),
      localId: stage => this.#localId(stage),
    })
    const attempt = new Attempt({
      deployment,
      workers: options.workers,
      clock: options.clock.now,
      modules: options.modules,
      functions: prepared.functions,
      stateFiles: stateFolder === null ? null : new StateFiles(stateFolder, attemptId),
      onEnded: () => {
        this.#control.inputEnded = true
      },
    })
    this.#attempt = attempt
    this.#control.inputEnded = false
    attempt.start()
    await attempt.race(this.#control.halted.race(attempt.ready))
    this.#hasSources = true
    if (this.#control.stopping) this.#stopSources()
    await log.begin(attempt.stateWriter, attempt.positions)
    this.#message = 'Waiting for data to arrive'
    if (!this.#control.stopping) this.#resolveStarted()
    this.#committed.fire()
    const onEnded = (ended: EndedEpoch | null): void => {
      if (ended !== null) this.#note(attempt, ended)
      this.#committed.fire()
    }
    await new EpochCycle({
      attempt,
      log,
      control: this.#control,
      onEnded,
      onState: message => this.#onState(message),
      now: options.clock.now,
      unrepeatable: [...prepared.sources].flatMap(([id, source]) => (source.description.replayable ? [] : [id])),
    }).run()
    attempt.command({ kind: 'finish' })
    await attempt.race(attempt.done)
    await attempt.destroy()
    this.#attempt = null
  }

  #note(attempt: Attempt, ended: EndedEpoch): void {
    const { id, runId, options, prepared } = this
    const progress = progressOf({ id, runId, name: options.name }, prepared, attempt, ended, this.#lastBegun)
    this.#lastBegun = ended.begunMicros
    this.#lastTold = options.clock.now()
    this.recentProgress.push(progress)
    if (this.recentProgress.length > RECENT_PROGRESS) this.recentProgress.shift()
    options.onProgress(progress)
  }

  /** Also tells listeners from time to time that there is nothing to do. */
  #onState(message: string): void {
    this.#message = message
    const now = this.options.clock.now()
    if (message === PROCESSING || now - this.#lastTold < IDLE_MILLIS * 1000) return
    this.#lastTold = now
    this.options.onIdle({ id: this.id, runId: this.runId, timestamp: new Date(now / 1000).toISOString() })
  }

  #sourceOf(id: string): PlacedSource {
    const source = this.prepared.sources.get(id)
    if (source === undefined) throw new Error(`no source ${id}`)
    return source
  }

  #localId(stage: PlacedStage): string {
    let local = this.#locals.get(stage.id)
    if (local === undefined) {
      local = registerLocal(stage)
      this.#locals.set(stage.id, local)
    }
    return local.id
  }
}
