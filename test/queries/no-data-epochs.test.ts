import { expect, test } from 'vitest'
import { count, type DataFrame, ManualClock, Trigger, WalkwaySession, window } from '../../src/index.ts'

// Goal: an epoch without rows runs when the watermark's move makes something due, and else never; a query without work waits. Method:
// micro-batches under a clock that stands still, on which a query that waits is seen to wait.

const START = Date.UTC(2024, 0, 1)

const programs: Record<string, [(events: DataFrame) => DataFrame, 'append' | 'update' | 'complete', number]> = {
  'windows in append mode close': [events => events.groupBy(window('at', '1 second')).agg(count('*')), 'append', 2],
  'windows in update mode are let go': [events => events.groupBy(window('at', '1 second')).agg(count('*')), 'update', 2],
  'windows in complete mode stay as they are': [events => events.groupBy(window('at', '1 second')).agg(count('*')), 'complete', 1],
  'distinct rows by time are let go': [events => events.dropDuplicates(['key', 'at']), 'append', 2],
  'distinct rows by something else': [events => events.dropDuplicates(['key']), 'append', 2],
  'distinct rows whose time nobody reads are kept': [events => events.dropDuplicates(['key']).select('key'), 'append', 1],
  'nothing is due without state': [events => events.select('key'), 'append', 1],
}

test.each(Object.entries(programs))('%s', async (_name, [program, mode, epochs]) => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  const stream = session.memoryStream('key STRING, at TIMESTAMP')
  stream.addData([{ key: 'a', at: new Date(START) }])
  const query = await program(stream.toDF().withWatermark('at', '0 seconds'))
    .writeStream.outputMode(mode)
    .trigger(Trigger.processingTime(0))
    .foreachBatch(() => {})
    .start()
  await query.processAllAvailable()
  for (let turns = 0; clock.waiting === 0 && turns < 10_000; turns++) await new Promise(resolve => setImmediate(resolve))
  expect(clock.waiting, 'the query waits').toBeGreaterThan(0)
  expect(query.recentProgress.map(progress => progress.batchId)).toEqual(Array.from({ length: epochs }, (_, i) => i))
  await query.stop()
})
