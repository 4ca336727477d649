import { describe, expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import { MergeSort } from '../../src/operator/merge-sort.ts'
import type { LogicalPlan } from '../../src/plan/logical-plan.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { runScenario, undisturbed } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, groupBy, lit, source, window } from '../support/plans.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { cutRandomly, eventSchema, randomEvents } from './events.ts'

// Goal: rows come in Spark's order of every type. Method: random rows, sorted by random keys, against a comparison in plain JavaScript;
// once undisturbed, once in tiny steps with an output that is full every other call.

type Order = (a: unknown, b: unknown) => number

const numbers: Order = (a, b) => Number(a) - Number(b)
const digits = (value: unknown): bigint => BigInt(String(value).replace('.', ''))
const bigints =
  (of: (value: unknown) => bigint): Order =>
  (a, b) =>
    of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0
/** NaN is above all other numbers, and −0 is 0. */
const doubles: Order = (a, b) =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : Number(a) - Number(b)

const orders: Record<string, Order> = {
  key: (a, b) => Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))),
  n: numbers,
  big: bigints(value => BigInt(value as number)),
  x: doubles,
  price: bigints(digits),
  huge: bigints(digits),
  flag: numbers,
  day: numbers,
  bytes: (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array),
  at: numbers,
}

interface Key {
  readonly name: string
  readonly ascending: boolean
  readonly nullsFirst: boolean | undefined
}

const sortBy = (child: LogicalPlan, keys: readonly Key[]): LogicalPlan => ({
  kind: 'sort',
  child,
  by: keys.map(({ name, ...key }): Expression => ({ kind: 'sort', child: col(name), ...key })),
})

const compareBy =
  (keys: readonly Key[]) =>
  (a: UserRow, b: UserRow): number => {
    for (const { name, ascending, nullsFirst = ascending } of keys) {
      const [left, right] = [a[name], b[name]]
      if (left === null && right === null) continue
      if (left === null || right === null) return (left === null) === nullsFirst ? -1 : 1
      const order = orders[name](left, right)
      if (order !== 0) return ascending ? order : -order
    }
    return 0
  }

const tiny = { ...undisturbed, oneSlot: true, cursorRows: 1, burstRows: 2, sealRows: 1 }

describe.each(seeds(20))('seed %i', seed => {
  test('a table by random keys: as JavaScript sorts it, and what is equal keeps its order', () => {
    const random = seededRandom(seed)
    const rows = randomEvents(random, random.pick([0, 1, 2, 3, 50, 64, 65]), { disorder: 1000, keys: 3 })
    const keys = Array.from({ length: 1 + random.below(3) }, () => ({
      name: random.pick(Object.keys(orders)),
      ascending: random.below(2) === 0,
      nullsFirst: random.pick([undefined, true, false]),
    }))
    const expected = [...rows].sort(compareBy(keys)).map(({ id }) => id)
    const plan = sortBy(source(eventSchema, false), keys)
    for (const options of [undisturbed, { ...undisturbed, output: 'records' as const }, tiny]) {
      const [{ rows: found }] = runScenario({ plan, outputMode: 'append', epochs: [{ mode: 'batch', rows }] }, options)
      expect(
        found.map(({ id }) => Number(id)),
        JSON.stringify(keys),
      ).toEqual(expected)
    }
  })

  test('totals in complete mode: each result in order, the first of it with a limit', () => {
    const random = seededRandom(seed)
    const rows = randomEvents(random, 60, { disorder: 1000, keys: 12 })
    const parts = cutRandomly(random, rows, 4)
    const totals = groupBy(source(eventSchema), [col('key')], [as(agg('count'), 'rows')])
    const by: Expression[] = [{ kind: 'sort', child: call('%', col('rows'), lit(3)), ascending: false }, col('key')]
    const plan: LogicalPlan = { kind: 'limit', child: { kind: 'sort', child: totals, by }, count: 5 }
    for (const mode of ['microBatch', 'realTime'] as const) {
      for (const options of [undisturbed, { ...tiny, restores: true }]) {
        const results = runScenario({ plan, outputMode: 'complete', epochs: parts.map(part => ({ mode, rows: part })) }, options)
        for (const [i, { rows: found, stateRows }] of results.entries()) {
          const counts = new Map<string | null, number>()
          for (const { key } of parts.slice(0, i + 1).flat()) counts.set(key as string | null, (counts.get(key as string | null) ?? 0) + 1)
          const expected = [...counts]
            .map(([key, n]) => ({ key, rows: n }))
            .sort((a, b) => (b.rows % 3) - (a.rows % 3) || compareBy([{ name: 'key', ascending: true, nullsFirst: undefined }])(a, b))
          expect(found).toEqual(expected.slice(0, 5))
          expect(stateRows).toBe(counts.size)
        }
      }
    }
  })

  test('a merge sort in steps', () => {
    const random = seededRandom(seed)
    const items = Int32Array.from({ length: random.pick([0, 1, 7, 8, 9, 100]) }, () => random.below(1000))
    const expected = [...items].sort((a, b) => (a >> 3) - (b >> 3))
    const sort = new MergeSort(items, (a, b) => (a >> 3) - (b >> 3))
    const budget = 1 + random.below(5)
    let steps = 0
    while (!sort.step(budget)) steps++
    expect([...sort.items]).toEqual(expected)
    // Each step places what it may.
    expect(steps).toBeLessThanOrEqual((items.length * Math.ceil(Math.log2(items.length + 1))) / budget)
  })
})

test('windows are in the order of their start', () => {
  const rows = randomEvents(seededRandom(1), 40, { disorder: 3000, keys: 2 })
  const windows = groupBy(source(eventSchema), [window('at', 1000, 500)], [as(agg('count'), 'rows')])
  const plan: LogicalPlan = { kind: 'sort', child: windows, by: [{ kind: 'sort', child: col('window'), ascending: false }] }
  const [{ rows: found }] = runScenario({ plan, outputMode: 'complete', epochs: [{ mode: 'microBatch', rows }] }, undisturbed)
  const starts = found.map(row => Number((row.window as { start: Date }).start))
  expect(starts.length).toBeGreaterThan(5)
  expect(starts).toEqual([...starts].sort((a, b) => b - a))
})
