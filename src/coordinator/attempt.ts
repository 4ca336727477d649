import { Histogram, type LatencySnapshot } from 'native-free-buffers'
import type { Clock } from '../base/clock.ts'
import { errorFromWire } from '../base/errors.ts'
import type { SinkToken, SourceOffset } from '../connector/connector.ts'
import { buildEventLoopHost } from '../runtime/build-host.ts'
import type { TaskCommand, TaskReport } from '../runtime/control-protocol.ts'
import type { EventLoopHost } from '../runtime/event-loop-host.ts'
import { WorkerPool } from '../runtime/worker-handle.ts'
import { Ending } from './ending.ts'
import { PersisterClient } from './persister-client.ts'
import { CALLER, type Deployment } from './placement.ts'
import type { StateFiles, StateWriter } from './state-files.ts'

type Sealed = Extract<TaskReport, { kind: 'sealed' }>

/** An epoch on its way through the tasks. */
interface Flight {
  readonly sealed: Map<string, Sealed>
  readonly tokens: Map<string, SinkToken>
  readonly resolve: (outcome: EpochOutcome) => void
}

/** All tasks have ended the epoch, and the sinks have prepared it. */
export interface EpochOutcome {
  readonly sealed: readonly Sealed[]
  readonly tokens: readonly SinkToken[]
}

export interface AttemptOptions {
  readonly deployment: Deployment
  readonly workers: number
  readonly clock: Clock
  readonly modules: readonly string[]
  readonly functions: readonly { readonly url: string; readonly name: string }[]
  /** Writes the state of tasks on the caller's thread; null if none is kept. */
  readonly stateFiles: StateFiles | null
  /** No source has or will ever have another row. */
  readonly onEnded: () => void
}

/**
 * One life of a query's tasks: from the start of its threads to their end. Fresh rings, fresh memory; a failed one is never mended, but
 * replaced.
 */
export class Attempt {
  readonly #options: AttemptOptions
  readonly #pool: WorkerPool | null
  #local: EventLoopHost | null = null
  #persister: PersisterClient | null = null
  readonly #flights = new Map<number, Flight>()
  readonly #latest = new Map<
    number,
    { waiting: number; offsets: Record<string, SourceOffset>; resolve: (value: Record<string, SourceOffset>) => void }
  >()
  #request = 0
  readonly #notReady: Set<string>
  readonly #notDone: Set<string>
  readonly #notEnded: Set<string>
  readonly #taskIds: readonly string[]
  readonly #sinkTasks: readonly string[]
  /** Tasks that read sources: task id to host and source id. */
  readonly #sourceTasks = new Map<string, { readonly host: number; readonly sourceId: string }>()
  /** Where the sources stood when they were opened. */
  readonly positions: Record<string, SourceOffset> = {}
  readonly ready: Promise<void>
  readonly done: Promise<void>
  /** A task has failed, or a thread died. */
  readonly #failure = new Ending()
  #resolveReady: () => void = () => {}
  #resolveDone: () => void = () => {}
  readonly #meters: readonly { readonly processing: Histogram; readonly endToEnd: Histogram }[]

  constructor(options: AttemptOptions) {
    this.#options = options
    const { hosts, metrics, meters } = options.deployment
    const tasks = hosts.flatMap(host => host.tasks)
    this.#taskIds = tasks.map(task => task.id)
    this.#sinkTasks = tasks.filter(task => task.output.kind === 'sink').map(task => task.id)
    for (const task of tasks)
      if (task.input.kind === 'source') this.#sourceTasks.set(task.id, { host: task.host, sourceId: task.input.sourceId })
    this.#notReady = new Set(this.#taskIds)
    this.#notEnded = new Set(this.#sourceTasks.keys())
    this.#notDone = new Set(this.#taskIds)
    this.#meters = Object.values(meters).map(meter => ({
      processing: new Histogram(metrics, meter.processing),
      endToEnd: new Histogram(metrics, meter.endToEnd),
    }))
    this.ready = new Promise(resolve => {
      this.#resolveReady = resolve
    })
    this.done = new Promise(resolve => {
      this.#resolveDone = resolve
    })
    const threads = hosts.filter(host => host.host !== CALLER).length + (options.deployment.persister === null ? 0 : 1)
    this.#pool = threads > 0 ? new WorkerPool(threads) : null
  }

  /** Starts threads and loops. */
  start(): void {
    const { deployment, modules, functions, clock } = this.#options
    const report = (message: TaskReport): void => this.#onReport(message)
    const fail = (error: unknown): void => {
      this.#failure.end(error)
      this.#persister?.fail(error)
    }
    for (const spec of deployment.hosts) {
      if (spec.host !== CALLER) this.#pool?.start(spec, modules, functions, report, fail)
    }
    const { persister } = deployment
    if (persister !== null && this.#pool !== null)
      this.#persister = new PersisterClient(this.#pool.startPersister(persister, reply => this.#persister?.onReply(reply), fail))
    const local = deployment.hosts.find(host => host.host === CALLER)
    if (local !== undefined) {
      this.#local = buildEventLoopHost(local, report, clock)
      void this.#local.run()
    }
  }

  /** Worker threads, for tests that end one. */
  get threads(): readonly { readonly threadId: number; terminate(): Promise<number> }[] {
    return this.#pool?.threads ?? []
  }

  /** Who writes the state of the tasks; null if none is kept. */
  get stateWriter(): StateWriter | null {
    return this.#persister ?? this.#options.stateFiles
  }

  /** Waits for something, or for the attempt to fail. */
  race<T>(promise: Promise<T>): Promise<T> {
    return this.#failure.race(promise)
  }

  /** Follows an epoch: resolves when all tasks have ended it and the sinks have prepared it. Call it before the epoch can end. */
  follow(epoch: number): Promise<EpochOutcome> {
    return this.race(
      new Promise(resolve => {
        this.#flights.set(epoch, { sealed: new Map(), tokens: new Map(), resolve })
      }),
    )
  }

  /** Where the sources' input ends now, by source. */
  latest(whole: boolean): Promise<Record<string, SourceOffset>> {
    const request = this.#request++
    return this.race(
      new Promise(resolve => {
        if (this.#sourceTasks.size === 0) resolve({})
        this.#latest.set(request, { waiting: this.#sourceTasks.size, offsets: {}, resolve })
        this.command({ kind: 'latest', request, whole })
      }),
    )
  }

  /** Tells every source task, or for `begin` and `committed` each its own source's part. */
  command(command: TaskCommand): void {
    for (const task of this.#sourceTasks.keys()) this.#send(task, command)
  }

  beginEpoch(policy: Extract<TaskCommand, { kind: 'begin' }>['policy'], ends: Readonly<Record<string, SourceOffset>> | null): void {
    for (const [task, { sourceId }] of this.#sourceTasks) this.#send(task, { kind: 'begin', policy, end: ends?.[sourceId] ?? null })
  }

  committed(positions: Readonly<Record<string, SourceOffset>>): void {
    for (const [task, { sourceId }] of this.#sourceTasks) {
      const offset = positions[sourceId]
      if (offset !== undefined) this.#send(task, { kind: 'committed', offset })
    }
  }

  /** The source that a task reads. */
  sourceOf(task: string): string | null {
    return this.#sourceTasks.get(task)?.sourceId ?? null
  }

  /** No source has or will ever have another row. */
  get isEnded(): boolean {
    return this.#notEnded.size === 0
  }

  isSink(task: string): boolean {
    return this.#sinkTasks.includes(task)
  }

  #marks: { processing: Float64Array; endToEnd: Float64Array } | null = null

  /** Latencies recorded since the last call. */
  latenciesSince(convert: (snapshot: LatencySnapshot) => LatencySnapshot): {
    processingLatencyMs: LatencySnapshot
    e2eLatencyMs: LatencySnapshot
  } {
    const [processing, endToEnd] = [this.latencies('processing'), this.latencies('endToEnd')]
    const marks = this.#marks
    this.#marks = { processing: processing.mark(), endToEnd: endToEnd.mark() }
    return {
      processingLatencyMs: convert(marks === null ? processing.snapshot() : processing.since(marks.processing)),
      e2eLatencyMs: convert(marks === null ? endToEnd.snapshot() : endToEnd.since(marks.endToEnd)),
    }
  }

  /** Latencies since the start. */
  latenciesInMillis(convert: (snapshot: LatencySnapshot) => LatencySnapshot): {
    processingLatencyMs: LatencySnapshot
    e2eLatencyMs: LatencySnapshot
  } {
    return {
      processingLatencyMs: convert(this.latencies('processing').snapshot()),
      e2eLatencyMs: convert(this.latencies('endToEnd').snapshot()),
    }
  }

  latencies(pick: 'processing' | 'endToEnd'): Histogram {
    const all = new Histogram()
    for (const meter of this.#meters) all.merge(meter[pick])
    return all
  }

  /** Ends everything, whatever it does. */
  async destroy(): Promise<void> {
    if (this.#local !== null) {
      this.#local.stop()
      for (const task of this.#local.tasks) if (!task.isDone || task.failed) task.abandon()
    }
    await this.#pool?.destroy()
    await this.#persister?.abandon()
    await this.#options.stateFiles?.abandon()
  }

  #send(task: string, command: TaskCommand): void {
    const host = this.#sourceTasks.get(task)?.host
    if (host === undefined) return
    if (host === CALLER) {
      this.#local?.tasks.find(candidate => candidate.id === task)?.command(command)
      this.#local?.wake()
    } else {
      this.#pool?.send(host, task, command)
    }
  }

  #onReport(report: TaskReport): void {
    switch (report.kind) {
      case 'ready': {
        const sourceId = this.sourceOf(report.task)
        if (sourceId !== null) this.positions[sourceId] = { ...this.positions[sourceId], ...report.position }
        this.#notReady.delete(report.task)
        if (this.#notReady.size === 0) this.#resolveReady()
        return
      }
      case 'changes':
        this.#options.stateFiles?.append(report.operatorId, report.task, report.epoch, report.chunk)
        return
      case 'sealed':
        this.#flights.get(report.epoch)?.sealed.set(report.task, report)
        this.#settle(report.epoch)
        return
      case 'prepared':
        this.#flights.get(report.epoch)?.tokens.set(report.task, report.token)
        this.#settle(report.epoch)
        return
      case 'latest': {
        const entry = this.#latest.get(report.request)
        const sourceId = this.sourceOf(report.task)
        if (entry === undefined || sourceId === null) return
        entry.offsets[sourceId] = { ...entry.offsets[sourceId], ...report.offset }
        if (--entry.waiting > 0) return
        this.#latest.delete(report.request)
        entry.resolve(entry.offsets)
        return
      }
      case 'ended':
        this.#notEnded.delete(report.task)
        if (this.isEnded) this.#options.onEnded()
        return
      case 'failed':
        this.#failure.end(errorFromWire(report.error))
        return
      case 'done':
        this.#notDone.delete(report.task)
        if (this.#notDone.size === 0) this.#resolveDone()
        return
      default:
        report satisfies never
    }
  }

  #settle(epoch: number): void {
    const flight = this.#flights.get(epoch)
    if (flight === undefined || flight.sealed.size < this.#taskIds.length || flight.tokens.size < this.#sinkTasks.length) return
    this.#flights.delete(epoch)
    flight.resolve({ sealed: [...flight.sealed.values()], tokens: this.#sinkTasks.map(task => flight.tokens.get(task)) })
  }
}
