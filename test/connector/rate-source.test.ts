import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ManualClock, type Row, Trigger, WalkwaySession } from '../../src/index.ts'
import { intoList, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: rows are due by the clock, one after another without a gap, also over a restart. Method: a manual clock, of which every row is
// known; real ones on workers.

const root = mkdtempSync(join(tmpdir(), 'walkway-rate-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const START = Date.UTC(2027, 0, 4, 12)

test('so many rows a second by the clock, the first at the start', async () => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  try {
    const rows: Row[] = []
    const query = await session.readStream
      .format('rate')
      .option('rowsPerSecond', 4)
      .load()
      .writeStream.trigger({ kind: 'default' })
      .foreach(row => void rows.push(row))
      .start()
    await query.processAllAvailable()
    expect(rows).toEqual([{ timestamp: new Date(START), value: 0 }])
    clock.advance(1000)
    await query.processAllAvailable()
    expect(rows.map(row => row.value)).toEqual([0, 1, 2, 3, 4])
    expect(rows.map(row => (row.timestamp as Date).getTime() - START)).toEqual([0, 250, 500, 750, 1000])
    expect(query.lastProgress).toMatchObject({ numInputRows: 4, sources: [{ description: 'rate 4/s', backlog: 0 }] })
    clock.advance(100)
    await query.processAllAvailable()
    expect(rows.length).toBe(5)
  } finally {
    await session.stop()
  }
})

test('less than one row a second, and only the columns that are read', async () => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  try {
    const { query, rows } = await intoList(session.readStream.format('rate').option('rowsPerSecond', 0.1).load().select('value'), {
      kind: 'default',
    })
    await query.processAllAvailable()
    clock.advance(25_000)
    await query.processAllAvailable()
    expect(rows).toEqual([{ value: 0 }, { value: 1 }, { value: 2 }])
  } finally {
    await session.stop()
  }
})

describe.each(['inline', 'local[2]'])('%s', master => {
  test.each(Object.entries(triggers))(
    'a restart from the checkpoint goes on with the next row, at the same distances: %s',
    async (kind, trigger) => {
      await withSession(master, async session => {
        const rows: Row[] = []
        const checkpoint = join(root, `${master}-${kind}`)
        const frame = session.readStream.format('rate').option('rowsPerSecond', 2000).load()
        for (let run = 0; run < 3; run++) {
          const before = rows.length
          const query = await frame.writeStream
            .option('checkpointLocation', checkpoint)
            .trigger(trigger)
            .foreach(row => void rows.push(row))
            .start()
          await within(
            until(() => rows.length > before + 50),
            () => query.status.message,
          )
          await query.stop()
          expect(query.exception).toBe(null)
        }
        expect(rows.map(row => row.value)).toEqual(rows.map((_, i) => i))
        const times = rows.map(row => (row.timestamp as Date).getTime())
        const first = times[0]
        expect(times.every((time, i) => Math.abs(time - first - i / 2) <= 1)).toBe(true)
      })
    },
  )
})

test('a rate that is changed goes on from the row at hand', async () => {
  await withSession('inline', async session => {
    const values: number[] = []
    for (const rate of [1000, 5000]) {
      const query = await session.readStream
        .format('rate')
        .option('ROWSPERSECOND', rate)
        .load()
        .writeStream.option('checkpointLocation', join(root, 'changed'))
        .trigger(Trigger.realTime(20))
        .foreach(row => void values.push(Number(row.value)))
        .start()
      const before = values.length
      await until(() => values.length > before + 20)
      await query.stop()
    }
    expect(values).toEqual(values.map((_, i) => i))
  })
})
