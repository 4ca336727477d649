import { reasonOf } from '../base/errors.ts'
import type { QueryIdle, QueryProgress } from '../coordinator/progress.ts'
import type { StreamingQuery } from './streaming-query.ts'
import { withinMillis } from './within-millis.ts'

/**
 * Told of all queries of a session, in the caller's thread. What a listener throws, or what its promise rejects with, becomes a warning of
 * the process: it touches neither the query nor the other listeners.
 */
export interface StreamingQueryListener {
  onQueryStarted?(event: { readonly id: string; readonly runId: string; readonly name: string | null; readonly timestamp: string }): void
  onQueryProgress?(event: { readonly progress: QueryProgress }): void
  /** Nothing has come for ten seconds; micro-batches only: a query in real time tells of each of its epochs. */
  onQueryIdle?(event: QueryIdle): void
  onQueryTerminated?(event: { readonly id: string; readonly runId: string; readonly exception: Error | null }): void
}

/** The queries of a session, under Spark's names. */
export class StreamingQueryManager {
  readonly #active = new Map<string, StreamingQuery>()
  readonly #listeners = new Set<StreamingQueryListener>()
  #ended: Promise<void>
  #resolveEnded: () => void = () => {}
  #isAnyAwaited = false
  /** The first query that has ended since `resetTerminated`, or the first that died. */
  #terminated: { readonly exception: Error | null } | null = null

  constructor() {
    this.#ended = this.#nextEnd()
  }

  /** Those that run. */
  get active(): StreamingQuery[] {
    return [...this.#active.values()]
  }

  /** One that runs, by its `id`; null if there is none. */
  get(id: string): StreamingQuery | null {
    return this.active.find(query => query.id === id) ?? null
  }

  addListener(listener: StreamingQueryListener): void {
    this.#listeners.add(listener)
  }

  removeListener(listener: StreamingQueryListener): void {
    this.#listeners.delete(listener)
  }

  listListeners(): StreamingQueryListener[] {
    return [...this.#listeners]
  }

  /**
   * Waits until some query of the session has ended, or for so many millis; one that ended before counts, until `resetTerminated`. True if
   * one has. Rejects with what it died of.
   */
  async awaitAnyTermination(timeoutMillis?: number): Promise<boolean> {
    const ended = async (): Promise<true> => {
      this.#isAnyAwaited = true
      if (this.#terminated === null) await this.#ended
      const { exception } = this.#terminated ?? { exception: null }
      if (exception !== null) throw exception
      return true
    }
    return timeoutMillis === undefined ? ended() : withinMillis(ended(), timeoutMillis)
  }

  /** Forgets the queries that have ended: `awaitAnyTermination` waits for the next. */
  resetTerminated(): void {
    this.#terminated = null
  }

  /** Called by the session. */
  started(query: StreamingQuery): void {
    this.#active.set(query.runId, query)
    const { id, runId, name } = query
    this.tell(listener => listener.onQueryStarted?.({ id, runId, name, timestamp: new Date().toISOString() }))
    const ended = (): void => {
      this.#active.delete(runId)
      if (this.#terminated === null || this.#terminated.exception === null) this.#terminated = { exception: query.exception }
      const { exception } = query
      // Nothing dies in silence.
      const isHeard = query.isAwaited || this.#isAnyAwaited || [...this.#listeners].some(({ onQueryTerminated }) => onQueryTerminated)
      if (exception !== null && !isHeard) {
        process.emitWarning(`The query ${name ?? id} has died, and nobody waits for it: ${exception.message}`, {
          code: 'WALKWAY_QUERY_DIED',
        })
      }
      this.tell(listener => listener.onQueryTerminated?.({ id, runId, exception }))
      const resolve = this.#resolveEnded
      this.#ended = this.#nextEnd()
      resolve()
    }
    query.onEnd(ended)
  }

  /** Called by the session. */
  tell(event: (listener: StreamingQueryListener) => unknown): void {
    for (const listener of [...this.#listeners]) {
      try {
        const result = event(listener)
        if (result instanceof Promise) result.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
  }

  #nextEnd(): Promise<void> {
    return new Promise(resolve => {
      this.#resolveEnded = resolve
    })
  }
}

const warn = (error: unknown): void => {
  process.emitWarning(`A StreamingQueryListener threw: ${reasonOf(error)}`, {
    code: 'WALKWAY_LISTENER',
    detail: error instanceof Error ? error.stack : undefined,
  })
}
