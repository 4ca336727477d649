import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { medianOf } from './statistics.ts'

/** What some work left on the heap. */
export interface Garbage {
  /** Of V8's own heap, by the pieces of work in which no collection ran; NaN if one ran in each. */
  readonly bytesPerEvent: number
  /** Collections of the young generation. */
  readonly youngCollections: number
}

interface Piece {
  readonly begun: number
  readonly ended: number
  readonly bytes: number
  readonly events: number
}

/** Watches pieces of synchronous work. What is done in between is not counted. */
export class GarbageMeter {
  readonly #collections: { readonly at: number; readonly isYoung: boolean }[] = []
  readonly #pieces: Piece[] = []
  readonly #observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as PerformanceEntry & { readonly detail: { readonly kind: number } }).detail
      this.#collections.push({ at: entry.startTime, isYoung: kind === constants.NODE_PERFORMANCE_GC_MINOR })
    }
  })
  /** What looking at the heap allocates itself. */
  readonly #own: number

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#own = medianOf(
      Array.from({ length: 101 }, () => {
        const before = process.memoryUsage().heapUsed
        return process.memoryUsage().heapUsed - before
      }),
    )
  }

  /** Does the work and notes what it allocated. Returns its time in nanos. */
  measure(work: () => void, events: number): number {
    const before = process.memoryUsage().heapUsed
    const begun = performance.now()
    work()
    const ended = performance.now()
    const bytes = process.memoryUsage().heapUsed - before - this.#own
    this.#pieces.push({ begun, ended, bytes, events })
    return (ended - begun) * 1e6
  }

  /** All since the last call; collections are told only once the event loop has turned. */
  async take(): Promise<Garbage> {
    for (let i = 0; i < 3; i++) await new Promise(resolve => setTimeout(resolve, 1))
    const pieces = this.#pieces.splice(0)
    const collections = this.#collections.splice(0)
    const during = ({ begun, ended }: Piece) => collections.filter(({ at }) => at >= begun && at <= ended)
    const quiet = pieces.filter(piece => during(piece).length === 0)
    return {
      bytesPerEvent: quiet.length === 0 ? Number.NaN : Math.max(0, medianOf(quiet.map(({ bytes, events }) => bytes / events))),
      youngCollections: pieces.reduce((sum, piece) => sum + during(piece).filter(({ isYoung }) => isYoung).length, 0),
    }
  }

  close(): void {
    this.#observer.disconnect()
  }
}
