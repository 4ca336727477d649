/** Micros since 1970 as a double, from a clock that does not go back. */
export type Clock = () => number

/**
 * The platform's clock, with one base for all threads of a query: `performance.timeOrigin` differs from thread to thread, so each thread corrects its own
 * origin to the given one. A call takes some 55 ns; the engine makes one per burst.
 */
export const systemClock = (): Clock => {
  const originMicros = performance.timeOrigin * 1000
  return () => originMicros + performance.now() * 1000
}

/** A clock that somebody can wait on. */
export interface WaitableClock {
  readonly now: Clock
  /** Resolves at the given time (micros), or at once if it is past. `cancel` ends the wait early. */
  until(micros: number, cancel: Promise<void>): Promise<void>
}

/** The platform's clock with its timers. */
export const waitableClock = (now: Clock = systemClock()): WaitableClock => ({
  now,
  until: (micros, cancel) => {
    const millis = Math.ceil((micros - now()) / 1000)
    if (millis <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, Math.min(millis, 2 ** 31 - 1))
      void cancel.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  },
})

/** A clock that stands still until it is told to move: for tests and the simulator. */
export class ManualClock implements WaitableClock {
  #micros: number
  #waiters: { readonly micros: number; readonly resolve: () => void }[] = []

  constructor(startMillis = 0) {
    this.#micros = startMillis * 1000
  }

  readonly now: Clock = () => this.#micros

  advance(millis: number): void {
    this.#micros += millis * 1000
    const due = this.#waiters.filter(waiter => waiter.micros <= this.#micros)
    this.#waiters = this.#waiters.filter(waiter => waiter.micros > this.#micros)
    for (const waiter of due) waiter.resolve()
  }

  /** How many wait for a later time. */
  get waiting(): number {
    return this.#waiters.length
  }

  until(micros: number, cancel: Promise<void>): Promise<void> {
    if (micros <= this.#micros) return Promise.resolve()
    return new Promise(resolve => {
      const waiter = { micros, resolve }
      this.#waiters.push(waiter)
      void cancel.then(() => {
        this.#waiters = this.#waiters.filter(other => other !== waiter)
        resolve()
      })
    })
  }
}
