/** How several watermarks make one: the least, as Spark's default, or the largest. */
export type WatermarkPolicy = 'min' | 'max'

/**
 * The watermark of a task is the least of its inputs', or the largest by the other policy. Inputs that have none are left out from the
 * start; an idle one (NaN) does not count until it speaks again. Never goes back.
 */
export class WatermarkMerge {
  readonly #millis: Float64Array
  readonly #counts: readonly boolean[]
  readonly #policy: WatermarkPolicy
  #current = Number.NEGATIVE_INFINITY

  /** `counts[i]`: input i has a watermark operator above it. */
  constructor(counts: readonly boolean[], policy: WatermarkPolicy) {
    this.#policy = policy
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
    const isMin = this.#policy === 'min'
    let merged = isMin ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    for (let i = 0; i < this.#millis.length; i++) {
      const m = this.#millis[i]
      if (this.#counts[i] && (isMin ? m < merged : m > merged)) merged = m
    }
    if (merged !== Number.POSITIVE_INFINITY && merged > this.#current) this.#current = merged
    return this.#current
  }
}
