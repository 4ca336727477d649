import type { QueryProgress } from '../coordinator/progress.ts'
import type { StreamingQuery } from './streaming-query.ts'

/** Told of all queries of a session. Errors that a listener throws are left to `process` as unhandled; they do not touch the query. */
export interface StreamingQueryListener {
  onQueryStarted?(event: { readonly id: string; readonly runId: string; readonly name: string | null; readonly timestamp: string }): void
  onQueryProgress?(event: { readonly progress: QueryProgress }): void
  onQueryTerminated?(event: { readonly id: string; readonly runId: string; readonly exception: Error | null }): void
}

/** The queries of a session, under Spark's names. */
export class StreamingQueryManager {
  readonly #active = new Map<string, StreamingQuery>()
  readonly #listeners = new Set<StreamingQueryListener>()
  #ended: Promise<void>
  #resolveEnded: () => void = () => {}

  constructor() {
    this.#ended = this.#nextEnd()
  }

  get active(): StreamingQuery[] {
    return [...this.#active.values()]
  }

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

  /** Resolves when some query of the session ends; rejects with what it died of. */
  async awaitAnyTermination(): Promise<void> {
    const running = this.active
    if (running.length === 0) return this.#ended
    await Promise.race(running.map(query => query.awaitTermination()))
  }

  /** Called by the session. */
  started(query: StreamingQuery): void {
    this.#active.set(query.runId, query)
    const { id, runId, name } = query
    this.tell(listener => listener.onQueryStarted?.({ id, runId, name, timestamp: new Date().toISOString() }))
    const ended = (): void => {
      this.#active.delete(runId)
      this.tell(listener => listener.onQueryTerminated?.({ id, runId, exception: query.exception }))
      const resolve = this.#resolveEnded
      this.#ended = this.#nextEnd()
      resolve()
    }
    query.awaitTermination().then(ended, ended)
  }

  /** Called by the session. A listener's error reaches the process, not the query. */
  tell(event: (listener: StreamingQueryListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        event(listener)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #nextEnd(): Promise<void> {
    return new Promise(resolve => {
      this.#resolveEnded = resolve
    })
  }
}
