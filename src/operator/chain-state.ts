import { type RandomSource, XorShiftRandom } from '../base/random.ts'
import type { EpochMode } from './epoch-policy.ts'

/**
 * The numbers that generated code and the task share: watermarks, the mode, the clock. One Float64Array, so that no double is boxed on its
 * way.
 *
 *   0 arrival micros of the record at hand · 1 rows that came in · 2 least arrival of this epoch · 3 rows that went out
 *   4 rows put out since the arrival last changed · 5 that arrival · 6 the least arrival of the last epoch that had rows, 0 if none had
 *   8 + 8 * w: watermark operator w: largest, least, sum and count of the event times of this epoch (micros); largest ever
 */
export const ARRIVAL = 0
export const ROWS_IN = 1
export const EARLIEST = 2
export const ROWS_OUT = 3
export const RUN_COUNT = 4
export const RUN_START = 5
const EPOCH_ARRIVAL = 6
const WATERMARKS = 8
const WATERMARK_STRIDE = 8
export const EVENT_MAX = 0
export const EVENT_MIN = 1
export const EVENT_SUM = 2
export const EVENT_COUNT = 3
export const EVENT_MAX_EVER = 4

export const watermarkRegister = (index: number): number => WATERMARKS + WATERMARK_STRIDE * index

/** What a chain's generated code looks up outside itself. One per task. */
export class ChainState {
  readonly registers: Float64Array
  readonly watermarkCount: number
  mode: EpochMode = 'microBatch'
  batchTimeMicros = 0
  /** True while an output holds rows that it could not pass on. Generated bursts stop at it. */
  outputFull = false
  /** Called by generated code when the arrival of the rows that it puts out changes. */
  onRun: () => void = () => {}
  readonly #clock: () => number
  readonly #partition: number

  constructor(watermarkCount: number, clock: () => number, partition = 0) {
    this.#partition = partition
    this.watermarkCount = watermarkCount
    this.registers = new Float64Array(WATERMARKS + WATERMARK_STRIDE * Math.max(1, watermarkCount))
    this.registers[EARLIEST] = Number.POSITIVE_INFINITY
    this.#clock = clock
    for (let w = 0; w < watermarkCount; w++) {
      this.resetEventTimes(w)
      this.registers[watermarkRegister(w) + EVENT_MAX_EVER] = Number.NEGATIVE_INFINITY
    }
  }

  /** `current_timestamp()`: the clock per row in real time, else the batch's own time. */
  nowMicros(): number {
    return this.mode === 'realTime' ? this.#clock() : this.batchTimeMicros
  }

  /** The rows that follow reached this process at that time. */
  arrive(micros: number): void {
    const { registers } = this
    registers[ARRIVAL] = micros
    if (micros < registers[EARLIEST]) registers[EARLIEST] = micros
  }

  /** A row whose latency is not measured: one of many that came one by one. */
  arriveUnmeasured(): void {
    this.registers[ARRIVAL] = 0
  }

  /**
   * All rows of the epoch are in. What is put out from now on, until the next row comes, was held back for the epoch's end, and counts as
   * having arrived with the oldest row of the epoch; in an epoch without rows, of the last one that had some.
   */
  endArrivals(): void {
    const { registers } = this
    if (registers[EARLIEST] !== Number.POSITIVE_INFINITY) registers[EPOCH_ARRIVAL] = registers[EARLIEST]
    registers[EARLIEST] = Number.POSITIVE_INFINITY
    if (registers[EPOCH_ARRIVAL] > 0) registers[ARRIVAL] = registers[EPOCH_ARRIVAL]
  }

  /** The generator behind one `rand()`; with a seed the same numbers in every run, but others in each partition, as in Spark. */
  random(seed: number | null): RandomSource {
    return new XorShiftRandom(seed === null ? Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) : seed + this.#partition)
  }

  resetEventTimes(index: number): void {
    const at = watermarkRegister(index)
    const { registers } = this
    registers[at + EVENT_MAX] = Number.NEGATIVE_INFINITY
    registers[at + EVENT_MIN] = Number.POSITIVE_INFINITY
    registers[at + EVENT_SUM] = 0
    registers[at + EVENT_COUNT] = 0
  }
}
