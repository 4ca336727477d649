import { expect, test } from 'vitest'
import { col, currentTimestamp, ManualClock, Trigger, WalkwaySession } from '../../src/index.ts'

// Goal: `currentTimestamp` is the moment of the row in real time, and one moment for the whole of a micro-batch or batch. Method: a clock
// that is moved by hand between rows, and by every row that passes.

const START = Date.UTC(2024, 0, 1)

const millisOf = (value: unknown): number => (value as Date).getTime() - START

/** A session whose clock moves a second with each row that comes out. */
const tickingSession = () => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  const seen: [number, number][] = []
  const onRow = (row: Record<string, unknown>): void => {
    seen.push([Number(row.id), millisOf(row.now)])
    clock.advance(1000)
  }
  return { clock, session, seen, onRow }
}

test('in real time each row has its own moment', async () => {
  const { clock, session, seen, onRow } = tickingSession()
  const stream = session.memoryStream('id INT NOT NULL')
  const query = await stream
    .toDF()
    .withColumn('now', currentTimestamp())
    .writeStream.trigger(Trigger.realTime('1 hour'))
    .foreach(onRow)
    .start()
  for (let id = 0; id < 3; id++) {
    clock.advance(100)
    stream.addData([{ id }])
    while (seen.length <= id) await new Promise(resolve => setImmediate(resolve))
  }
  expect(seen).toEqual([
    [0, 100],
    [1, 1200],
    [2, 2300],
  ])
  await query.stop()
})

test('in a micro-batch all rows have one, and two columns of a row the same', async () => {
  const { clock, session, seen, onRow } = tickingSession()
  const stream = session.memoryStream('id INT NOT NULL')
  stream.addData([{ id: 0 }, { id: 1 }, { id: 2 }])
  clock.advance(500)
  const query = await stream
    .toDF()
    .withColumn('now', currentTimestamp())
    .withColumn('again', currentTimestamp())
    .filter(col('now').equalTo(col('again')))
    .writeStream.trigger(Trigger.processingTime(0))
    .foreach(onRow)
    .start()
  await query.processAllAvailable()
  expect(seen).toEqual([
    [0, 500],
    [1, 500],
    [2, 500],
  ])
  stream.addData([{ id: 3 }, { id: 4 }])
  await query.processAllAvailable()
  expect(seen.slice(3).map(([, now]) => now)).toEqual([3500, 3500])
  await query.stop()
})

test('after a change to real time rows have their own again', async () => {
  const { session, seen, onRow } = tickingSession()
  const stream = session.memoryStream('id INT NOT NULL')
  stream.addData([{ id: 0 }, { id: 1 }])
  const query = await stream
    .toDF()
    .withColumn('now', currentTimestamp())
    .writeStream.trigger(Trigger.processingTime(0))
    .foreach(onRow)
    .start()
  await query.processAllAvailable()
  query.setTrigger(Trigger.realTime('1 hour'))
  await query.processAllAvailable()
  for (const id of [2, 3]) {
    stream.addData([{ id }])
    while (seen.length <= id) await new Promise(resolve => setImmediate(resolve))
  }
  expect(seen).toEqual([
    [0, 0],
    [1, 0],
    [2, 2000],
    [3, 3000],
  ])
  await query.stop()
})

test('in a batch all rows have one', async () => {
  const { clock, session } = tickingSession()
  clock.advance(700)
  const rows = await session.range(3).withColumn('now', currentTimestamp()).collect()
  expect(rows.map(row => millisOf(row.now))).toEqual([700, 700, 700])
})
