/** Micros since 1970 as a double, from a clock that does not go back. */
export type Clock = () => number

const monotonicMicros = (): number => {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1e6 + nanos / 1e3
}

/**
 * How far the monotonic clock, which all threads share, is ahead of this thread's `performance.now`: of several looks the one that took the
 * least time.
 */
const monotonicLead = (): number => {
  let lead = 0
  let shortest = Number.POSITIVE_INFINITY
  for (let i = 0; i < 64; i++) {
    const before = monotonicMicros()
    const now = performance.now() * 1000
    const after = monotonicMicros()
    if (after - before >= shortest) continue
    shortest = after - before
    lead = (before + after) / 2 - now
  }
  return lead
}

/** The wall clock at the monotonic clock's zero, in micros: what the threads of a query agree on. */
export const clockBase = (): number => performance.timeOrigin * 1000 - monotonicLead()

/**
 * The platform's clock. Threads that are given the same base agree to a fraction of a micro: `performance.timeOrigin` differs from thread
 * to thread, and follows the wall clock if that is set in between. A call takes some 55 ns; the engine makes one per burst.
 */
export const systemClock = (base = clockBase()): Clock => {
  const originMicros = base + monotonicLead()
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
