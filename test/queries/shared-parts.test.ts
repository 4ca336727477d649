import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DataFrame } from '../../src/api/data-frame.ts'
import { col, count, lit, max, type Row, sum, Trigger, udf, WalkwaySession, window } from '../../src/index.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { within } from '../support/within.ts'

// Goal: a query that uses a part of itself more than once gives what it means, though the part is run once and its source is read once: in
// any mode, stopped and started again on another number of threads. Method: random rows against plain JavaScript over all of them. No row
// is late, so the answer is exact.

interface Event {
  readonly id: number
  readonly key: string | null
  readonly at: number
  readonly v: number
}

/** A query over one stream, and what it gives as lines; null for rows that have to do with the end of the stream. */
interface Shape {
  readonly name: string
  readonly query: (events: DataFrame) => DataFrame
  readonly line: (row: Row) => string | null
  readonly expected: (events: readonly Event[]) => string[]
}

const START = Date.UTC(2024, 0, 1)
const DISORDER = 1000
const END = START + 10_000_000

const windowsOf = (at: number, size: number, slide: number): number[] => {
  const last = Math.floor(at / slide) * slide
  return Array.from({ length: size / slide }, (_, i) => last - i * slide)
}
const startOf = (value: unknown): number => Number((value as { start: Date }).start)

const groups = <K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> => {
  const found = new Map<K, T[]>()
  for (const item of items) found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), item])
  return found
}

/** Rows by key and window of four seconds every two: [key, window, count]. */
const countsOf = (events: readonly Event[]): [string | null, number, number][] => {
  const all = events.flatMap(e => windowsOf(e.at, 4000, 2000).map(start => [e.key, start] as const))
  return [...groups(all, each => JSON.stringify(each))].map(([name, list]) => {
    const [key, start] = JSON.parse(name) as [string | null, number]
    return [key, start, list.length]
  })
}

const counted = (events: DataFrame): DataFrame => events.groupBy('key', window('at', '4 seconds', '2 seconds')).agg(count('*').alias('n'))
const inTime = (start: number, line: string): string | null => (start > END - 10_000 ? null : line)

/** Rows that meet those with an even `v` in their window. */
const pairs = (events: DataFrame): DataFrame => {
  const [left, right] = ['l', 'r'].map(side =>
    events.select(col('id').alias(`${side}Id`), col('key').alias(`${side}Key`), window('at', '2 seconds').alias(`${side}Window`), 'v'),
  )
  return left.select('lId', 'lKey', 'lWindow').join(
    right.filter(col('v').mod(2).equalTo(0)),
    col('lKey')
      .equalTo(col('rKey'))
      .and(col('lWindow').equalTo(col('rWindow'))),
  )
}
const pairsOf = (events: readonly Event[]): [number, number][] =>
  events.flatMap(l =>
    events
      .filter(r => r.v % 2 === 0 && l.key !== null && l.key === r.key && Math.floor(l.at / 2000) === Math.floor(r.at / 2000))
      .map((r): [number, number] => [l.id, r.id]),
  )

const shapes: readonly Shape[] = [
  {
    name: 'a union with itself',
    query: e => e.select('id', lit(0).alias('tag')).union(e.filter(col('v').mod(3).equalTo(0)).select('id', lit(1).alias('tag'))),
    line: row => (Number(row.id) < 0 ? null : `${row.id} ${row.tag}`),
    expected: events => events.flatMap(({ id, v }) => (v % 3 === 0 ? [`${id} 0`, `${id} 1`] : [`${id} 0`])),
  },
  {
    name: 'a join with itself',
    query: pairs,
    line: row => (Number(row.lId) < 0 || Number(row.rId) < 0 ? null : `${row.lId} ${row.rId}`),
    expected: events => pairsOf(events).map(([l, r]) => `${l} ${r}`),
  },
  {
    name: 'a join with itself, twice',
    query: e => {
      const both = pairs(e).select('lId', 'rId')
      return both.withColumn('tag', lit(0)).union(both.filter(col('lId').mod(2).equalTo(1)).withColumn('tag', lit(1)))
    },
    line: row => (Number(row.lId) < 0 || Number(row.rId) < 0 ? null : `${row.lId} ${row.rId} ${row.tag}`),
    expected: events => pairsOf(events).flatMap(([l, r]) => (l % 2 === 1 ? [`${l} ${r} 0`, `${l} ${r} 1`] : [`${l} ${r} 0`])),
  },
  {
    name: 'rows with the largest of their window',
    query: e => {
      const best = e.groupBy(window('at', '2 seconds').alias('w')).agg(max('v').alias('most'))
      const rows = e.select('id', 'v', window('at', '2 seconds').alias('own'))
      return rows.join(
        best,
        col('own')
          .equalTo(col('w'))
          .and(col('v').equalTo(col('most'))),
      )
    },
    line: row => inTime(startOf(row.own), String(row.id)),
    expected: events =>
      [...groups(events, ({ at }) => Math.floor(at / 2000)).values()].flatMap(list => {
        const most = Math.max(...list.map(({ v }) => v))
        return list.filter(({ v }) => v === most).map(({ id }) => String(id))
      }),
  },
  {
    name: 'the largest counts of a window',
    query: e => {
      const all = counted(e)
      const most = all.groupBy(col('window').alias('w')).agg(max('n').alias('most'))
      return all.join(
        most,
        col('window')
          .equalTo(col('w'))
          .and(col('n').geq(col('most'))),
      )
    },
    line: row => inTime(startOf(row.window), `${row.key} ${startOf(row.window)} ${row.n}`),
    expected: events =>
      [...groups(countsOf(events), ([, start]) => start).values()].flatMap(list => {
        const most = Math.max(...list.map(([, , n]) => n))
        return list.filter(([, , n]) => n === most).map(each => each.map(String).join(' '))
      }),
  },
  {
    name: 'totals, three times',
    query: e => {
      const all = counted(e)
      const one = all.select('window', 'key', 'n')
      const two = all.filter(col('n').gt(1)).select('window', lit('many').alias('key'), 'n')
      const three = all.groupBy('window').agg(sum('n').alias('n')).select('window', lit('sum').alias('key'), 'n')
      return one.union(two).union(three)
    },
    line: row => inTime(startOf(row.window), `${row.key} ${startOf(row.window)} ${row.n}`),
    expected: events => {
      const all = countsOf(events)
      const sums = [...groups(all, ([, start]) => start)].map(([start, list]) => `sum ${start} ${list.reduce((s, [, , n]) => s + n, 0)}`)
      return [
        ...all.map(each => each.map(String).join(' ')),
        ...all.filter(([, , n]) => n > 1).map(([, s, n]) => `many ${s} ${n}`),
        ...sums,
      ]
    },
  },
  {
    name: 'the first rows, and what a function makes of them, twice',
    query: e => {
      const double = udf((v: number) => v * 2, 'INT')
      const once = e.dropDuplicates(['v', 'at']).select('at', 'v', double('v').alias('twice'))
      return once.select('at', 'v', lit(0).alias('tag')).union(once.filter(col('twice').gt(20)).select('at', 'twice', lit(1).alias('tag')))
    },
    line: row => (Number(row.v) < 0 || Number(row.at) >= END ? null : `${Number(row.at)} ${row.v} ${row.tag}`),
    expected: events =>
      [...groups(events, ({ v, at }) => `${v} ${at}`).values()].flatMap(([{ v, at }]) =>
        v > 10 ? [`${at} ${v} 0`, `${at} ${2 * v} 1`] : [`${at} ${v} 0`],
      ),
  },
]

const triggers = [Trigger.realTime(10), Trigger.realTime('1 hour'), Trigger.processingTime(0)]
const masters = ['inline', 'local[1]', 'local[2]', 'local[3]']

const eventsAround = (random: SeededRandom, moment: number, first: number): Event[] =>
  Array.from({ length: random.below(12) }, (_, i) => ({
    id: first + i,
    key: random.below(8) === 0 ? null : `key ${random.below(4)}`,
    at: moment - random.below(DISORDER),
    v: random.below(30),
  }))

test.each(seeds(7))('a part that is used again is run once, seed %i', async seed => {
  const random = seededRandom(seed)
  const shape = shapes[seed % shapes.length]
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-shared-'))
  const sessions: WalkwaySession[] = []
  try {
    const open = (): WalkwaySession => {
      const session = WalkwaySession.builder().master(random.pick(masters)).create()
      sessions.push(session)
      return session
    }
    const stream = open().memoryStream('id INT, key STRING, at TIMESTAMP, v INT')
    const found: string[] = []
    const start = () =>
      shape
        .query(new DataFrame(stream.toDF().plan, open()).withWatermark('at', DISORDER))
        .writeStream.option('checkpointLocation', checkpoint)
        .trigger(random.pick(triggers))
        .foreach(row => {
          const line = shape.line(row)
          if (line !== null) found.push(line)
        })
        .start()
    let query = await start()
    const state = (): string => `seed ${seed}, ${shape.name}, ${JSON.stringify(query.status)}`
    const all: Event[] = []
    let read = 0
    const note = (): void => {
      for (const progress of query.recentProgress) {
        expect(progress.sources.length, state()).toBe(1)
        read += progress.numInputRows
      }
    }
    for (let round = 0, moment = START + DISORDER; round < 12; round++, moment += random.below(1500)) {
      const events = eventsAround(random, moment, all.length)
      all.push(...events)
      stream.addData(events.map(each => ({ ...each, at: new Date(each.at) })))
      switch (random.below(4)) {
        case 0:
          await within(query.processAllAvailable(), state)
          break
        case 1:
          query.setTrigger(random.pick(triggers))
          break
        case 2:
          await within(query.stop(), state)
          note()
          query = await start()
          break
        default:
      }
    }
    stream.addData([{ id: -1, key: 'the end', at: new Date(END), v: -1 }])
    await within(query.processAllAvailable(), state)
    const wanted = shape.expected(all).sort()
    // In real time the last watermark may still be on its way when the last row has been dealt with.
    for (let i = 0; i < 600 && found.length < wanted.length; i++) await new Promise(resolve => setTimeout(resolve, 50))
    await within(query.stop(), state)
    note()
    expect(found.sort(), `seed ${seed}, ${shape.name}`).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(0)
    expect(read, `seed ${seed}, rows read`).toBe(all.length + 1)
  } finally {
    for (const session of sessions) await session.stop()
    rmSync(checkpoint, { recursive: true, force: true })
  }
})

/** Five rows fill a ring. */
const LARGE = 200_000

test.each(['inline', 'local[1]', 'local[2]'])('rows of which few fit in a ring go both ways without a deadlock, %s', async master => {
  await using session = WalkwaySession.builder().master(master).create()
  const stream = session.memoryStream('id INT, text STRING')
  const rows = stream.toDF()
  const [left, right] = ['l', 'r'].map(side => rows.select(col('id').alias(`${side}Id`), col('text').alias(`${side}Text`)))
  const totals = right.groupBy('rId', 'rText').agg(count('*').alias('n'))
  const joined = left.join(right, col('lId').equalTo(col('rId'))).select('lId', 'lText', 'rText')
  const found: Row[] = []
  const first = joined.writeStream.trigger(Trigger.availableNow()).foreach(row => {
    found.push({ id: row.lId, same: row.lText === row.rText, length: String(row.lText).length })
  })
  for (let id = 0; id < 60; id++) stream.addData([{ id, text: String(id % 10).repeat(LARGE) }])
  const query = await first.start()
  await within(query.awaitTermination(), () => JSON.stringify(query.status))
  expect(found.sort((a, b) => Number(a.id) - Number(b.id))).toEqual(
    Array.from({ length: 60 }, (_, id) => ({ id, same: true, length: LARGE })),
  )
  // One way is a stage longer than the other, and epochs end all the time.
  let [once, counted] = [0, 0]
  const both = await rows
    .select('id', lit(0).alias('n'))
    .union(totals.select('rId', 'n'))
    .writeStream.outputMode('update')
    .trigger(Trigger.realTime(10))
    .foreach(({ n }) => {
      if (n === 0) once++
      else counted++
    })
    .start()
  await within(both.processAllAvailable(), () => JSON.stringify(both.status))
  await both.stop()
  expect([once, counted]).toEqual([60, 60])
})

test('a checkpoint of a query that read its source twice is refused', async () => {
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-shared-'))
  try {
    await using session = WalkwaySession.builder().master('inline').create()
    const [one, two] = [session.memoryStream('id INT'), session.memoryStream('id INT')]
    const start = (frame: DataFrame) =>
      frame.writeStream
        .option('checkpointLocation', checkpoint)
        .foreach(() => {})
        .start()
    const query = await start(one.toDF().union(two.toDF()))
    one.addData([{ id: 1 }])
    await query.processAllAvailable()
    await query.stop()
    await expect(start(one.toDF().union(one.toDF()))).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPATIBLE' })
  } finally {
    rmSync(checkpoint, { recursive: true, force: true })
  }
})
