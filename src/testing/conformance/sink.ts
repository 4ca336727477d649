import { corpusValue } from './compare.ts'

type Cells = readonly unknown[]

/** What the sink of a case has received, by epoch, and how far the expectations have looked. It is a `foreach` writer. */
export class Recorder {
  readonly #complete: boolean
  #all: Cells[] = []
  #seen = 0
  /** Rows of each epoch since the query was last started. */
  batches: Cells[][] = []
  /** Rows of the last epoch that closed. */
  last: Cells[] = []
  #open: Cells[] = []
  #isOpen = false

  constructor(complete: boolean) {
    this.#complete = complete
  }

  open(): boolean {
    this.#open = []
    this.#isOpen = true
    return true
  }

  process(row: Record<string, unknown>): void {
    const cells = Object.values(row).map(corpusValue)
    this.#open.push(cells)
    if (!this.#complete) this.#all.push(cells)
  }

  close(error: unknown): void {
    if (error !== null && error !== undefined) return
    if (!this.#isOpen) return
    this.#isOpen = false
    this.last = this.#open
    this.batches.push(this.#open)
    this.#open = []
  }

  /** Everything emitted so far; in complete mode the latest result. */
  all(): readonly Cells[] {
    return this.#complete ? this.last : this.#all
  }

  /** What came since the last look; in complete mode the latest result. */
  fresh(): readonly Cells[] {
    return this.#complete ? this.last : this.#all.slice(this.#seen)
  }

  looked(): void {
    this.#seen = this.#all.length
  }

  /** What a far-future row made is nobody's expectation. */
  forget(isForgotten: (row: Cells) => boolean): void {
    const before = this.#all.slice(0, this.#seen).filter(row => !isForgotten(row))
    this.#all = [...before, ...this.#all.slice(this.#seen).filter(row => !isForgotten(row))]
    this.#seen = before.length
    this.last = this.last.filter(row => !isForgotten(row))
  }

  clear(): void {
    this.#all = []
    this.#seen = 0
    this.last = []
  }

  started(): void {
    this.batches = []
  }
}
