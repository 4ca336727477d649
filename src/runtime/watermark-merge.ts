/**
 * The watermark of a task is the least of its inputs'. Inputs that have none are left out from the start; an idle one (NaN) does not count
 * until it speaks again. Never goes back.
 */
export class WatermarkMerge {
  readonly #millis: Float64Array
  readonly #counts: readonly boolean[]
  #current = Number.NEGATIVE_INFINITY

  /** `counts[i]`: input i has a watermark operator above it. */
  constructor(counts: readonly boolean[]) {
    this.#counts = counts
    this.#millis = new Float64Array(counts.length).fill(Number.NEGATIVE_INFINITY)
  }

  get current(): number {
    return this.#current
  }

  /** True if any input has a watermark at all. */
  get any(): boolean {
    return this.#counts.includes(true)
  }

  /** Notes what an input says and returns the merged watermark. */
  update(input: number, millis: number): number {
    this.#millis[input] = millis
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#millis.length; i++) {
      const m = this.#millis[i]
      if (this.#counts[i] && m < least) least = m
    }
    if (least !== Number.POSITIVE_INFINITY && least > this.#current) this.#current = least
    return this.#current
  }
}
