import { type Doorbell, IdleStrategy, type IdleStrategyName } from 'native-free-buffers'
import type { Task } from './task.ts'

/** How long a turn may keep the event loop waiting while there is work, in ms. */
const SLICE_MILLIS = 0.5
/** Sleep when nothing is under way; a doorbell or a wake ends it early. */
const LONG_SLEEP_MILLIS = 20
/** Sleep while something asynchronous is under way, or a source goes by the clock. */
const SHORT_SLEEP_MILLIS = 1
const ADAPTIVE_TURNS = 30
/** How often `runNow` goes round: other sources may have rows without end. */
const MOST_ROUNDS = 64

export interface HostOptions {
  readonly idle: IdleStrategyName
  readonly bell: Doorbell
  /** True if some task must be polled by the clock. */
  readonly timed: boolean
}

/**
 * Runs tasks on a thread whose event loop must live: sockets, files, timers and messages get their turn between slices of work. While hot
 * it goes on by setImmediate; without work it sleeps until its doorbell rings, something calls `wake`, or a bounded time is over.
 */
export class EventLoopHost {
  readonly tasks: readonly Task[]
  readonly #only: Task | null
  readonly #options: HostOptions
  readonly #idle: IdleStrategy
  #resolve: () => void = () => {}
  #wakeSleeper: (() => void) | null = null
  #stopped = false
  #isStepping = false
  #finished = false

  constructor(tasks: readonly Task[], options: HostOptions) {
    this.tasks = tasks
    this.#only = tasks.length === 1 ? tasks[0] : null
    this.#options = options
    this.#idle = new IdleStrategy(options.idle, ADAPTIVE_TURNS)
  }

  /** Resolves when every task is done, or after `stop`. */
  run(): Promise<void> {
    return new Promise(resolve => {
      this.#resolve = resolve
      setImmediate(this.#turn)
    })
  }

  /** Ends the sleep, if the host sleeps. */
  readonly wake = (): void => {
    this.#wakeSleeper?.()
  }

  /** Leaves the tasks as they are. */
  stop(): void {
    this.#stopped = true
    this.wake()
  }

  /**
   * Runs all tasks until none has work, within bounds: a row that this thread pushes has gone through them when `push` returns. From inside
   * a task (a callback that pushes) it does nothing: the loop that runs the task goes on to what was pushed.
   */
  readonly runNow = (): void => {
    if (this.#stopped || this.#isStepping) return
    // Where there is but one task, what it has not done is known without a second look.
    const only = this.#only
    for (let round = 0; round < MOST_ROUNDS; round++) if (!this.#stepAll() || only?.hasMore === false) return
    this.wake()
  }

  /**
   * Runs one row through the only task, if it has nothing else to do; what comes of that (rows that callbacks pushed, a watermark) as
   * `runNow` does. False: the row was not taken, from inside a task above all, as the loop that runs the task goes on.
   */
  readonly runRow = (row: Record<string, unknown>): boolean => {
    const only = this.#only
    if (only === null || this.#stopped || this.#isStepping) return false
    this.#isStepping = true
    const taken = only.runRow(row)
    this.#isStepping = false
    if (taken && only.hasMore) this.runNow()
    return taken
  }

  /**
   * Runs all tasks for a slice at most, for a source or sink to which something has come by the event loop: it need not wait for this
   * host's next turn, nor this host wake up. From inside a task it does nothing, as the loop that runs the task goes on.
   */
  readonly runSlice = (): void => {
    if (this.#stopped || this.#isStepping) return
    if (this.#slice() === 'busy') this.wake()
  }

  readonly #turn = (): void => {
    if (this.#stopped) {
      this.#finish()
      return
    }
    const progressed = this.#slice() !== 'idle'
    if (this.tasks.every(task => task.isDone)) this.#finish()
    else if (this.#idle.shouldSleep(progressed)) void this.#sleep()
    else setImmediate(this.#turn)
  }

  /** `busy`: there is more to do. */
  #slice(): 'idle' | 'progressed' | 'busy' {
    const until = performance.now() + SLICE_MILLIS
    let progressed = false
    while (this.#stepAll()) {
      progressed = true
      if (performance.now() > until) return 'busy'
    }
    return progressed ? 'progressed' : 'idle'
  }

  #stepAll(): boolean {
    let progressed = false
    this.#isStepping = true
    // By index: this runs for every row that is pushed.
    for (let i = 0; i < this.tasks.length; i++) if (this.tasks[i].step() === 'progressed') progressed = true
    this.#isStepping = false
    return progressed
  }

  async #sleep(): Promise<void> {
    const woken = new Promise<void>(resolve => {
      this.#wakeSleeper = resolve
    })
    const isShort = this.#options.timed || this.tasks.some(task => task.isWaiting)
    await Promise.race([this.#options.bell.parkAsync(isShort ? SHORT_SLEEP_MILLIS : LONG_SLEEP_MILLIS, () => this.#stepAll()), woken])
    this.#wakeSleeper = null
    this.#turn()
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#resolve()
  }
}
