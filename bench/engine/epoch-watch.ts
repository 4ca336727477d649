import type { StreamingQuery } from 'walkway'

export type Progress = StreamingQuery['recentProgress'][number]

/**
 * Waits until what the query has told of all its epochs is as it should be, and returns all of that: more than the query itself keeps.
 * Looks every so many millis, which had better be many: each look takes a core from a thread that spins.
 */
export class EpochWatch {
  readonly epochs: Progress[] = []
  readonly #query: StreamingQuery
  readonly #everyMillis: number

  constructor(query: StreamingQuery, everyMillis: number) {
    this.#query = query
    this.#everyMillis = everyMillis
  }

  async until(isEnough: (epochs: readonly Progress[]) => boolean): Promise<void> {
    for (this.#look(); !isEnough(this.epochs); this.#look()) {
      if (this.#query.exception !== null) throw this.#query.exception
      await new Promise(resolve => setTimeout(resolve, this.#everyMillis))
    }
  }

  /** Ends the query. Says in a sentence what is wrong if other rows came out than should have; all, if nothing is said. */
  async stop(isRight = (rowsIn: number, rowsOut: number): boolean => rowsIn === rowsOut): Promise<string | null> {
    await this.#query.stop()
    this.#look()
    const rowsIn = this.epochs.reduce((sum, { numInputRows }) => sum + numInputRows, 0)
    const rowsOut = this.epochs.reduce((sum, { sink }) => sum + sink.numOutputRows, 0)
    return rowsIn > 0 && isRight(rowsIn, rowsOut) ? null : `${rowsIn} rows went in and ${rowsOut} came out`
  }

  #look(): void {
    const last = this.epochs.at(-1)?.batchId ?? -1
    this.epochs.push(...this.#query.recentProgress.filter(({ batchId }) => batchId > last))
  }
}
