import { describe, expect, test } from 'vitest'
import { parseSchema } from '../../src/expression/parse-type.ts'
import { col, count, type DataFrame, sum, window } from '../../src/index.ts'
import { GarbageMeter } from '../../src/testing/bench/garbage.ts'
import { type BenchSpec, bench, benchText, medianOf, spreadOf } from '../../src/testing/bench/index.ts'
import { laterRows } from '../../src/testing/bench/later-rows.ts'

// Goal: the public bench kit measures what it says: all rows, no others, time of the work alone, garbage that is there. How long things
// take is nobody's expectation. Method: programs whose answers are known, and work that allocates a known amount.

const START = Date.UTC(2024, 0, 1)
const rows = Array.from({ length: 600 }, (_, i) => ({ key: `k${i % 7}`, n: i % 100, at: new Date(START + 100 * i) }))

const small: Pick<BenchSpec, 'schema' | 'rows' | 'events' | 'rounds'> = {
  schema: 'key STRING NOT NULL, n INT NOT NULL, at TIMESTAMP NOT NULL',
  rows,
  events: 3000,
  rounds: 3,
}
const half = (events: DataFrame): DataFrame => events.filter(col('n').lt(50))
const counted = (events: DataFrame): DataFrame => half(events).groupBy('key').agg(count('*').alias('rows'))
const windowed = (events: DataFrame): DataFrame =>
  events.withWatermark('at', '1 second').groupBy(window('at', '10 seconds'), 'key').agg(sum('n').alias('total'))

describe('rows out', () => {
  test.each(['records', 'columns', 'objects'] as const)('of a filter, from %s', async input => {
    const result = await bench({ ...small, input, query: half, check: out => expect(out).toHaveLength(300) })
    expect(result.rowsOutPerEvent).toBe(0.5)
  })

  test.each(['records', 'columns', 'objects'] as const)('of an aggregation, from %s, event by event and by epochs', async input => {
    const check = (out: readonly Record<string, unknown>[]): void => {
      const last = new Map(out.map(row => [row.key, row.rows]))
      expect([...last.values()].reduce((sum: number, n) => sum + Number(n), 0)).toBe(300)
    }
    expect((await bench({ ...small, input, query: counted, check })).rowsOutPerEvent).toBe(0.5)
    const inEpochs = await bench({ ...small, input, query: counted, check, mode: 'microBatch' })
    expect(inEpochs.rowsOutPerEvent).toBeCloseTo(7 / 600, 9)
  })

  test.each([
    ['realTime', 'records'],
    ['microBatch', 'records'],
    ['realTime', 'columns'],
  ] as const)('of windows that close, pass for pass, %s, from %s: no row is late', async (mode, input) => {
    // Rows span a minute, so a pass closes six windows of seven keys; they span a little less than the distance of two passes.
    const result = await bench({ ...small, query: windowed, outputMode: 'append', mode, input })
    expect(result.rowsOutPerEvent).toBeGreaterThan((6 * 7 - 7) / 600)
    expect(result.rowsOutPerEvent).toBeLessThan((6 * 7 + 14) / 600)
  })
})

test('costs of both are told, and shown', async () => {
  let calls = 0
  const result = await bench({
    ...small,
    query: counted,
    byHand: given => {
      expect(given).toBe(rows)
      calls++
      return given.filter(({ n }) => Number(n) < 50).length
    },
  })
  expect(calls).toBe((2 + 3) * 5)
  for (const cost of [result.warm, result.byHand]) {
    expect(cost?.nanosPerEvent.median).toBeGreaterThan(0)
    expect(cost?.nanosPerEvent.least).toBeLessThanOrEqual(cost?.nanosPerEvent.most ?? 0)
  }
  expect(result.coldNanosPerEvent).toBeGreaterThan(0)
  expect(result.compileMillis).toBeGreaterThan(0)
  expect(result.codeLength).toBeGreaterThan(500)
  expect(benchText(result)).toMatch(/^warm .*ns an event.*\nby hand .*\ncold .*\ncode \s+\d+ characters/)
})

test('a loop by hand may read columns: those of the schema, all rows, in their order, whatever the query reads', async () => {
  // More rows than a task reads at once, nulls among them.
  const many = Array.from({ length: 2500 }, (_, i) => ({ name: i % 3 === 0 ? null : `name ${i}`, n: i, big: BigInt(i) << 32n }))
  let calls = 0
  const result = await bench({
    schema: 'name STRING, n INT NOT NULL, big BIGINT NOT NULL',
    rows: many,
    input: 'columns',
    events: 2500,
    rounds: 2,
    query: events => events.filter(col('name').isNotNull()).select('n'),
    check: out => expect(out.map(({ n }) => n)).toEqual(many.filter(({ name }) => name !== null).map(({ n }) => n)),
    byHand: (given, columns) => {
      const { page, offsets, lengths, nulls } = columns.bytes(0)
      const decode = (i: number): string => new TextDecoder().decode(page.subarray(offsets[i], offsets[i] + lengths[i]))
      const { values } = columns.numbers(1)
      const { values: bigs } = columns.longs(2)
      expect(given.map((_, i) => ({ name: nulls?.[i] === 1 ? null : decode(i), n: values[i], big: bigs[i] }))).toEqual(many)
      return ++calls
    },
  })
  expect(calls).toBe(2 + 2)
  expect(result.rowsOutPerEvent).toBeCloseTo(1666 / 2500, 9)
})

test('an answer that is wrong, and programs that cannot be measured, are refused', async () => {
  const wrong = bench({
    ...small,
    query: half,
    check: () => {
      throw new Error('wrong')
    },
  })
  await expect(wrong).rejects.toThrow('wrong')
  await expect(bench({ ...small, rows: [], query: half })).rejects.toThrow('needs rows')
  await expect(bench({ ...small, query: events => events.union(events) })).rejects.toThrow('one chain')
  await expect(bench({ ...small, query: events => events.select('nothing') })).rejects.toThrow(/UNRESOLVED_COLUMN/)
})

test('the garbage meter sees what work allocates, and nothing where it allocates nothing', async () => {
  const meter = new GarbageMeter()
  const numbers = new Float64Array(1000)
  const add = (): void => {
    for (let i = 0; i < numbers.length; i++) numbers[i] += i
  }
  const kept: unknown[] = []
  // An array of 100 doubles: 800 bytes, and some for its header.
  const allocate = (): void => {
    kept.length = 0
    for (let i = 0; i < 1000; i++) kept.push(new Array<number>(100).fill(i + 0.5))
  }
  for (let i = 0; i < 50; i++) add()
  for (let i = 0; i < 50; i++) allocate()
  await meter.take()
  for (let i = 0; i < 20; i++) meter.measure(add, 1000)
  expect((await meter.take()).bytesPerEvent).toBeLessThan(2)
  for (let i = 0; i < 200; i++) meter.measure(allocate, 1000)
  const { bytesPerEvent, youngCollections } = await meter.take()
  expect(bytesPerEvent).toBeGreaterThan(750)
  expect(bytesPerEvent).toBeLessThan(1200)
  // 160 MB do not fit into the young generation.
  expect(youngCollections).toBeGreaterThan(0)
  meter.close()
})

test('rows come later from pass to pass by what they span, and nulls stay', () => {
  const later = laterRows(parseSchema('at TIMESTAMP, n INT'), [
    { at: 1000, n: 1 },
    { at: new Date(3000), n: 2 },
    { at: null, n: 3 },
  ])
  const given = [
    { at: 1000, n: 1 },
    { at: null, n: 3 },
  ]
  expect(later(given, 0)).toBe(given)
  expect(later(given, 2)).toEqual([
    { at: 1000 + 2 * 2001, n: 1 },
    { at: null, n: 3 },
  ])
})

test('medians and spreads', () => {
  expect(medianOf([3, 1, 2])).toBe(2)
  expect(medianOf([4, 1, 2, 3])).toBe(2.5)
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
})
