import type { LatencySnapshot } from 'native-free-buffers'
import { EngineError } from '../base/errors.ts'
import { PROCESSING } from '../coordinator/epoch-cycle.ts'
import { type ExplainMode, explainQuery } from '../coordinator/explain.ts'
import type { QueryProgress } from '../coordinator/progress.ts'
import type { QueryRun } from '../coordinator/query-run.ts'
import type { Trigger as PlanTrigger } from '../plan/logical-plan.ts'
import { isInsideBatch, refuseInsideBatch } from './batch-scope.ts'
import { type Trigger, type TriggerOptions, triggerOf } from './trigger.ts'
import { withinMillis } from './within-millis.ts'

/** What a query is doing, under Spark's names. */
export interface StreamingQueryStatus {
  readonly message: string
  readonly isDataAvailable: boolean
  readonly isTriggerActive: boolean
}

/** A query that has been started. `await using query = await df.writeStream….start()` stops it at the end of the block. */
export class StreamingQuery {
  readonly #run: QueryRun
  #isAwaited = false

  /** Made by `start()`. */
  constructor(run: QueryRun) {
    this.#run = run
  }

  /** The same for all runs on one checkpoint. */
  get id(): string {
    return this.#run.id
  }

  /** Of this run alone. */
  get runId(): string {
    return this.#run.runId
  }

  /** Given by `queryName`; else null. */
  get name(): string | null {
    return this.#run.options.name
  }

  /** False once the query has been stopped, has died or has come to its end. */
  get isActive(): boolean {
    return this.#run.isActive
  }

  /** What the query died of; null while it runs, and after a stop. */
  get exception(): Error | null {
    return this.#run.exception
  }

  get status(): StreamingQueryStatus {
    const { message, lastProgress, isActive } = this.#run
    return {
      message,
      isDataAvailable: (lastProgress?.sources ?? []).some(source => source.backlog > 0),
      isTriggerActive: isActive && message === PROCESSING,
    }
  }

  /** What the last epoch did; null before the first. */
  get lastProgress(): QueryProgress | null {
    return this.#run.lastProgress
  }

  /** The last hundred epochs, oldest first. */
  get recentProgress(): readonly QueryProgress[] {
    return [...this.#run.recentProgress]
  }

  /**
   * Latencies since the start of this attempt, in millis: from a row's arrival in this process to the sink (processing), and to its
   * acknowledgement (end to end). A row that was held back for the end of an epoch, as totals are in micro-batches, counts from the arrival
   * of the oldest row of that epoch.
   */
  get latencies(): { readonly processingLatencyMs: LatencySnapshot; readonly e2eLatencyMs: LatencySnapshot } | null {
    return this.#run.latencies
  }

  /** What `trigger` or the last `setTrigger` said. */
  get trigger(): PlanTrigger {
    return this.#run.trigger
  }

  /**
   * Changes the mode of the running query. Takes effect at the end of the epoch at hand (in real time, at once); nothing is lost or
   * doubled. Throws QUERY_STOPPED if the query has ended.
   */
  setTrigger(trigger: Trigger | TriggerOptions): void {
    const next = triggerOf(trigger)
    if (!this.isActive) throw new EngineError('QUERY_STOPPED', { what: 'its trigger could be changed' })
    this.#run.setTrigger(next)
  }

  /**
   * Ends the epoch at hand, commits it and closes everything; rows that a push stream has accepted are processed before. Resolves when that
   * is done; does not reject. May be called again and from anywhere; inside the query's own foreachBatch it resolves at once, and the query
   * ends when the function has returned.
   */
  stop(): Promise<void> {
    const stopped = this.#run.stop()
    return isInsideBatch(this.#sinkId) ? Promise.resolve() : stopped
  }

  /**
   * Waits for the end of the query, or for so many millis. True if it has ended. Rejects with what the query died of. Throws
   * UNSUPPORTED_OPERATION inside the query's own foreachBatch, unless a number of millis is given.
   */
  async awaitTermination(timeoutMillis?: number): Promise<boolean> {
    if (timeoutMillis === undefined) refuseInsideBatch(this.#sinkId, 'awaitTermination')
    this.#isAwaited = true
    const ended = this.#run.awaitTermination().then((): true => true)
    return timeoutMillis === undefined ? ended : withinMillis(ended, timeoutMillis)
  }

  /**
   * Resolves when everything that the sources hold now has been processed and committed, or the query has come to its end by itself.
   * Rejects with what it died of, and with QUERY_STOPPED if it is stopped before. Throws UNSUPPORTED_OPERATION inside the query's own
   * foreachBatch. For tests: a query with a processingTime trigger waits for its time.
   */
  async processAllAvailable(): Promise<void> {
    refuseInsideBatch(this.#sinkId, 'processAllAvailable')
    this.#isAwaited = true
    await this.#run.processAllAvailable()
  }

  /** True if somebody has asked to be told of the end. */
  get isAwaited(): boolean {
    return this.#isAwaited
  }

  /** Called when the query has ended; for the session, which waits for every query without a word of its errors. */
  onEnd(ended: () => void): void {
    this.#run.awaitTermination().then(ended, ended)
  }

  get #sinkId(): string | undefined {
    return this.#run.options.sink.options.id
  }

  /** Prints and returns the plan of this query, with where each part runs and what is guaranteed. */
  explain(mode: ExplainMode = 'simple'): string {
    const text = explainQuery(this.#run.prepared, { ...this.#run.options, trigger: this.#run.trigger }, mode)
    console.log(text)
    return text
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
