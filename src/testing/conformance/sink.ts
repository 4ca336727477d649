import { corpusValue } from './compare.ts'

type Cells = readonly unknown[]

/**
 * What the sink of a case has received, by epoch, and how far the expectations have looked. It is a `foreach` writer, and idempotent as one
 * should be: rows of an epoch that comes again replace those of the time before.
 */
export class Recorder {
  readonly #complete: boolean
  #all: { readonly epoch: number; readonly cells: Cells }[] = []
  #seen = 0
  /** Rows of each epoch since the query was last started. */
  batches: Cells[][] = []
  /** Rows of the last epoch that closed. */
  last: Cells[] = []
  #open: Cells[] = []
  #isOpen = false
  #epoch = -1
  #isForgotten: (row: Cells) => boolean = () => false

  constructor(complete: boolean) {
    this.#complete = complete
  }

  open(epoch: number): boolean {
    this.#open = []
    this.#isOpen = true
    this.#epoch = epoch
    this.#keep(row => row.epoch !== epoch)
    return true
  }

  process(row: Record<string, unknown>): void {
    const cells = Object.values(row).map(corpusValue)
    if (this.#isForgotten(cells)) return
    this.#open.push(cells)
    if (!this.#complete) this.#all.push({ epoch: this.#epoch, cells })
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
    return this.#complete ? this.last : this.#all.map(({ cells }) => cells)
  }

  /** What came since the last look; in complete mode the latest result. */
  fresh(): readonly Cells[] {
    return this.#complete ? this.last : this.all().slice(this.#seen)
  }

  looked(): void {
    this.#seen = this.#all.length
  }

  /** What a far-future row made is nobody's expectation, nor is what it makes from now on. */
  forget(isForgotten: (row: Cells) => boolean): void {
    this.#isForgotten = isForgotten
    this.#keep(({ cells }) => !isForgotten(cells))
    this.last = this.last.filter(row => !isForgotten(row))
  }

  clear(): void {
    this.#all = []
    this.#seen = 0
    this.last = []
  }

  /** `isNew`: on a new checkpoint, where epochs are counted anew. */
  started(isNew: boolean): void {
    this.batches = []
    if (isNew) this.#all = this.#all.map(row => ({ ...row, epoch: -1 }))
  }

  #keep(isKept: (row: { readonly epoch: number; readonly cells: Cells }) => boolean): void {
    const seen = this.#all.slice(0, this.#seen).filter(isKept)
    this.#all = [...seen, ...this.#all.slice(this.#seen).filter(isKept)]
    this.#seen = seen.length
  }
}
