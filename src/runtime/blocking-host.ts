import { type Doorbell, IdleStrategy, type IdleStrategyName } from 'native-free-buffers'
import type { Task } from './task.ts'

/** Sleep when nothing is under way; the doorbell ends it early. */
const LONG_SLEEP_MILLIS = 20
/** Sleep while a source must be asked by the clock. */
const SHORT_SLEEP_MILLIS = 1
/** Fruitless turns before an adaptive host sleeps: some 100 µs, a little more than a sleep and a wake-up cost. */
const ADAPTIVE_TURNS = 4000
/** Turns between two looks for messages while there is work. Looking costs about a micro. */
const TURNS_PER_LOOK = 256

export interface BlockingOptions {
  readonly idle: IdleStrategyName
  readonly bell: Doorbell
  /** True if some task must be polled by the clock. */
  readonly timed: boolean
  /** Takes what the coordinator has said, if anything. False: stop, leaving the tasks as they are. */
  readonly receive: () => boolean
}

/**
 * Runs tasks on a thread that belongs to them alone: no event loop turns while it runs. Without work it spins, or parks on its doorbell;
 * the coordinator rings that too when it has sent a message.
 */
export class BlockingHost {
  readonly tasks: readonly Task[]
  readonly #options: BlockingOptions
  readonly #idle: IdleStrategy

  constructor(tasks: readonly Task[], options: BlockingOptions) {
    this.tasks = tasks
    this.#options = options
    this.#idle = new IdleStrategy(options.idle, ADAPTIVE_TURNS)
  }

  /** Blocks until every task is done, or until it is told to stop. */
  run(): void {
    const { bell, receive, timed } = this.#options
    let isStopped = false
    // Also the last look before the sleep: a message that came after it finds the bell set to parked and rings it.
    const look = (): boolean => {
      isStopped = !receive() || this.#allDone()
      return isStopped || this.#stepAll()
    }
    for (let sinceLook = 0; !isStopped; ) {
      const progressed = this.#stepAll()
      if (++sinceLook >= TURNS_PER_LOOK) {
        sinceLook = 0
        look()
      } else if (this.#idle.shouldSleep(progressed)) {
        bell.park(timed || this.#anyWaiting() ? SHORT_SLEEP_MILLIS : LONG_SLEEP_MILLIS, look)
      }
    }
  }

  #anyWaiting(): boolean {
    for (let i = 0; i < this.tasks.length; i++) if (this.tasks[i].isWaiting) return true
    return false
  }

  #allDone(): boolean {
    return this.tasks.every(task => task.isDone)
  }

  #stepAll(): boolean {
    let progressed = false
    // By index: an iterator is garbage.
    for (let i = 0; i < this.tasks.length; i++) if (this.tasks[i].step() === 'progressed') progressed = true
    return progressed
  }
}
