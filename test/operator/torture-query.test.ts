import { expect, test } from 'vitest'
import { col, count, struct, sum, toJson, udf, window } from '../../src/index.ts'
import { randomEpochs, tortureQuery } from '../../src/testing/index.ts'
import { seededRandom, seeds } from '../support/random.ts'

// Goal: the public form of the torture kit does with a user's program what the inner one does with plans. Method: a program with a user
// function, a table and windows; what it gives, compared with plain JavaScript; and programs that it must refuse.

const SCHEMA = 'key STRING, n INT, at TIMESTAMP'
const START = Date.UTC(2024, 0, 1)

const eventsOf = (seed: number) => {
  const random = seededRandom(seed)
  return Array.from({ length: 80 }, (_, i) => ({
    key: random.pick(['a', 'b', 'c', null]),
    n: random.below(20) - 5,
    at: new Date(START + 100 * i - random.below(900)),
  }))
}

const square = udf((n: number | null) => (n === null ? null : n * n), 'INT')

test.each(seeds(10))('a program with a user function, a table and windows is the same however it is disturbed (seed %i)', seed => {
  const rows = eventsOf(seed)
  const result = tortureQuery({
    schema: SCHEMA,
    outputMode: 'append',
    epochs: [
      ...randomEpochs(rows, { seed }),
      { mode: 'microBatch', rows: [{ key: 'end', n: 0, at: new Date(START + 1e7) }] },
      { mode: 'microBatch', rows: [] },
    ],
    query: (events, session) =>
      events
        .withWatermark('at', '1 second')
        .join(session.createDataFrame([{ key: 'a' }, { key: 'b' }], 'key STRING'), 'key', 'left_semi')
        .withColumn('square', square(col('n')))
        .groupBy(window('at', '1 second'), 'key')
        .agg(count('*').alias('rows'), sum('square').alias('squares'))
        .select(col('window.start').alias('start'), 'key', toJson(struct('rows', 'squares')).alias('totals')),
  })
  const wanted = new Map<string, { rows: number; squares: number }>()
  for (const { key, n, at } of rows) {
    if (key !== 'a' && key !== 'b') continue
    const id = `${Math.floor(at.getTime() / 1000) * 1000} ${key}`
    const { rows, squares } = wanted.get(id) ?? { rows: 0, squares: 0 }
    wanted.set(id, { rows: rows + 1, squares: squares + n * n })
  }
  const found = result
    .flatMap(({ rows }) => rows)
    .map(row => [`${(row.start as Date).getTime()} ${row.key}`, JSON.parse(String(row.totals))])
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted))
  expect(found).toHaveLength(wanted.size)
})

test('a batch has no watermark and one epoch', () => {
  const rows = eventsOf(1)
  const [result] = tortureQuery({
    schema: SCHEMA,
    outputMode: 'append',
    epochs: [{ mode: 'batch', rows }],
    query: events => events.groupBy('key').count(),
  })
  expect(result.rows.reduce((sum, row) => sum + Number(row.count), 0)).toBe(80)
})

test('a user function that remembers what it saw is found out', () => {
  const program = () =>
    tortureQuery({
      schema: SCHEMA,
      outputMode: 'append',
      epochs: randomEpochs(eventsOf(2), { seed: 2, modes: ['microBatch'] }),
      query: events => events.select(udf(() => (globalThis as unknown as { turn: number }).turn++ % 7, 'INT')().alias('turn')),
    })
  Object.assign(globalThis, { turn: 0 })
  expect(program).toThrow(/epoch \d: missing/)
})

test('a program of several chains is refused', () => {
  const program = () =>
    tortureQuery({
      schema: SCHEMA,
      outputMode: 'append',
      epochs: [{ mode: 'microBatch', rows: [] }],
      query: events => events.dropDuplicates().union(events),
    })
  expect(program).toThrow(/one chain of operators/)
})

test('the same seed cuts the same epochs, and nothing is lost in between', () => {
  const rows = eventsOf(3)
  for (const seed of seeds(20)) {
    const epochs = randomEpochs(rows, { seed })
    expect(epochs.flatMap(epoch => epoch.rows)).toEqual(rows)
    expect(randomEpochs(rows, { seed })).toEqual(epochs)
  }
})
