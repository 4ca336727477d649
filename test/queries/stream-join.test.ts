import { test } from 'vitest'
import { col, count, type DataFrame, timestampAdd, window } from '../../src/index.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { END, type Event, masters, runTwoStreams } from './two-streams.ts'

// Goal: a join of two streams gives what the same rows give when all of them are there at once, however they come: in any mode, on any
// number of workers, stopped and started again, with and without partners. Method: random rows of two sides against two loops of plain
// JavaScript. No row is late, so the answer is exact.

type Type = 'inner' | 'leftOuter' | 'rightOuter' | 'fullOuter' | 'leftSemi'

/** How rows find each other: in code, and in the query. */
interface Rule {
  readonly name: string
  readonly pairs: (l: Event, r: Event) => boolean
  readonly join: (left: DataFrame, right: DataFrame, type: Type) => DataFrame
}

const sameKey = col('lKey').equalTo(col('rKey'))
const windowOf = (at: number): number => Math.floor(at / 2000)

const rules: readonly Rule[] = [
  {
    name: 'the same window',
    pairs: (l, r) => l.key !== null && l.key === r.key && windowOf(l.at) === windowOf(r.at),
    join: (left, right, type) => {
      const [l, r] = [left.withColumn('lWindow', window('lAt', '2 seconds')), right.withColumn('rWindow', window('rAt', '2 seconds'))]
      return l.join(r, sameKey.and(col('lWindow').equalTo(col('rWindow'))), type)
    },
  },
  {
    name: 'a span of time, and more',
    pairs: (l, r) =>
      l.key !== null && l.key === r.key && r.at >= l.at - 1500 && r.at < l.at + 2500 && (l.id + r.id) % 3 > 0 && l.id % 5 !== 0,
    join: (left, right, type) =>
      left.join(
        right,
        sameKey
          .and(col('rAt').geq(timestampAdd('MILLISECOND', -1500, 'lAt')))
          .and(col('rAt').lt(timestampAdd('MILLISECOND', 2500, 'lAt')))
          .and(col('lId').plus(col('rId')).mod(3).gt(0))
          // Of one side, so that it moves below the watermark. It must not keep the row that ends the stream from it, whose id is -1.
          .and(col('lId').mod(5).notEqual(0)),
        type,
      ),
  },
  {
    name: 'a key that may be null on both sides',
    pairs: (l, r) => l.key === r.key && Math.abs(l.at - r.at) <= 800,
    join: (left, right, type) => {
      const near = col('lAt').between(timestampAdd('MILLISECOND', -800, 'rAt'), timestampAdd('MILLISECOND', 800, 'rAt'))
      return left.join(right, col('lKey').eqNullSafe(col('rKey')).and(near), type)
    },
  },
]

const expected = (type: Type, rule: Rule, lefts: readonly Event[], rights: readonly Event[]): string[] => {
  const rows: string[] = []
  const text = (l: Event | null, r: Event | null): string => `${l?.id ?? null} ${r?.id ?? null}`
  const matched = new Set<Event>()
  for (const l of lefts) {
    const partners = rights.filter(r => rule.pairs(l, r))
    for (const r of partners) matched.add(r)
    if (type === 'leftSemi') {
      if (partners.length > 0) rows.push(text(l, null))
    } else {
      for (const r of partners) rows.push(text(l, r))
      if (partners.length === 0 && (type === 'leftOuter' || type === 'fullOuter')) rows.push(text(l, null))
    }
  }
  if (type === 'rightOuter' || type === 'fullOuter') for (const r of rights) if (!matched.has(r)) rows.push(text(null, r))
  return rows.sort()
}

const types: readonly Type[] = ['inner', 'leftOuter', 'rightOuter', 'fullOuter', 'leftSemi']

test.each(seeds(10))('rows find their partners, seed %i', async seed => {
  const random = seededRandom(seed)
  const type = types[seed % types.length]
  const rule = random.pick(rules)
  await runTwoStreams({
    seed,
    master: random.pick(masters),
    name: `${type}, ${rule.name}`,
    query: (left, right) => rule.join(left, right, type),
    text: row => {
      const [l, r] = [row.lId ?? null, row.rId ?? null]
      return Number(l) >= 0 && Number(r) >= 0 ? `${l} ${r}` : null
    },
    expected: (lefts, rights) => expected(type, rule, lefts, rights),
  })
})

/** Rows by key and window, as `window key: count`. */
const countWindows = (events: readonly Event[], size: number): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { key, at } of events) {
    const name = `${Math.floor(at / size) * size} ${key}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

const startOf = (value: unknown): number => Number((value as { start: Date }).start)

test.each(seeds(6))('totals of the windows of both sides find each other, seed %i', async seed => {
  const random = seededRandom(seed)
  const type: 'inner' | 'fullOuter' = seed % 2 === 0 ? 'inner' : 'fullOuter'
  const totals = (frame: DataFrame, prefix: string): DataFrame =>
    frame
      .groupBy(window(`${prefix}At`, '2 seconds').alias('window'), col(`${prefix}Key`).alias('key'))
      .agg(count('*').alias(`${prefix}Rows`))
  await runTwoStreams({
    seed,
    master: random.pick(masters),
    name: `totals, ${type}`,
    query: (left, right) => totals(left, 'l').join(totals(right, 'r'), ['window', 'key'], type),
    text: row => (startOf(row.window) >= END - 2000 ? null : `${startOf(row.window)} ${row.key}: ${row.lRows} ${row.rRows}`),
    expected: (lefts, rights) => {
      const [l, r] = [countWindows(lefts, 2000), countWindows(rights, 2000)]
      const isNull = (name: string): boolean => name.endsWith(' null')
      const rows: string[] = []
      for (const [name, rowsOfLeft] of l) {
        const partner = isNull(name) ? undefined : r.get(name)
        if (partner !== undefined || type === 'fullOuter') rows.push(`${name}: ${rowsOfLeft} ${partner ?? null}`)
      }
      if (type === 'fullOuter') {
        for (const [name, rowsOfRight] of r) if (isNull(name) || !l.has(name)) rows.push(`${name}: null ${rowsOfRight}`)
      }
      return rows
    },
  })
})

test.each(seeds(6))('the rows of an outer join are counted by window, seed %i', async seed => {
  const random = seededRandom(seed)
  const rule = rules[1]
  await runTwoStreams({
    seed,
    master: random.pick(masters),
    name: 'outer join, then windows',
    query: (left, right) =>
      rule
        .join(left, right, 'leftOuter')
        .groupBy(window('lAt', '1 second').alias('window'))
        .agg(count('*').alias('rows'), count('rId').alias('pairs')),
    text: row => (startOf(row.window) >= END - 1000 ? null : `${startOf(row.window)}: ${row.rows} ${row.pairs}`),
    expected: (lefts, rights) => {
      const counts = new Map<number, [number, number]>()
      for (const l of lefts) {
        const partners = rights.filter(r => rule.pairs(l, r)).length
        const start = Math.floor(l.at / 1000) * 1000
        const [rows, pairs] = counts.get(start) ?? [0, 0]
        counts.set(start, [rows + Math.max(1, partners), pairs + partners])
      }
      return [...counts].map(([start, [rows, pairs]]) => `${start}: ${rows} ${pairs}`)
    },
  })
})
