import type { Histogram } from 'native-free-buffers'
import { ARRIVAL, type ChainState, RUN_COUNT, RUN_START } from '../operator/chain-state.ts'

/**
 * Latency of the rows that reach a sink, in micros since their burst arrived in this process: to the moment when the sink got them
 * (processing), and to the moment when it has acknowledged them (end to end). Rows of one burst share their arrival, so the books hold runs
 * of rows, not rows, and the clock is read once per burst.
 *
 * A row that an operator makes of many counts from the row that let it out: in real time the one that changed the group, or that moved the
 * watermark past a window's end; at the end of an epoch, where everything was held back, from the oldest row that the operator's task got
 * in that epoch. So a micro-batch's latencies are how long its first row waited. A row that nothing in this process led to (what is due
 * after a restart) has none.
 */
export class LatencyMeter {
  readonly processing: Histogram
  readonly endToEnd: Histogram
  readonly #clock: () => number
  readonly #state: ChainState
  /** Runs not yet acknowledged: the count of rows at which the run ends, and its arrival. A power of two of them, so that a mask does. */
  #ends: Float64Array = new Float64Array(1024)
  #arrivals: Float64Array = new Float64Array(1024)
  #counts: Float64Array = new Float64Array(1024)
  #head = 0
  #tail = 0
  #offered = 0
  #acknowledged = 0

  constructor(processing: Histogram, endToEnd: Histogram, state: ChainState, clock: () => number) {
    this.processing = processing
    this.endToEnd = endToEnd
    this.#state = state
    this.#clock = clock
    state.onRun = () => this.#closeRun()
  }

  /** Called after each burst: what the chain has put out since the last call has now been handed to the sink. */
  burst(): void {
    const { registers } = this.#state
    // A run without arrival has no latency to note: it goes on until a row with one ends it.
    if (registers[RUN_COUNT] > 0 && registers[RUN_START] !== 0) this.#closeRun()
    if (this.#fresh === this.#tail) return
    let now = 0
    for (; this.#fresh !== this.#tail; this.#fresh = (this.#fresh + 1) & (this.#ends.length - 1)) {
      const arrival = this.#arrivals[this.#fresh]
      if (arrival === 0) continue
      if (now === 0) now = this.#clock()
      this.processing.recordCount(Math.max(0, now - arrival), this.#counts[this.#fresh])
    }
    // A sink that is done with a row when it has got it: one look at the clock does for both.
    this.#settleAt(now)
  }

  /** Rows below `acknowledged` are done. The clock is read only if some are. */
  settle(acknowledged: number): void {
    this.#acknowledged = acknowledged
    this.#settleAt(0)
  }

  /** `now`: the time, if somebody has looked; 0 otherwise. */
  #settleAt(time: number): void {
    let now = time
    while (this.#head !== this.#fresh && this.#ends[this.#head] <= this.#acknowledged) {
      const arrival = this.#arrivals[this.#head]
      if (arrival > 0) {
        if (now === 0) now = this.#clock()
        this.endToEnd.recordCount(Math.max(0, now - arrival), this.#counts[this.#head])
      }
      this.#head = (this.#head + 1) & (this.#ends.length - 1)
    }
  }

  #fresh = 0

  #closeRun(): void {
    const { registers } = this.#state
    const count = registers[RUN_COUNT]
    registers[RUN_COUNT] = 0
    if (count === 0) return
    this.#offered += count
    const next = (this.#tail + 1) & (this.#ends.length - 1)
    if (next === this.#head) this.#grow()
    this.#ends[this.#tail] = this.#offered
    this.#arrivals[this.#tail] = registers[RUN_START]
    this.#counts[this.#tail] = count
    this.#tail = (this.#tail + 1) & (this.#ends.length - 1)
    registers[RUN_START] = registers[ARRIVAL]
  }

  #grow(): void {
    const size = this.#ends.length
    const used = (this.#tail - this.#head + size) % size
    const move = (from: Float64Array): Float64Array => {
      const to = new Float64Array(2 * size)
      for (let i = 0; i < used; i++) to[i] = from[(this.#head + i) % size]
      return to
    }
    const unseen = (this.#tail - this.#fresh + size) % size
    this.#ends = move(this.#ends)
    this.#arrivals = move(this.#arrivals)
    this.#counts = move(this.#counts)
    this.#head = 0
    this.#tail = used
    this.#fresh = used - unseen
  }
}
