/**
 * How a loop without work waits. `spin` never sleeps; `adaptive` spins while the next event is likely nearer than a wake-up, then sleeps;
 * `park` sleeps at once.
 */
export type IdleStrategyName = 'spin' | 'adaptive' | 'park'

/** The least share of its patience that an adaptive strategy keeps, so that a quick answer is still caught. */
const LEAST_SHARE = 64
/** Every so many gaps the full patience is tried again: events may have become frequent while the loop was sleeping through them. */
const GAPS_PER_PROBE = 16

/**
 * Decides when a loop goes to sleep; knows nothing of how, and reads no clock. An adaptive one learns whether spinning pays: a gap that
 * ended while it spun doubles its patience, one that outlasted it halves it. So a loop with rare events burns a 64th of what it would, and
 * one with frequent events never sleeps.
 */
export class IdleStrategy {
  readonly #most: number
  readonly #adapts: boolean
  #patience: number
  /** What the loop has in this gap: the patience, or all of it when this is a probe. */
  #limit: number
  #idleTurns = 0
  #gaps = 0

  /**
   * `spins`, for `adaptive`: the most fruitless turns before sleep. They should last about as long as a sleep and a wake-up, some 100 µs.
   */
  constructor(name: IdleStrategyName, spins = 2000) {
    this.#most = name === 'spin' ? Number.POSITIVE_INFINITY : name === 'park' ? 0 : spins
    this.#adapts = name === 'adaptive'
    this.#patience = this.#limit = this.#most
  }

  /** Tells of one turn of the loop. True if the loop should sleep now. */
  shouldSleep(progressed: boolean): boolean {
    if (!progressed) return ++this.#idleTurns > this.#limit
    if (this.#idleTurns > 0) {
      if (this.#adapts) this.#learn()
      this.#idleTurns = 0
    }
    return false
  }

  #learn(): void {
    const slept = this.#idleTurns > this.#limit
    const probed = this.#limit > this.#patience
    if (!slept) this.#patience = probed ? this.#most : Math.min(this.#most, this.#patience * 2)
    else if (!probed) this.#patience = Math.max(1, this.#most / LEAST_SHARE, this.#patience / 2)
    this.#gaps++
    this.#limit = this.#gaps % GAPS_PER_PROBE === 0 ? this.#most : this.#patience
  }
}
