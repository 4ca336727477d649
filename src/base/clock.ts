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

/** A clock that stands still until it is told to move: for tests and the simulator. */
export class ManualClock {
  #micros: number

  constructor(startMillis = 0) {
    this.#micros = startMillis * 1000
  }

  readonly now: Clock = () => this.#micros

  advance(millis: number): void {
    this.#micros += millis * 1000
  }
}
