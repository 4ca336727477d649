/** How a loop without work waits. `spin` never sleeps; `adaptive` spins while the next event is likely nearer than a wake-up, then sleeps; `park` sleeps at once. */
export type IdleStrategyName = 'spin' | 'adaptive' | 'park'

/** Decides when a loop goes to sleep. Knows nothing of how. */
export class IdleStrategy {
  readonly #spins: number
  #idleTurns = 0

  /** `spins`: how many fruitless turns before sleep, for `adaptive`. */
  constructor(name: IdleStrategyName, spins = 2000) {
    this.#spins = name === 'spin' ? Number.POSITIVE_INFINITY : name === 'park' ? 0 : spins
  }

  /** Tells of one turn of the loop. True if the loop should sleep now. */
  shouldSleep(progressed: boolean): boolean {
    if (progressed) {
      this.#idleTurns = 0
      return false
    }
    return ++this.#idleTurns > this.#spins
  }
}
