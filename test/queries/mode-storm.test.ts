import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { count, type DataFrame, type DataStreamWriter, type Row, sum, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { anySeed, seededRandom } from '../support/random.ts'
import { within } from '../support/within.ts'

/**
 * Triggers changed at random, hundreds of times, while rows keep coming and every few millis an epoch ends with a checkpoint. Nothing is
 * lost, nothing doubled. WALKWAY_SWITCHES: how many.
 */

const SWITCHES = Number(process.env.WALKWAY_SWITCHES ?? 150)

const triggers = [
  Trigger.realTime(10),
  Trigger.realTime(10),
  Trigger.processingTime(0),
  Trigger.processingTime(10),
  Trigger.realTime('1 hour'),
]

const seed = anySeed()

interface StormRow {
  readonly key: string
  readonly value: number
  readonly at: Date
}

interface Totals {
  readonly n: number
  readonly total: number
}

/** Rows are behind the latest one by less than this, so none is late. */
const DISORDER_MILLIS = 1000
const WINDOW_MILLIS = 500
const START = Date.UTC(2024, 0, 1)

/** How a storm is looked at from outside: a query, and whether what it gave is what the rows amount to. */
interface Watch {
  start(events: DataFrame, configure: (writer: DataStreamWriter) => DataStreamWriter): DataStreamWriter
  check(rows: readonly StormRow[]): void
}

const totalsBy = (rows: readonly StormRow[], keyOf: (row: StormRow) => string): Map<string, Totals> => {
  const totals = new Map<string, Totals>()
  for (const row of rows) {
    const { n, total } = totals.get(keyOf(row)) ?? { n: 0, total: 0 }
    totals.set(keyOf(row), { n: n + 1, total: total + row.value })
  }
  return totals
}

const byKey = (events: DataFrame): DataFrame => events.groupBy('key').agg(count('*').alias('n'), sum('value').alias('total'))

/** Keeps the newest totals of each key. A count never falls: a row that came twice or an update that was overtaken would show here. */
const newestOf = () => {
  const newest = new Map<string, Totals>()
  const take = (row: Row): void => {
    const before = newest.get(String(row.key))
    if (before !== undefined && before.n > Number(row.n)) throw new Error(`${row.key} fell from ${before.n} to ${row.n}`)
    newest.set(String(row.key), { n: Number(row.n), total: Number(row.total) })
  }
  const check = (rows: readonly StormRow[]): void => expect([...newest].sort()).toEqual([...totalsBy(rows, row => row.key)].sort())
  return { take, check }
}

const watches: Record<string, () => Watch> = {
  append: () => {
    const seen: number[] = []
    return {
      start: (events, configure) =>
        configure(events.repartition(2, 'key').writeStream.outputMode('append')).foreach(row => seen.push(Number(row.value))),
      check: rows => expect(seen.sort((a, b) => a - b)).toEqual(rows.map(({ value }) => value)),
    }
  },
  'append of windows': () => {
    const closed: Row[] = []
    const idOf = (start: Date, key: unknown): string => `${start.getTime()} ${String(key)}`
    return {
      start: (events, configure) => {
        const windows = events
          .withWatermark('at', `${DISORDER_MILLIS} milliseconds`)
          .groupBy(window('at', `${WINDOW_MILLIS} milliseconds`), 'key')
          .agg(count('*').alias('n'), sum('value').alias('total'))
          .select('window.start', 'key', 'n', 'total')
        return configure(windows.writeStream.outputMode('append')).foreach(row => {
          closed.push(row)
        })
      },
      check: rows => {
        const startOf = ({ at }: StormRow): Date => new Date(Math.floor(at.getTime() / WINDOW_MILLIS) * WINDOW_MILLIS)
        const wanted = totalsBy(rows, row => idOf(startOf(row), row.key))
        const found = closed.map(row => [idOf(row.start as Date, row.key), { n: Number(row.n), total: Number(row.total) }] as const)
        expect(found.length, 'a window came twice').toBe(new Map(found).size)
        expect([...new Map(found)].sort()).toEqual([...wanted].sort())
      },
    }
  },
  update: () => {
    const { take, check } = newestOf()
    return { start: (events, configure) => configure(byKey(events).writeStream.outputMode('update')).foreach(take), check }
  },
  complete: () => {
    const { take, check } = newestOf()
    return {
      start: (events, configure) =>
        configure(byKey(events).writeStream.outputMode('complete')).foreachBatch(async batch => {
          for (const row of await batch.collect()) take(row)
        }),
      check,
    }
  },
}

for (const master of ['inline', 'local[1]', 'local[2]']) {
  for (const [name, makeWatch] of Object.entries(watches)) {
    test(`a storm of modes loses and doubles nothing (${master}, ${name}, seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const folder = mkdtempSync(join(tmpdir(), 'walkway-storm-'))
      try {
        const session = WalkwaySession.builder().master(master).config('durability', 'process').create()
        const stream = session.memoryStream('key STRING NOT NULL, value BIGINT NOT NULL, at TIMESTAMP NOT NULL')
        const watch = makeWatch()
        const query = await watch
          .start(stream.toDF(), writer => writer.option('checkpointLocation', folder))
          .trigger(Trigger.realTime(10))
          .start()
        const rows: StormRow[] = []
        let latest = START
        const state = (): string =>
          `seed ${seed}, ${rows.length} rows; ${JSON.stringify(query.status)} ${JSON.stringify(query.lastProgress)} ${query.exception}`
        for (let i = 0; i < SWITCHES && query.isActive; i++) {
          const fresh = Array.from({ length: random.below(50) }, (_, n): StormRow => {
            latest += random.below(30)
            return { key: `k${random.below(9)}`, value: rows.length + n, at: new Date(latest - random.below(DISORDER_MILLIS)) }
          })
          stream.addData(fresh.map(row => ({ ...row })))
          rows.push(...fresh)
          query.setTrigger(random.pick(triggers))
          if (random.below(3) > 0) await pause(random.below(6))
        }
        // Far enough ahead to close every window; its own stays open.
        if (name === 'append of windows') {
          await within(query.processAllAvailable(), state)
          stream.addData([{ key: 'end', value: 0, at: new Date(latest + 3_600_000) }])
        }
        await within(query.processAllAvailable(), state)
        await within(query.stop(), state)
        expect(query.exception).toBeNull()
        watch.check(rows)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
}
