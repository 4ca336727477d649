/** Labelled doubles in shared memory, one writer each: 32 bits would overflow within the hour at a million a second. Anybody may read, without a lock. */
export class Counters {
  readonly cells: Float64Array
  readonly #labels: readonly string[]

  /** Eight bytes a label at `offset`; `values` is where the writer adds. */
  constructor(buffer: ArrayBufferLike, offset: number, labels: readonly string[]) {
    this.cells = new Float64Array(buffer, offset, labels.length)
    this.#labels = labels
  }

  /** The index of a label's cell, to be looked up once. Throws for a label that does not exist. */
  index(label: string): number {
    const index = this.#labels.indexOf(label)
    if (index < 0) throw new RangeError(`no counter ${label}: there are ${this.#labels.join(', ')}`)
    return index
  }

  read(): Record<string, number> {
    return Object.fromEntries(this.#labels.map((label, i) => [label, this.cells[i]]))
  }
}
