import type { WaitableClock } from '../base/clock.ts'
import { EngineError } from '../base/errors.ts'
import type { Trigger } from '../plan/logical-plan.ts'
import { Ending } from './ending.ts'

/** Something that others wait for and that happens again and again. A wait that ends otherwise must be dropped: nothing else forgets it. */
export class Signal {
  readonly #waiting = new Set<() => void>()

  wait(): { readonly happened: Promise<void>; drop(): void } {
    let resolve: () => void = () => {}
    const happened = new Promise<void>(done => {
      resolve = done
    })
    this.#waiting.add(resolve)
    return { happened, drop: () => this.#waiting.delete(resolve) }
  }

  get next(): Promise<void> {
    return this.wait().happened
  }

  fire(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}

/** What is asked of a running query from outside — another trigger, a flush, its end — and the waits that this cuts short. */
export class RunControl {
  readonly #clock: WaitableClock
  readonly #interrupted = new Signal()
  #trigger: Trigger
  #stopping = false
  #flushRequests = 0
  /** How many of them the end of a real-time epoch has answered. One that comes between two epochs must not be forgotten. */
  #flushesAnswered = 0
  #inputEnded = false
  readonly #halt = new AbortController()
  /** A stop ends it with QUERY_STOPPED: for what is not to be waited for then. */
  readonly halted = new Ending()

  constructor(clock: WaitableClock, trigger: Trigger) {
    this.#clock = clock
    this.#trigger = trigger
  }

  /** Aborted by a stop. */
  get haltSignal(): AbortSignal {
    return this.#halt.signal
  }

  /** No source has or will ever have another row: nothing is waited for any more. */
  get inputEnded(): boolean {
    return this.#inputEnded
  }

  set inputEnded(ended: boolean) {
    this.#inputEnded = ended
    if (ended) this.#interrupted.fire()
  }

  get trigger(): Trigger {
    return this.#trigger
  }

  set trigger(trigger: Trigger) {
    this.#trigger = trigger
    this.#interrupted.fire()
  }

  get stopping(): boolean {
    return this.#stopping
  }

  stop(): void {
    this.#stopping = true
    this.#halt.abort()
    this.halted.end(new EngineError('QUERY_STOPPED', { what: 'it had ended' }))
    this.#interrupted.fire()
  }

  /** Ends the waits of an attempt that has failed: a timer of theirs would keep the process alive. */
  interrupt(): void {
    this.#interrupted.fire()
  }

  /** Asks that what the sources hold be committed soon, not when the trigger would. */
  flush(): void {
    this.#flushRequests++
    this.#interrupted.fire()
  }

  /** The end of an epoch answers all flushes until now. */
  answerFlushes(): void {
    this.#flushesAnswered = this.#flushRequests
  }

  /**
   * Waits for something, or until enough is asked from outside. Resolves to true if it was not done then: whoever goes on must still await
   * it. Rejects if it does.
   */
  async untilDoneOr(work: Promise<void>, isEnough: () => boolean): Promise<boolean> {
    let isDone = false
    const done = work.then(() => {
      isDone = true
    })
    while (!isDone) {
      if (isEnough()) {
        // Awaited by the caller, perhaps later than it fails.
        done.catch(() => {})
        return true
      }
      const interruption = this.#interrupted.wait()
      try {
        await Promise.race([done, interruption.happened])
      } finally {
        interruption.drop()
      }
    }
    return false
  }

  /** Waits on the query's clock, or until something interrupts. */
  async pause(millis: number): Promise<void> {
    if (!this.#stopping && !this.#inputEnded) await this.#until(this.#clock.now() + millis * 1000)
  }

  /** The same; and not at all if a flush has not been answered. */
  async pauseUnlessFlushed(millis: number): Promise<void> {
    if (this.#flushRequests === this.#flushesAnswered) await this.pause(millis)
  }

  /** The same; and not at all if the trigger is no longer the one under which the wait was decided on. */
  async pauseUnder(trigger: Trigger, millis: number): Promise<void> {
    if (this.#trigger === trigger) await this.pause(millis)
  }

  /** Waits on the query's clock; only a stop ends it early. */
  async sleep(millis: number): Promise<void> {
    for (const until = this.#clock.now() + millis * 1000; !this.#stopping && this.#clock.now() < until; ) await this.#until(until)
  }

  /**
   * Until the next multiple of the interval, as Spark's processing-time trigger has it. A flush is not a reason to run early, but a stop
   * and a new trigger are.
   */
  async pauseUntilNext(intervalMillis: number): Promise<void> {
    const now = this.#clock.now() / 1000
    const next = Math.floor(now / intervalMillis) * intervalMillis + intervalMillis
    const isAsked = (): boolean => this.#trigger.kind === 'processingTime' && this.#trigger.intervalMillis === intervalMillis
    while (!this.#stopping && !this.#inputEnded && this.#clock.now() / 1000 < next && isAsked()) await this.#until(next * 1000)
  }

  async #until(micros: number): Promise<void> {
    const interruption = this.#interrupted.wait()
    try {
      await this.#clock.until(micros, interruption.happened)
    } finally {
      interruption.drop()
    }
  }
}
