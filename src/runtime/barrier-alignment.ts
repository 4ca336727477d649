/**
 * Which inputs of a task wait at a barrier. An input that has the barrier is not read until all have it; one that has ended counts as
 * having it.
 */
export class BarrierAlignment {
  readonly #waiting: boolean[]
  readonly #ended: boolean[]
  #missing: number

  constructor(inputCount: number) {
    this.#waiting = new Array(inputCount).fill(false)
    this.#ended = new Array(inputCount).fill(false)
    this.#missing = inputCount
  }

  isReadable(input: number): boolean {
    return !this.#waiting[input] && !this.#ended[input]
  }

  /** The input has the barrier. True when all have it. */
  arrive(input: number): boolean {
    if (!this.#waiting[input] && !this.#ended[input]) this.#missing--
    this.#waiting[input] = true
    return this.#missing === 0
  }

  end(input: number): void {
    if (this.#ended[input]) return
    if (!this.#waiting[input]) this.#missing--
    this.#ended[input] = true
  }

  get allEnded(): boolean {
    return this.#ended.every(Boolean)
  }

  /** The epoch is over: every input is read again. */
  release(): void {
    for (let i = 0; i < this.#waiting.length; i++) {
      if (this.#waiting[i] && !this.#ended[i]) this.#missing++
      this.#waiting[i] = false
    }
  }
}
