/** Random numbers from a seed, for tests that must run again the same way. */
export interface SeededRandom {
  /** 0 ≤ x < 1 */
  next(): number
  /** An integer, 0 ≤ n < limit. */
  below(limit: number): number
  pick<T>(items: readonly T[]): T
}

/** mulberry32. */
export const seededRandom = (seed: number): SeededRandom => {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { next, below, pick: items => items[below(items.length)] }
}
