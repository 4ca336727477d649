import type { KeyedStore } from '../state/keyed-store.ts'

/**
 * Empties a store at the end of each epoch, where nothing of an operator outlives it. Whatever the epoch put in is on its list of changes,
 * which is kept for that; the entries' blocks are freed as that list is gone through after the barrier.
 */
export class EpochSweep {
  #cursor = 0

  /** A cursor: true once the store is empty. */
  step(store: KeyedStore, budget: number): boolean {
    const { dirtyCount } = store
    for (let left = budget; this.#cursor < dirtyCount; ) {
      if (left-- <= 0) return false
      const handle = store.dirtyAt(this.#cursor++)
      if (handle !== 0) store.remove(handle)
    }
    this.#cursor = 0
    return true
  }
}
