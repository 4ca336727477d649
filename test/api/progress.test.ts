import { describe, expect, test } from 'vitest'
import {
  col,
  count,
  ManualClock,
  type QueryProgress,
  type Row,
  type StreamingQueryListener,
  Trigger,
  WalkwaySession,
  window,
} from '../../src/index.ts'
import { masters, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: what a query says of itself is right: Spark's names, true numbers, percentiles at any interval. Method: queries whose every row is
// known, and listeners that write down what they hear.

const SCHEMA = 'key STRING NOT NULL, at TIMESTAMP NOT NULL'
const START = Date.UTC(2027, 0, 4, 12)
const rowsAt = (...seconds: number[]): Row[] => seconds.map(second => ({ key: `k${second % 2}`, at: new Date(START + second * 1000) }))

/** Every number is there and is one. */
const expectPlausible = (progress: QueryProgress, rows: number): void => {
  expect(progress.numInputRows).toBe(rows)
  expect(progress.batchDuration).toBeGreaterThanOrEqual(0)
  for (const rate of [progress.inputRowsPerSecond, progress.processedRowsPerSecond]) {
    expect(Number.isFinite(rate)).toBe(true)
    expect(rate).toBeGreaterThanOrEqual(0)
  }
  if (rows > 0) expect(progress.processedRowsPerSecond).toBeGreaterThan(0)
  for (const millis of Object.values(progress.durationMs)) expect(millis).toBeGreaterThanOrEqual(0)
  expect(Object.keys(progress.durationMs)).toEqual(expect.arrayContaining(['addBatch', 'commitOffsets', 'triggerExecution']))
  expect(new Date(progress.timestamp).toISOString()).toBe(progress.timestamp)
}

describe.each(masters)('%s', master => {
  test.each(Object.entries(triggers))('the fields of a progress: %s', async (kind, trigger) => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const query = await stream
        .toDF()
        .withWatermark('at', '10 seconds')
        .groupBy(window('at', '5 seconds'), 'key')
        .agg(count('*').alias('n'))
        .writeStream.queryName('counts')
        .format('memory')
        .outputMode('update')
        .trigger(trigger)
        .start()
      const seen = (): QueryProgress[] => query.recentProgress.filter(progress => progress.numInputRows > 0)
      stream.addData(rowsAt(0, 1, 2, 3, 12))
      await query.processAllAvailable()
      stream.addData(rowsAt(40))
      await query.processAllAvailable()
      // Late: the watermark is at 30.
      stream.addData(rowsAt(1, 41))
      await query.processAllAvailable()
      await query.stop()
      const [first, second, third] = seen()
      expect(seen().length).toBe(3)
      for (const [progress, rows] of [
        [first, 5],
        [second, 1],
        [third, 2],
      ] as const) {
        expectPlausible(progress, rows)
        expect(progress).toMatchObject({
          id: query.id,
          runId: query.runId,
          name: 'counts',
          mode: kind === 'realTime' ? 'realTime' : 'microBatch',
        })
      }
      expect(first.sources).toEqual([
        expect.objectContaining({ description: 'memory', startOffset: { 0: 0 }, endOffset: { 0: 5 }, numInputRows: 5, backlog: 0 }),
      ])
      expect(second.sources[0]).toMatchObject({ startOffset: { 0: 5 }, endOffset: { 0: 6 } })
      expect(first.sink).toEqual({ description: 'memory counts', numOutputRows: kind === 'realTime' ? 5 : 3 })
      expect(first.eventTime).toMatchObject({
        max: '2027-01-04T12:00:12.000Z',
        min: '2027-01-04T12:00:00.000Z',
        avg: '2027-01-04T12:00:03.600Z',
        watermark: '1970-01-01T00:00:00.000Z',
      })
      expect(third.eventTime.watermark).toBe('2027-01-04T12:00:30.000Z')
      expect(first.stateOperators).toEqual([
        expect.objectContaining({ operatorName: expect.any(String), numRowsUpdated: expect.any(Number), numRowsDroppedByWatermark: 0 }),
      ])
      // In real time the watermark of 12 lets nothing go yet either.
      expect(first.stateOperators[0].numRowsTotal).toBe(3)
      expect(first.stateOperators[0].memoryUsedBytes).toBeGreaterThan(0)
      expect(third.stateOperators[0].numRowsDroppedByWatermark).toBe(1)
      expect(query.lastProgress).toEqual(query.recentProgress.at(-1))
      // A copy: nobody can take a query's memory away.
      expect(query.recentProgress).not.toBe(query.recentProgress)
    })
  })

  test.each(['update', 'append'] as const)('latencies at percentiles, also of an epoch that is not over: %s', async mode => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const frame =
        mode === 'append' ? stream.toDF().filter(col('key').equalTo('k0')) : stream.toDF().groupBy('key').agg(count('*').alias('n'))
      const rows: Row[] = []
      const query = await frame.writeStream
        .outputMode(mode)
        .trigger(Trigger.realTime('1 hour'))
        .foreach(row => {
          rows.push(row)
        })
        .start()
      stream.addData(rowsAt(...Array.from({ length: 2000 }, (_, i) => i)))
      await until(() => rows.length >= (mode === 'append' ? 1000 : 2000))
      await until(() => query.latencies?.e2eLatencyMs.count === rows.length)
      const latencies = query.latencies
      expect(query.lastProgress).toBe(null)
      for (const { count: n, p50, p90, p99, p999, max, mean } of [latencies?.processingLatencyMs, latencies?.e2eLatencyMs].filter(
        l => l !== undefined,
      )) {
        expect(n).toBe(rows.length)
        const ordered = [0, p50, p90, p99, p999, max, 60_000]
        expect(ordered).toEqual([...ordered].sort((a, b) => a - b))
        expect(mean).toBeGreaterThan(0)
        expect(mean).toBeLessThanOrEqual(max)
      }
      await query.processAllAvailable()
      // An epoch's own are those of its rows alone.
      expect(query.lastProgress?.latencies.e2eLatencyMs.count).toBe(rows.length)
      stream.addData(rowsAt(0))
      await query.processAllAvailable()
      expect(query.recentProgress.filter(p => p.numInputRows > 0).at(-1)?.latencies.e2eLatencyMs.count).toBe(1)
    })
  })

  test('status says what is going on', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      let release: (() => void) | null = null
      const query = await stream
        .toDF()
        .writeStream.foreachBatch(
          () =>
            new Promise<void>(resolve => {
              release = resolve
            }),
        )
        .start()
      expect(query.status).toEqual({ message: 'Waiting for data to arrive', isDataAvailable: false, isTriggerActive: false })
      stream.addData(rowsAt(0))
      await until(() => release !== null)
      expect(query.status.isTriggerActive).toBe(true)
      expect(query.status.message).toBe('Processing new data')
      ;(release as (() => void) | null)?.()
      await until(() => query.status.message === 'Waiting for data to arrive')
      query.setTrigger(Trigger.processingTime('1 hour'))
      await until(() => query.status.message === 'Waiting for next trigger')
      await query.stop()
      expect(query.status).toEqual({ message: 'Stopped', isDataAvailable: false, isTriggerActive: false })
    })
  })

  test('listeners hear of start, progress and end, in this order, until they are taken away', async () => {
    await withSession(master, async session => {
      const heard: string[] = []
      const listener: StreamingQueryListener = {
        onQueryStarted: ({ name, timestamp }) => heard.push(`started ${name} ${new Date(timestamp).getTime() > 0}`),
        onQueryProgress: ({ progress }) => heard.push(`progress ${progress.numInputRows}`),
        onQueryTerminated: ({ exception, id }) => heard.push(`terminated ${exception === null} ${id.length}`),
      }
      session.streams.addListener(listener)
      const run = async (): Promise<void> => {
        const stream = session.memoryStream(SCHEMA)
        stream.addData(rowsAt(0, 1))
        const query = await stream.toDF().writeStream.queryName('q').format('noop').trigger(Trigger.availableNow()).start()
        await query.awaitTermination()
        await new Promise(resolve => setImmediate(resolve))
      }
      await run()
      expect(heard).toEqual(['started q true', 'progress 2', 'terminated true 36'])
      session.streams.removeListener(listener)
      expect(session.streams.listListeners()).toEqual([])
      await run()
      expect(heard.length).toBe(3)
    })
  })
})

test('what a listener throws becomes a warning, and touches neither the query nor the next listener', async () => {
  await withSession('inline', async session => {
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', onWarning)
    try {
      const heard: number[] = []
      session.streams.addListener({
        onQueryStarted: () => {
          throw new Error('first')
        },
        onQueryProgress: () => Promise.reject(new Error('second')),
        onQueryTerminated: () => {
          throw new Error('third')
        },
      } as StreamingQueryListener)
      session.streams.addListener({ onQueryProgress: ({ progress }) => heard.push(progress.numInputRows) })
      const stream = session.memoryStream(SCHEMA)
      const query = await stream.toDF().writeStream.format('noop').trigger({ kind: 'default' }).start()
      stream.addData(rowsAt(0))
      await query.processAllAvailable()
      await query.stop()
      expect(query.exception).toBe(null)
      expect(heard).toEqual([1])
      await until(() => warnings.length >= 3)
      expect(warnings.map(text => /(first|second|third)$/.exec(text)?.[1])).toEqual(['first', 'second', 'third'])
    } finally {
      process.off('warning', onWarning)
    }
  })
})

test('a query that dies while nobody waits for it is told of by a warning; one that somebody waits for is not', async () => {
  await withSession('inline', async session => {
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', onWarning)
    try {
      const die = async (name: string, isAwaited: boolean): Promise<void> => {
        const stream = session.pushStream('n INT NOT NULL')
        const query = await stream.toDF().writeStream.queryName(name).format('noop').start()
        const end = isAwaited ? query.awaitTermination().catch(() => {}) : null
        stream.push({ n: null })
        await until(() => !query.isActive)
        await end
        expect(query.exception).toMatchObject({ code: 'NULL_IN_NON_NULLABLE' })
      }
      await die('heard', true)
      await die('lonely', false)
      await until(() => warnings.length > 0)
      expect(warnings).toEqual([expect.stringMatching(/lonely.*NULL_IN_NON_NULLABLE/)])
    } finally {
      process.off('warning', onWarning)
    }
  })
})

test('a query without input says every ten seconds that it is idle', async () => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  try {
    const idle: string[] = []
    session.streams.addListener({ onQueryIdle: ({ timestamp }) => idle.push(timestamp) })
    const stream = session.memoryStream(SCHEMA)
    const query = await stream.toDF().writeStream.format('noop').trigger({ kind: 'default' }).start()
    const step = async (millis: number): Promise<void> => {
      await until(() => clock.waiting > 0)
      clock.advance(millis)
      await until(() => clock.waiting > 0)
    }
    await step(9_000)
    await step(500)
    expect(idle).toEqual([])
    await step(600)
    expect(idle).toEqual(['2027-01-04T12:00:10.100Z'])
    await step(9_000)
    expect(idle.length).toBe(1)
    stream.addData(rowsAt(0))
    await step(500)
    await within(query.processAllAvailable(), () => query.status.message)
    // Counted anew from the last progress.
    await step(9_000)
    expect(idle.length).toBe(1)
    await step(2_000)
    expect(idle.length).toBe(2)
  } finally {
    await session.stop()
  }
})

test('rates by the clock: input since the trigger before, processed by the time it took', async () => {
  const clock = new ManualClock(START)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  try {
    const stream = session.memoryStream(SCHEMA)
    stream.addData(rowsAt(0))
    const query = await stream.toDF().writeStream.format('noop').trigger(Trigger.processingTime('2 seconds')).start()
    await until(() => query.lastProgress !== null)
    expect(query.lastProgress).toMatchObject({ timestamp: '2027-01-04T12:00:00.000Z', inputRowsPerSecond: 0 })
    stream.addData(rowsAt(...Array.from({ length: 10 }, (_, i) => i)))
    await until(() => clock.waiting > 0)
    clock.advance(2_000)
    await until(() => query.recentProgress.length === 2)
    expect(query.lastProgress).toMatchObject({ timestamp: '2027-01-04T12:00:02.000Z', inputRowsPerSecond: 5, numInputRows: 10 })
  } finally {
    await session.stop()
  }
})

test('awaitAnyTermination hears of the first end, also one before, until that is forgotten', async () => {
  await withSession('inline', async session => {
    const start = () => session.memoryStream(SCHEMA).toDF().writeStream.format('noop').start()
    expect(await session.streams.awaitAnyTermination(5)).toBe(false)
    const [one, other] = [await start(), await start()]
    const any = session.streams.awaitAnyTermination()
    expect(await session.streams.awaitAnyTermination(5)).toBe(false)
    await one.stop()
    expect(await any).toBe(true)
    expect(await session.streams.awaitAnyTermination()).toBe(true)
    session.streams.resetTerminated()
    expect(await session.streams.awaitAnyTermination(5)).toBe(false)
    const stream = session.pushStream('n INT NOT NULL')
    const bad = await stream.toDF().writeStream.format('noop').start()
    const failed = session.streams.awaitAnyTermination()
    stream.push({ n: null })
    await expect(failed).rejects.toMatchObject({ code: 'NULL_IN_NON_NULLABLE' })
    await expect(bad.awaitTermination()).rejects.toMatchObject({ code: 'NULL_IN_NON_NULLABLE' })
    await other.stop()
  })
})

test('the last hundred epochs are kept', async () => {
  await withSession('inline', async session => {
    const stream = session.memoryStream(SCHEMA)
    const query = await stream.toDF().writeStream.format('noop').trigger({ kind: 'default' }).start()
    for (let i = 0; i < 105; i++) {
      stream.addData(rowsAt(i))
      await query.processAllAvailable()
    }
    expect(query.recentProgress.length).toBe(100)
    expect(query.recentProgress.map(progress => progress.batchId)).toEqual(Array.from({ length: 100 }, (_, i) => i + 5))
  })
})
