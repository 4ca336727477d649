/** Sorts numbers by a comparison, in steps of bounded length: what is equal keeps its order. */
export class MergeSort {
  #from: Int32Array
  #to: Int32Array
  readonly #compare: (a: number, b: number) => number
  /** Runs of this length are in order. */
  #width = 1
  /** The pair of runs at hand: what is left of each, and where its merged run goes. */
  #left = 0
  #middle = 0
  #right = 0
  #end = 0
  #out = 0

  constructor(items: Int32Array, compare: (a: number, b: number) => number) {
    this.#from = items
    this.#to = new Int32Array(items.length)
    this.#compare = compare
  }

  /** The items, in order once `step` has said true. */
  get items(): Int32Array {
    return this.#from
  }

  /** Places at most `budget` items. False: call again. */
  step(budget: number): boolean {
    const { length } = this.#from
    for (let spent = 0; this.#width < length; ) {
      if (this.#out === length) {
        const sorted = this.#to
        this.#to = this.#from
        this.#from = sorted
        this.#width *= 2
        this.#out = this.#end = 0
        continue
      }
      if (this.#out === this.#end) this.#nextPair()
      const most = Math.min(this.#end, this.#out + budget - spent)
      if (most === this.#out) return false
      spent += most - this.#out
      this.#merge(most)
    }
    return true
  }

  #nextPair(): void {
    const { length } = this.#from
    this.#left = this.#out
    this.#middle = this.#right = Math.min(length, this.#out + this.#width)
    this.#end = Math.min(length, this.#middle + this.#width)
  }

  #merge(most: number): void {
    const [from, to, compare, middle, end] = [this.#from, this.#to, this.#compare, this.#middle, this.#end]
    let [left, right] = [this.#left, this.#right]
    for (let out = this.#out; out < most; out++) {
      const takesLeft = right === end || (left < middle && compare(from[left], from[right]) <= 0)
      to[out] = takesLeft ? from[left++] : from[right++]
    }
    this.#left = left
    this.#right = right
    this.#out = most
  }
}
