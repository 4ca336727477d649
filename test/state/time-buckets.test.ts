import { describe, expect, test } from 'vitest'
import { TimeBuckets } from '../../src/state/time-buckets.ts'
import { seededRandom, seeds } from '../support/random.ts'

// Goal: buckets come out by time, each with all of its handles. Method: random adds and takes against a sorted model; the caller's links
// are a Map here.

describe.each(seeds(20))('seed %i', seed => {
  test('buckets come in order of their ends, with every handle once', () => {
    const random = seededRandom(seed)
    const buckets = new TimeBuckets()
    const next = new Map<number, number>()
    const model = new Map<number, Set<number>>()
    const ends = Array.from({ length: random.pick([3, 200]) }, () =>
      random.pick([random.below(50) * 1000 - 25_000, random.below(1e6) / 7, 1.7e12 + random.below(5) * 100, Number.POSITIVE_INFINITY]),
    )
    for (let handle = 1; handle < 3000; handle++) {
      if (random.below(20) > 0) {
        const end = random.pick(ends)
        next.set(handle, buckets.add(end, handle))
        model.set(end, (model.get(end) ?? new Set()).add(handle))
      } else if (!buckets.isEmpty) {
        const least = Math.min(...model.keys())
        expect(buckets.least()).toBe(least)
        const found = new Set<number>()
        for (let h = buckets.take(); h !== 0; h = next.get(h) ?? 0) found.add(h)
        expect(found).toEqual(model.get(least))
        model.delete(least)
      }
      expect(buckets.isEmpty).toBe(model.size === 0)
    }
  })
})

describe('time buckets', () => {
  test('an end that was taken begins anew', () => {
    const buckets = new TimeBuckets()
    expect(buckets.add(5, 1)).toBe(0)
    expect(buckets.add(5, 2)).toBe(1)
    expect(buckets.take()).toBe(2)
    expect(buckets.add(5, 3)).toBe(0)
    expect(buckets.take()).toBe(3)
    expect(buckets.least()).toBe(Number.POSITIVE_INFINITY)
  })

  test('clear forgets everything', () => {
    const buckets = new TimeBuckets()
    buckets.add(1, 1)
    buckets.clear()
    expect(buckets.isEmpty).toBe(true)
    expect(buckets.add(1, 2)).toBe(0)
  })
})
