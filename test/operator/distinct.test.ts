import { describe, expect, test } from 'vitest'
import type { EpochMode } from '../../src/operator/epoch-policy.ts'
import type { OutputMode } from '../../src/plan/logical-plan.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { runScenario, undisturbed } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, groupBy, lit, source, watermark, window } from '../support/plans.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { cutRandomly, eventSchema, randomEvents, START } from './events.ts'

// Goal: aggregates of distinct values count each value once a group, in every mode. Method: random rows, none late, against sets in plain
// JavaScript; and what is left in state when all windows are over.

const SIZE = 2000
const SLIDE = 1000

const planOf = (streaming: boolean) =>
  groupBy(
    watermark(source(eventSchema, streaming), 'at', 5000),
    [window('at', SIZE, SLIDE)],
    [
      as(agg('count', col('key'), { distinct: true }), 'keys'),
      as(agg('count', col('x'), { distinct: true }), 'xs'),
      as(agg('sum', col('n'), { distinct: true, filter: call('>', col('n'), lit(0)) }), 'sum'),
      as({ kind: 'aggregate', name: 'count', args: [col('flag'), col('day')], distinct: true, filter: null, ignoreNulls: false }, 'pairs'),
      as(agg('count'), 'rows'),
    ],
  )

const expectedOf = (rows: readonly UserRow[]): Map<number, unknown> => {
  const windows = new Map<number, UserRow[]>()
  for (const row of rows) {
    if (row.at === null) continue
    const last = Math.floor(Number(row.at) / SLIDE) * SLIDE
    for (const start of [last, last - SLIDE]) windows.set(start, [...(windows.get(start) ?? []), row])
  }
  const some = (values: readonly unknown[]): Set<string> =>
    new Set(values.filter(value => value !== null).map(value => String(value === 0 ? 0 : value)))
  const totals = (inside: readonly UserRow[]) => {
    const positive = new Set(inside.map(({ n }) => Number(n)).filter(n => n > 0))
    const pairs = inside.filter(({ flag, day }) => flag !== null && day !== null)
    return {
      keys: some(inside.map(({ key }) => key)).size,
      xs: some(inside.map(({ x }) => x)).size,
      sum: positive.size === 0 ? null : [...positive].reduce((a, b) => a + b),
      pairs: new Set(pairs.map(({ flag, day }) => `${flag} ${Number(day)}`)).size,
      rows: inside.length,
    }
  }
  return new Map([...windows].map(([start, inside]) => [start, totals(inside)]))
}

/** The last totals of each window. */
const lastOf = (rows: readonly UserRow[]): Map<number, unknown> =>
  new Map(
    rows.map(({ window: of, keys, xs, sum, pairs, rows: count }) => [
      Number((of as { start: Date }).start),
      { keys: Number(keys), xs: Number(xs), sum: sum === null ? null : Number(sum), pairs: Number(pairs), rows: Number(count) },
    ]),
  )

describe.each(seeds(15))('seed %i', seed => {
  test.each<[OutputMode, EpochMode]>([
    ['append', 'batch'],
    ['append', 'microBatch'],
    ['append', 'realTime'],
    ['update', 'microBatch'],
    ['update', 'realTime'],
    ['complete', 'microBatch'],
    ['complete', 'realTime'],
  ])('%s, %s', (outputMode, mode) => {
    const random = seededRandom(seed)
    const rows = randomEvents(random, 80, { disorder: 4000, keys: 5 })
    const expected = expectedOf(rows)
    // Closes all windows; its own stay open.
    const closing: UserRow = { ...rows[0], at: new Date(START + 1e9) }
    const parts = mode === 'batch' ? [rows] : [...cutRandomly(random, rows, 4), [closing], []]
    const results = runScenario(
      { plan: planOf(mode !== 'batch'), outputMode, epochs: parts.map(part => ({ mode, rows: part })) },
      { ...undisturbed, burstRows: mode === 'realTime' ? 1 : 1024, restores: random.below(2) === 0 },
    )
    const found = lastOf(results.flatMap(result => result.rows))
    for (const start of found.keys()) if (start > START + 1e8) found.delete(start)
    expect(found).toEqual(expected)
    // Two windows of the row that closes the others, and what is distinct in each.
    if (mode !== 'batch' && outputMode !== 'complete') expect(results.at(-1)?.stateRows).toBeLessThanOrEqual(2 * 5)
  })
})
