import type { EpochMode } from '../operator/epoch-policy.ts'
import type { WatermarkReport } from '../runtime/control-protocol.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'

/**
 * The watermark of a query as Spark has it: of each operator the largest event time less its delay, over all operators the least; computed
 * at the end of an epoch and in force from the next. An operator that has seen nothing counts as 0. Never goes back. Pure.
 */
export class EpochWatermark {
  readonly #delays: ReadonlyMap<number, number>
  readonly #policy: WatermarkPolicy
  readonly #max = new Map<number, number>()
  #current: number
  #before: number

  /** `delays`: millis by watermark id. `start`: where a checkpoint left off. What each operator has seen is not kept: as in Spark, after a restart the
   * watermark moves again once all of them have seen rows. */
  constructor(delays: ReadonlyMap<number, number>, policy: WatermarkPolicy, start: { currentMillis: number; lateMillis: number } | null) {
    this.#delays = delays
    this.#policy = policy
    this.#current = start?.currentMillis ?? 0
    this.#before = start?.lateMillis ?? 0
  }

  get exists(): boolean {
    return this.#delays.size > 0
  }

  /** In force in the next epoch, for eviction. */
  get evictMillis(): number {
    return this.#current
  }

  /** The one before: what makes a row late in the next epoch. */
  get lateMillis(): number {
    return this.#before
  }

  /**
   * Takes the reports of an epoch that has ended. True if the watermark moved. In real time it flowed through the epoch: what it passed is
   * emitted and gone, so a row behind it is late from the next epoch on, also in a new run that goes on in micro-batches.
   */
  advance(reports: readonly WatermarkReport[], mode: EpochMode): boolean {
    for (const { watermarkId, maxEverMicros } of reports) {
      if (maxEverMicros > (this.#max.get(watermarkId) ?? Number.NEGATIVE_INFINITY)) this.#max.set(watermarkId, maxEverMicros)
    }
    const inForce = this.#current
    const moved = this.#move()
    this.#before = mode === 'realTime' ? this.#current : inForce
    return moved
  }

  #move(): boolean {
    if (this.#delays.size === 0) return false
    const each = [...this.#delays].map(([id, delay]) => {
      const max = this.#max.get(id)
      return max === undefined ? 0 : Math.max(0, Math.floor(max / 1000) - delay)
    })
    const next = this.#policy === 'min' ? Math.min(...each) : Math.max(...each)
    if (next <= this.#current) return false
    this.#current = next
    return true
  }
}
