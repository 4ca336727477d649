import { assert } from './assert.ts'

const AWAKE = 0
const PARKED = 1

/** What a doorbell should be given, though it needs but a word: a cache line of its own. */
export const DOORBELL_BYTES = 128

/**
 * One futex word, for one sleeper. A producer that has published something rings; that costs one atomic load unless the sleeper has said
 * that it sleeps. Every sleep is bounded, so a missed ring costs time and never a hang.
 *
 * The sleeper says PARKED first and looks for work after: had a producer published before that, the look finds it; had it published later,
 * its ring sees PARKED.
 */
export class Doorbell {
  readonly #word: Int32Array
  readonly #index: number

  /** `offset` is in bytes, a multiple of 4. The buffer must be shared for `park` to work. */
  constructor(buffer: ArrayBufferLike, offset: number) {
    assert(offset % 4 === 0, `a doorbell at ${offset}: expected a multiple of 4`)
    this.#word = new Int32Array(buffer)
    this.#index = offset >> 2
  }

  /** Wakes the sleeper if it sleeps. Never blocks. */
  ring(): void {
    if (Atomics.load(this.#word, this.#index) === PARKED) {
      Atomics.store(this.#word, this.#index, AWAKE)
      Atomics.notify(this.#word, this.#index)
    }
  }

  /** Sleeps on the futex, event loop and all, unless `hasWork` finds something after PARKED is set. At most `millis`. */
  park(millis: number, hasWork: () => boolean): void {
    Atomics.store(this.#word, this.#index, PARKED)
    if (!hasWork()) Atomics.wait(this.#word, this.#index, PARKED, millis)
    Atomics.store(this.#word, this.#index, AWAKE)
  }

  /** The same for a thread whose event loop must run. Resolves when rung or after `millis`; keeps the process alive meanwhile. */
  async parkAsync(millis: number, hasWork: () => boolean): Promise<void> {
    Atomics.store(this.#word, this.#index, PARKED)
    if (!hasWork()) {
      const waiting = Atomics.waitAsync(this.#word, this.#index, PARKED, millis)
      if (waiting.async) {
        // waitAsync alone does not keep the process alive; a timer does, and bounds the wait as well.
        let timer: NodeJS.Timeout | undefined
        const timeout = new Promise<void>(resolve => {
          timer = setTimeout(resolve, millis)
        })
        await Promise.race([waiting.value, timeout])
        clearTimeout(timer)
      }
    }
    Atomics.store(this.#word, this.#index, AWAKE)
    // A waiter that lost the race to the timer is still registered; wake it, or it would linger until its own time-out.
    Atomics.notify(this.#word, this.#index)
  }
}
