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

const { WALKWAY_SEED: only, WALKWAY_SEEDS: many, WALKWAY_FIRST_SEED: first } = process.env

/**
 * The seeds that a random test runs with: `count` of them, from 0 on. `WALKWAY_SEEDS=n` asks for n instead, `WALKWAY_FIRST_SEED=m` for
 * those from m on, `WALKWAY_SEED=s` for one alone, to run a failure again.
 */
export const seeds = (count: number): number[] =>
  only === undefined ? Array.from({ length: Number(many ?? count) }, (_, i) => Number(first ?? 0) + i) : [Number(only)]

/** One seed for a long random test: the one in the environment, else another each time. The test's name or output says which. */
export const anySeed = (): number => Number(only ?? first ?? Math.floor(Math.random() * 2 ** 31))
