import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Column, col, type DataFrame, type Row, Trigger, timestampAdd, WalkwaySession, window } from '../../src/index.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { within } from '../support/within.ts'

// Goal: a join of two streams gives what the same rows give when all of them are there at once, however they come: in any mode, on any
// number of workers, stopped and started again, with and without partners. Method: random rows of two sides against two loops of plain
// JavaScript. No row is late, so the answer is exact.

interface Event {
  readonly id: number
  readonly key: string | null
  readonly at: number
}

type Type = 'inner' | 'leftOuter' | 'rightOuter' | 'fullOuter' | 'leftSemi'

/** How rows find each other: in code, and in the query. */
interface Rule {
  readonly name: string
  readonly pairs: (l: Event, r: Event) => boolean
  readonly join: (left: DataFrame, right: DataFrame, type: Type) => DataFrame
}

const START = Date.UTC(2024, 0, 1)
const DISORDER = 1000
const END = START + 10_000_000
const SCHEMA = 'id INT, key STRING, at TIMESTAMP'
const schemaOf = (prefix: string): Column[] =>
  ['id', 'key', 'at'].map(name => col(name).alias(`${prefix}${name[0].toUpperCase()}${name.slice(1)}`))
const side = (frame: DataFrame, prefix: string): DataFrame => frame.withWatermark('at', DISORDER).select(...schemaOf(prefix))

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
      l.key !== null && l.key === r.key && r.at >= l.at - 1500 && r.at < l.at + 2500 && (l.id + r.id) % 3 > 0 && l.id % 5 > 0,
    join: (left, right, type) =>
      left.join(
        right,
        sameKey
          .and(col('rAt').geq(timestampAdd('MILLISECOND', -1500, 'lAt')))
          .and(col('rAt').lt(timestampAdd('MILLISECOND', 2500, 'lAt')))
          .and(col('lId').plus(col('rId')).mod(3).gt(0))
          .and(col('lId').mod(5).gt(0)),
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

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const triggers = [Trigger.realTime(10), Trigger.realTime('1 hour'), Trigger.processingTime(0)]

/** Rows of one moment, never behind by more than the watermark waits. */
const eventsAround = (random: SeededRandom, moment: number, first: number): Event[] =>
  Array.from({ length: random.below(8) }, (_, i) => ({
    id: first + i,
    key: random.below(8) === 0 ? null : `key ${random.below(4)}`,
    at: moment - random.below(DISORDER),
  }))

const run = async (seed: number, type: Type, rule: Rule, master: string): Promise<void> => {
  const random = seededRandom(seed)
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-join-'))
  folders.push(checkpoint)
  await using session = WalkwaySession.builder().master(master).create()
  const [left, right] = [session.memoryStream(SCHEMA), session.memoryStream(SCHEMA)]
  const found: string[] = []
  const frame = rule.join(side(left.toDF(), 'l'), side(right.toDF(), 'r'), type)
  const take = (row: Row): void => {
    const [l, r] = [row.lId ?? null, row.rId ?? null]
    // The rows that end the streams are nobody's.
    if (Number(l) >= 0 && Number(r) >= 0) found.push(`${l} ${r}`)
  }
  const start = () =>
    frame.writeStream
      .outputMode('append')
      .option('checkpointLocation', checkpoint)
      .trigger(triggers[random.below(triggers.length)])
      .foreach(take)
      .start()
  let query = await start()
  const state = (): string => `seed ${seed}, ${JSON.stringify(query.status)}`
  const [lefts, rights]: [Event[], Event[]] = [[], []]
  const add = (stream: typeof left, all: Event[], events: readonly Event[]): void => {
    all.push(...events)
    stream.addData(events.map(({ id, key, at }) => ({ id, key, at: new Date(at) })))
  }
  for (let round = 0, moment = START + DISORDER; round < 12; round++, moment += random.below(1500)) {
    add(left, lefts, eventsAround(random, moment, lefts.length))
    add(right, rights, eventsAround(random, moment, rights.length))
    switch (random.below(4)) {
      case 0:
        await within(query.processAllAvailable(), state)
        break
      case 1:
        query.setTrigger(triggers[random.below(triggers.length)])
        break
      case 2:
        await within(query.stop(), state)
        query = await start()
        break
      default:
    }
  }
  for (const stream of [left, right])
    stream.addData([{ id: -1, key: `the end of ${stream === left ? 'left' : 'right'}`, at: new Date(END) }])
  await within(query.processAllAvailable(), state)
  const wanted = expected(type, rule, lefts, rights)
  // In real time the last watermark may still be on its way when the last row has been dealt with.
  for (let i = 0; i < 100 && found.length < wanted.length; i++) await new Promise(resolve => setTimeout(resolve, 50))
  await within(query.stop(), state)
  expect(found.sort(), `seed ${seed}, ${type}, ${rule.name}, ${master}`).toEqual(wanted)
  expect(wanted.length).toBeGreaterThan(0)
}

const types: readonly Type[] = ['inner', 'leftOuter', 'rightOuter', 'fullOuter', 'leftSemi']
const masters = ['inline', 'local[1]', 'local[2]']

test.each(seeds(10))('rows find their partners, seed %i', async seed => {
  const random = seededRandom(seed)
  const type = types[seed % types.length]
  await run(seed, type, rules[random.below(rules.length)], masters[random.below(masters.length)])
})
