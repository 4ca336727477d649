/**
 * The end of something, by which waits for other things are broken off. Unlike a race against a promise that stays pending, which leaves a
 * reaction and a result with it for each race, a wait that is over leaves nothing behind: a query waits several times in each of its
 * epochs, and has epochs for months.
 */
export class Ending {
  readonly #waiting = new Set<(reason: unknown) => void>()
  #ended: { readonly reason: unknown } | null = null

  /** What waits rejects with the reason, and so does what waits later. Only the first call counts. */
  end(reason: unknown): void {
    if (this.#ended !== null) return
    this.#ended = { reason }
    for (const reject of this.#waiting) reject(reason)
    this.#waiting.clear()
  }

  /** What the promise says, or the reason of the end if that comes first; what is settled already is first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      const drop = (): void => void this.#waiting.delete(reject)
      promise.then(resolve, reject).finally(drop)
      const ended = this.#ended
      if (ended !== null) queueMicrotask(() => reject(ended.reason))
    })
  }

  /** For tests: how many waits are under way. */
  get size(): number {
    return this.#waiting.size
  }
}
