import { describe, expect, test } from 'vitest'
import type { EpochMode } from '../../src/operator/epoch-policy.ts'
import type { OutputMode } from '../../src/plan/logical-plan.ts'
import { field, structType } from '../../src/record/data-type.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { type EpochResult, rowText, runScenario, undisturbed } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, field as get, groupBy, lit, source, watermark, window } from '../support/plans.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { cutRandomly } from './events.ts'

// Goal: one query, three modes, the same final rows; and where rows are late, exactly those missing that are late by the rule of the mode.
// Method: random events through filter → groupBy(window, key) → aggregates, against a few lines of plain JavaScript that know nothing of
// the engine.

interface Event {
  readonly key: string | null
  readonly n: number | null
  readonly x: number
  readonly at: number
}

interface Query {
  readonly size: number
  readonly slide: number
  readonly start: number
  readonly delay: number
}

const schema = structType([
  field('key', { kind: 'string' }),
  field('n', { kind: 'integer' }),
  field('x', { kind: 'double' }, false),
  field('at', { kind: 'timestamp' }),
])

const planOf = ({ size, slide, start, delay }: Query, streaming: boolean) => {
  const rows = {
    kind: 'filter',
    child: watermark(source(schema, streaming), 'at', delay),
    // What reads the time stays above the watermark.
    condition: call('or', call('<', col('x'), lit(0.9)), call('<', col('at'), col('at'))),
  } as const
  const grouped = groupBy(
    rows,
    [window('at', size, slide, start), col('key')],
    [
      as(agg('count'), 'rows'),
      as(agg('sum', col('n')), 'sum'),
      as(agg('min', col('n')), 'min'),
      as(agg('max', col('n')), 'max'),
      as(agg('avg', col('n')), 'avg'),
      as(agg('sum', col('x')), 'x'),
      as(agg('count', col('n'), { filter: call('>', col('n'), lit(5)) }), 'many'),
    ],
  )
  const columns = [as(get(col('window'), 'start'), 'start'), ...['key', 'rows', 'sum', 'min', 'max', 'avg', 'x', 'many'].map(col)]
  return { kind: 'project', child: grouped, columns } as const
}

/** The groups of some events, each with the events in it. `late` tells for an event and the end of a window whether it is dropped. */
const group = (
  events: readonly Event[],
  { size, slide, start }: Query,
  late: (i: number, end: number) => boolean,
  /** Where late rows of one group count once for each epoch, as they do in micro-batches. */
  epochOf: ((i: number) => number) | null = null,
) => {
  const groups = new Map<string, { start: number; key: string | null; events: Event[] }>()
  let dropped = 0
  const counted = new Set<string>()
  for (const [i, event] of events.entries()) {
    if (event.x >= 0.9) continue
    // Every window start there could be: slow, and plainly right.
    for (let w = Math.floor((event.at - size - slide) / slide) * slide + start; w <= event.at; w += slide) {
      if (event.at >= w + size) continue
      if (late(i, w + size)) {
        const name = JSON.stringify([epochOf?.(i), w, event.key])
        if (epochOf === null || !counted.has(name)) dropped++
        counted.add(name)
        continue
      }
      const name = JSON.stringify([w, event.key])
      const found = groups.get(name) ?? { start: w, key: event.key, events: [] }
      found.events.push(event)
      groups.set(name, found)
    }
  }
  return { groups: [...groups.values()], dropped }
}

const totals = ({ start, key, events }: { start: number; key: string | null; events: readonly Event[] }): UserRow => {
  const ns = events.map(({ n }) => n).filter(n => n !== null)
  const sum = ns.reduce((a, b) => a + b, 0)
  return {
    start: new Date(start),
    key,
    rows: events.length,
    sum: ns.length === 0 ? null : sum,
    min: ns.length === 0 ? null : Math.min(...ns),
    max: ns.length === 0 ? null : Math.max(...ns),
    avg: ns.length === 0 ? null : sum / ns.length,
    // Rounded: in what order doubles are added is no part of the answer.
    x: Number(events.reduce((total, { x }) => total + x, 0).toFixed(9)),
    many: ns.filter(n => n > 5).length,
  }
}

const asText = (rows: readonly UserRow[]): string[] => rows.map(row => rowText({ ...row, x: Number(Number(row.x).toFixed(9)) })).sort()

/** What a reader knows at the end who keeps the last row of each group. */
const lastOfEach = (results: readonly EpochResult[]): UserRow[] => {
  const last = new Map<string, UserRow>()
  for (const row of results.flatMap(({ rows }) => rows)) last.set(rowText({ start: row.start, key: row.key }), row)
  return [...last.values()]
}

const START = Date.UTC(2024, 2, 1)

const randomEvents = (random: SeededRandom, disorder: number): Event[] => {
  let latest = START
  return Array.from({ length: 150 }, () => {
    latest += random.below(120)
    return {
      key: random.pick(['a', 'b', 'c', null]),
      n: random.below(5) === 0 ? null : random.below(20) - 5,
      x: random.next(),
      at: latest - random.below(disorder + 1),
    }
  })
}

const randomQuery = (random: SeededRandom): Query => {
  const slide = random.pick([100, 250, 1000])
  return {
    slide,
    size: slide * random.pick([1, 1, 2, 5]) + random.pick([0, 0, 30]),
    start: random.pick([0, 0, 20, -70]),
    delay: random.pick([0, 300, 2000]),
  }
}

const toRows = (events: readonly Event[]): UserRow[] => events.map(event => ({ ...event, at: new Date(event.at) }))

/** Far enough ahead to close every window; dropped by the filter, but not before the watermark has seen it. */
const closing: Event = { key: null, n: null, x: 0.95, at: START + 1e7 }

const run = (query: Query, outputMode: OutputMode, mode: EpochMode, parts: readonly (readonly Event[])[]): EpochResult[] =>
  runScenario(
    { plan: planOf(query, mode !== 'batch'), outputMode, epochs: parts.map(part => ({ mode, rows: toRows(part) })) },
    { ...undisturbed, burstRows: mode === 'realTime' ? 1 : 1024 },
  )

const never = (): boolean => false

describe.each(seeds(25))('seed %i', seed => {
  test('no row is late: the same final rows in batch, micro-batches and real time', () => {
    const random = seededRandom(seed)
    const query = randomQuery(random)
    // Its window ends after its time, so a row exactly as late as the delay still counts.
    const events = randomEvents(random, query.delay)
    const parts = [...cutRandomly(random, events, 1 + random.below(6)), [closing], []]
    const expected = asText(group(events, query, never).groups.map(totals))
    expect(asText(run(query, 'append', 'batch', [events]).flatMap(({ rows }) => rows))).toEqual(expected)
    for (const mode of ['microBatch', 'realTime'] as const) {
      const appended = run(query, 'append', mode, parts)
      expect(asText(appended.flatMap(({ rows }) => rows)), `append ${mode}`).toEqual(expected)
      expect(appended.reduce((sum, { late }) => sum + late, 0)).toBe(0)
      expect(appended.at(-1)?.stateRows).toBe(0)
      expect(asText(lastOfEach(run(query, 'update', mode, parts))), `update ${mode}`).toEqual(expected)
      expect(asText(run(query, 'complete', mode, parts).at(-1)?.rows ?? []), `complete ${mode}`).toEqual(expected)
    }
  })

  test('rows are late: micro-batches drop what ended before the watermark of the epoch before, real time what has just ended', () => {
    const random = seededRandom(seed + 1000)
    const query = randomQuery(random)
    const events = randomEvents(random, 3 * query.delay + 2000)
    const parts = cutRandomly(random, events, 2 + random.below(6))
    const watermarkAfter = (count: number): number =>
      Math.max(0, Math.max(Number.NEGATIVE_INFINITY, ...events.slice(0, count).map(({ at }) => at)) - query.delay)
    const begins = parts.map((_, k) => parts.slice(0, k).reduce((sum, { length }) => sum + length, 0))
    const epochOf = (i: number): number => begins.findLastIndex(begin => begin <= i)
    const lates = {
      // An epoch runs under the watermark of the one before; what is late is judged by the watermark before that.
      microBatch: (i: number, end: number) => {
        const k = epochOf(i)
        return k >= 2 && end <= watermarkAfter(begins[k - 1])
      },
      realTime: (i: number, end: number) => end <= watermarkAfter(i),
    }
    for (const mode of ['microBatch', 'realTime'] as const) {
      const { groups, dropped } = group(events, query, lates[mode], mode === 'microBatch' ? epochOf : null)
      const expected = asText(groups.map(totals))
      const appended = run(query, 'append', mode, [...parts, [closing], []])
      expect(asText(appended.flatMap(({ rows }) => rows)), `append ${mode}`).toEqual(expected)
      expect(appended.reduce((sum, { late }) => sum + late, 0)).toBe(dropped)
      const updated = run(query, 'update', mode, parts)
      expect(asText(lastOfEach(updated)), `update ${mode}`).toEqual(expected)
      expect(updated.reduce((sum, { late }) => sum + late, 0)).toBe(dropped)
      // Complete mode drops nothing.
      const complete = run(query, 'complete', mode, parts)
      expect(asText(complete.at(-1)?.rows ?? [])).toEqual(asText(group(events, query, never).groups.map(totals)))
    }
  })
})

test('the random events of this file have late ones', () => {
  const random = seededRandom(1000)
  const query = randomQuery(random)
  const events = randomEvents(random, 3 * query.delay + 2000)
  const result = run(query, 'append', 'realTime', [events])
  expect(result[0].late).toBeGreaterThan(0)
})
