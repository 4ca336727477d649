import { HISTOGRAM_BYTES, Histogram } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: quantiles are right within half a bucket. Method: random values over all magnitudes, beside the sorted values themselves.

/** From below a nanosecond to an hour, in micros; sometimes many alike. */
const drawValues = (random: SeededRandom): number[] => {
  const alike = random.pick([0, 0.9])
  const usual = 2 ** (random.below(30) - 5)
  return Array.from({ length: 1 + random.below(3000) }, () => (random.next() < alike ? usual : 2 ** (random.next() * 42 - 10)))
}

const quantileOf = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(sorted.length * q)) - 1]
}

/** Half of a 32nd; below 32 ns half a nanosecond. */
const mustBeNear = (estimate: number, value: number): void => {
  expect(Math.abs(estimate - value), `${estimate} for ${value}`).toBeLessThanOrEqual(value / 64 + 0.0005 + 1e-9)
}

const mustDescribe = (histogram: Histogram, values: readonly number[]): void => {
  for (const q of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) mustBeNear(histogram.percentile(q), quantileOf(values, q))
  const { count, mean, p50, p90, p99, p999, max } = histogram.snapshot()
  const total = values.reduce((sum, value) => sum + value, 0)
  expect([count, max]).toEqual([values.length, Math.max(...values)])
  expect(Math.abs(mean - total / values.length)).toBeLessThan(1e-9 * total)
  expect([p50, p90, p99, p999]).toEqual([0.5, 0.9, 0.99, 0.999].map(q => histogram.percentile(q)))
}

describe.each(seeds(20))('seed %i', seed => {
  test('quantiles are those of the sorted values', () => {
    const values = drawValues(seededRandom(seed))
    const histogram = new Histogram()
    for (const value of values) histogram.record(value)
    mustDescribe(histogram, values)
  })

  test('a merge is as if all had been recorded in one, and so are two views of one place', () => {
    const random = seededRandom(seed)
    const [first, second] = [drawValues(random), drawValues(random)]
    const buffer = new SharedArrayBuffer(2 * HISTOGRAM_BYTES)
    const [a, same, b] = [0, 0, HISTOGRAM_BYTES].map(offset => new Histogram(buffer, offset))
    for (const value of first) random.pick([a, same]).record(value)
    for (const value of second) b.record(value)
    a.merge(b)
    mustDescribe(same, [...first, ...second])
    mustDescribe(b, second)
    same.reset()
    expect(a.snapshot()).toEqual(new Histogram().snapshot())
  })

  test('since a mark, only what came after it counts', () => {
    const random = seededRandom(seed)
    const [before, after] = [drawValues(random), drawValues(random)]
    const histogram = new Histogram()
    for (const value of before) histogram.record(value)
    const mark = histogram.mark()
    for (const value of after) histogram.recordCount(value, 3)
    const { count, p50, p99, max } = histogram.since(mark)
    expect(count).toBe(3 * after.length)
    mustBeNear(p50, quantileOf(after, 0.5))
    mustBeNear(p99, quantileOf(after, 0.99))
    mustBeNear(max, Math.max(...after))
  })
})

test('an empty histogram says 0, and what is beyond its buckets is in the first or the last', () => {
  const histogram = new Histogram()
  expect(histogram.snapshot()).toEqual({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
  for (const value of [0, -1, 1e12]) histogram.record(value)
  expect(histogram.count).toBe(3)
  expect(histogram.percentile(0.5)).toBeLessThan(0.001)
  expect(histogram.percentile(1)).toBeGreaterThan(4e9)
})
