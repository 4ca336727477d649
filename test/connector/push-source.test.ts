import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { count, sum, Trigger, udf, window } from '../../src/index.ts'
import { codeOf, intoList, masters, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: no row that `push` accepted is lost but by a crash, and whoever pushes learns when one was not. Method: streams that are closed,
// filled, stopped and shared, under every master and trigger.

const SCHEMA = 'n BIGINT NOT NULL'
const numbers = (count: number, from = 0): { n: number }[] => Array.from({ length: count }, (_, i) => ({ n: from + i }))

describe.each(masters)('%s', master => {
  describe.each(master === 'local[1]' ? [] : Object.keys(triggers))('%s', kind => {
    test('close lets what was accepted through, and then the query ends by itself', async () => {
      await withSession(master, async session => {
        const stream = session.pushStream(SCHEMA)
        const { query, rows } = await intoList(stream.toDF(), triggers[kind])
        for (const row of numbers(5000)) expect(stream.push(row)).toBe(true)
        stream.close()
        expect(stream.push({ n: 0 })).toBe(false)
        expect(await within(query.awaitTermination(), () => query.status.message)).toBe(true)
        expect(rows).toEqual(numbers(5000))
        expect(query.exception).toBe(null)
        expect(query.isActive).toBe(false)
        // Everything has been processed: there is nothing to wait for.
        await query.processAllAvailable()
      })
    })

    test('stop lets through what was accepted before', async () => {
      await withSession(master, async session => {
        const stream = session.pushStream(SCHEMA)
        const { query, rows } = await intoList(stream.toDF(), triggers[kind])
        for (const row of numbers(5000)) stream.push(row)
        await within(query.stop(), () => query.status.message)
        expect(rows).toEqual(numbers(5000))
      })
    })
  })

  test('rows pushed before the start wait for the query; a closed stream is a query that ends', async () => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA)
      for (const row of numbers(10)) stream.push(row)
      stream.close()
      const { query, rows } = await intoList(stream.toDF())
      await within(query.awaitTermination(), () => query.status.message)
      expect(rows).toEqual(numbers(10))
    })
  })

  test('send waits for room, and keeps the order of those who wait', async () => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA, { capacity: 4 })
      const sent: Promise<void>[] = numbers(40).map(row => stream.send(row))
      expect(stream.size).toBe(4)
      expect(stream.push({ n: -1 })).toBe(false)
      const { query, rows } = await intoList(stream.toDF())
      await within(Promise.all(sent), () => `${rows.length} rows`)
      await query.processAllAvailable()
      expect(rows).toEqual(numbers(40))
    })
  })

  test('a stream that is closed, and one whose query has ended, refuse those who wait and those who come', async () => {
    await withSession(master, async session => {
      const closed = session.pushStream(SCHEMA, { capacity: 1 })
      closed.push({ n: 1 })
      const waiting = codeOf(closed.send({ n: 2 }))
      closed.close()
      expect(await waiting).toBe('STREAM_CLOSED')
      expect(await codeOf(closed.send({ n: 3 }))).toBe('STREAM_CLOSED')

      const ended = session.pushStream(SCHEMA, { capacity: 1 })
      const { query, rows } = await intoList(ended.toDF())
      await query.stop()
      expect(ended.push({ n: 1 })).toBe(false)
      expect(await codeOf(ended.send({ n: 1 }))).toBe('QUERY_STOPPED')
      // Another query takes it up.
      const next = await intoList(ended.toDF())
      expect(ended.push({ n: 2 })).toBe(true)
      await next.query.processAllAvailable()
      expect([rows, next.rows]).toEqual([[], [{ n: 2 }]])
    })
  })

  test('a query that has ended, or never read the stream, does not take it from the one that does when it is stopped', async () => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA)
      const first = await intoList(stream.toDF())
      await first.query.stop()
      const { query, rows } = await intoList(stream.toDF())
      await first.query.stop()
      expect(stream.push({ n: 1 })).toBe(true)
      // One that is aborted before it has found the stream taken.
      const abort = new AbortController()
      const refused = codeOf(
        stream
          .toDF()
          .writeStream.signal(abort.signal)
          .foreach(() => {})
          .start(),
      )
      for (let turn = 0; turn < 30; turn++) await Promise.resolve()
      abort.abort()
      expect(await refused).toBe('QUERY_STOPPED')
      expect(stream.push({ n: 2 })).toBe(true)
      await query.processAllAvailable()
      expect(rows).toEqual([{ n: 1 }, { n: 2 }])
    })
  })

  test.each([Trigger.availableNow(), Trigger.once()])('stop lets through what was accepted before, also with $kind', async trigger => {
    await withSession(master, async session => {
      for (const stops of ['at once', 'from inside']) {
        const stream = session.pushStream(SCHEMA)
        for (const row of numbers(3)) stream.push(row)
        const seen: number[] = []
        const query = await stream
          .toDF()
          .writeStream.trigger(trigger)
          .foreach(({ n }) => {
            seen.push(Number(n))
            if (stops === 'at once' || Number(n) !== 2) return
            stream.push({ n: 3 })
            void query.stop()
          })
          .start()
        if (stops === 'at once') void query.stop()
        await within(query.awaitTermination(), () => query.status.message)
        expect(seen).toEqual(stops === 'at once' ? [0, 1, 2] : [0, 1, 2, 3])
      }
    })
  })

  test('two queries cannot share the rows, but two parts of one do', async () => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA)
      const { query, rows } = await intoList(stream.toDF())
      expect(await codeOf(intoList(stream.toDF()))).toBe('SOURCE_TAKEN')
      // The first reader is not harmed.
      stream.push({ n: 1 })
      await query.processAllAvailable()
      expect(rows).toEqual([{ n: 1 }])
      const other = session.pushStream(SCHEMA)
      const both = await intoList(other.toDF().union(other.toDF()))
      other.push({ n: 2 })
      await both.query.processAllAvailable()
      expect(both.rows).toEqual([{ n: 2 }, { n: 2 }])
      await both.query.stop()
    })
  })

  test('a query over two streams ends when both are closed', async () => {
    await withSession(master, async session => {
      const [left, right] = [session.pushStream(SCHEMA), session.pushStream(SCHEMA)]
      const table = session.createDataFrame([{ n: 100 }], SCHEMA)
      const { query, rows } = await intoList(left.toDF().union(right.toDF()).union(table))
      left.push({ n: 1 })
      left.close()
      expect(await query.awaitTermination(60)).toBe(false)
      right.push({ n: 2 })
      right.close()
      await within(query.awaitTermination(), () => query.status.message)
      expect(rows.map(row => row.n).sort()).toEqual([1, 100, 2])
    })
  })

  test.each([
    ['a wrong type', { n: 'one' }, 'VALUE_TYPE_MISMATCH', /\bn holds "one"/],
    ['a missing field that must be there', {}, 'NULL_IN_NON_NULLABLE', /Column n /],
    ['null in its place', { n: null }, 'NULL_IN_NON_NULLABLE', /Column n /],
    ['no row at all', 7, 'VALUE_TYPE_MISMATCH', /7/],
    ['null as a row', null, 'VALUE_TYPE_MISMATCH', /null/],
  ])('%s stops the query and names the field', async (_what, row, code, text) => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA)
      const { query } = await intoList(stream.toDF())
      stream.push(row as { n: number })
      await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(text),
      })
      expect(query.status.message).toMatch(code)
    })
  })

  test('fields beyond the schema are left out', async () => {
    await withSession(master, async session => {
      const stream = session.pushStream(SCHEMA)
      const { query, rows } = await intoList(stream.toDF())
      stream.push({ n: 1, other: 'x' })
      await query.processAllAvailable()
      expect(rows).toEqual([{ n: 1 }])
    })
  })
})

test('inline, a row has gone through when push returns, and a callback may push', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    const seen: unknown[] = []
    const query = await stream
      .toDF()
      .writeStream.trigger({ realTime: '1 second' })
      .foreach(({ n }) => {
        seen.push(n)
        if (Number(n) > 0) stream.push({ n: Number(n) - 1 })
      })
      .start()
    await until(() => query.status.message === 'Processing new data')
    stream.push({ n: 0 })
    await until(() => seen.length > 0)
    stream.push({ n: 3 })
    expect(seen).toEqual([0, 3, 2, 1, 0])
  })
})

const groups = 'key STRING NOT NULL, n BIGINT NOT NULL'

test('inline, rows that a callback pushes come after the row at hand, and are through when the first push returns', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(groups)
    const seen: unknown[] = []
    const query = await stream
      .toDF()
      .groupBy('key')
      .agg(sum('n').alias('total'))
      .writeStream.outputMode('update')
      .trigger(Trigger.realTime('1 hour'))
      .foreach(({ key, total }) => {
        seen.push(`${key} ${total}`)
        if (key !== 'a') return
        for (const next of ['b', 'c', 'b']) expect(stream.push({ key: next, n: total })).toBe(true)
        // They wait until this call is over.
        expect(seen.at(-1)).toBe(`a ${total}`)
      })
      .start()
    await within(query.processAllAvailable(), () => query.status.message)
    for (const n of [1, 2]) {
      stream.push({ key: 'a', n })
      expect(stream.size).toBe(0)
    }
    expect(seen).toEqual(['a 1', 'b 1', 'c 1', 'b 2', 'a 3', 'b 5', 'c 4', 'b 8'])
    await within(query.processAllAvailable(), () => query.status.message)
    expect(query.recentProgress.reduce((all, { numInputRows }) => all + numInputRows, 0)).toBe(8)
    expect(query.recentProgress.at(-1)?.sources[0].endOffset).toEqual({ 0: 8 })
  })
})

test('inline, a row that a user function pushes comes after the row at hand', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    // A function may use nothing from around it but what every thread has.
    const reachable = globalThis as { pushNext?: (n: number) => boolean }
    reachable.pushNext = n => n > 3 || stream.push({ n })
    const twice = udf((n: bigint | number) => {
      ;(globalThis as { pushNext?: (n: number) => boolean }).pushNext?.(Number(n) + 1)
      return Number(n) * 2
    }, 'bigint')
    const { query, rows } = await intoList(stream.toDF().select(twice('n').alias('n')), Trigger.realTime('1 hour'))
    await within(query.processAllAvailable(), () => query.status.message)
    stream.push({ n: 0 })
    delete reachable.pushNext
    expect(rows).toEqual([0, 2, 4, 6].map(n => ({ n })))
  })
})

test.each(['at once', 'from the queue'])('inline, a callback that throws ends the query, and no row comes after it: %s', async way => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    const seen: unknown[] = []
    const query = await stream
      .toDF()
      .writeStream.trigger(Trigger.realTime('1 hour'))
      .foreach(({ n }) => {
        seen.push(n)
        if (n === 0 && way === 'from the queue') for (const row of numbers(3, 1)) stream.push(row)
        if (n === 2) throw new Error('no twos')
      })
      .start()
    await within(query.processAllAvailable(), () => query.status.message)
    // The error is the query's, not the caller's.
    for (const row of numbers(way === 'at once' ? 5 : 1)) stream.push(row)
    expect(seen).toEqual([0, 1, 2])
    await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({ code: 'FOREACH_FAILED' })
    expect(seen).toEqual([0, 1, 2])
    expect(stream.push({ n: 9 })).toBe(false)
  })
})

test('inline, rows pushed without a pause come once and in order while epochs and triggers change', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    const { query, rows } = await intoList(stream.toDF(), Trigger.realTime(10))
    let pushed = 0
    for (let round = 0; round < 60; round++) {
      if (round % 20 === 10) await query.setTrigger(Trigger.processingTime(10))
      if (round % 20 === 0) await query.setTrigger(Trigger.realTime(10))
      for (const row of numbers(50, pushed)) expect(stream.push(row)).toBe(true)
      pushed += 50
      await new Promise(resolve => setTimeout(resolve, round % 3))
    }
    await within(query.stop(), () => query.status.message)
    expect(rows).toEqual(numbers(pushed))
    const { recentProgress } = query
    expect(recentProgress.reduce((all, { numInputRows }) => all + numInputRows, 0)).toBe(pushed)
    expect(recentProgress.reduce((all, { sink }) => all + sink.numOutputRows, 0)).toBe(pushed)
  })
})

// More than a push works off, which is bounded.
const MANY = 70_000

test('inline, a row does not overtake those that wait', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA, { capacity: 2 * MANY })
    const rows: unknown[] = []
    const query = await stream
      .toDF()
      .writeStream.trigger(Trigger.realTime('1 hour'))
      .foreach(({ n }) => {
        rows.push(n)
        if (n === 0) for (const row of numbers(MANY, 1)) stream.push(row)
      })
      .start()
    await within(query.processAllAvailable(), () => query.status.message)
    stream.push({ n: 0 })
    expect(stream.size).toBeGreaterThan(0)
    stream.push({ n: MANY + 1 })
    await within(query.processAllAvailable(), () => query.status.message)
    expect(rows).toEqual(numbers(MANY + 2).map(({ n }) => n))
  })
})

test('inline, a row waits until what a watermark makes due is out', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream('time TIMESTAMP NOT NULL, key INT NOT NULL')
    const keys: unknown[] = []
    const query = await stream
      .toDF()
      .withWatermark('time', '0 seconds')
      .groupBy(window('time', '1 second'), 'key')
      .agg(count('*').alias('n'))
      .writeStream.outputMode('append')
      .trigger(Trigger.realTime('1 hour'))
      .foreach(({ key }) => void keys.push(key))
      .start()
    await within(query.processAllAvailable(), () => query.status.message)
    const [early, later] = [new Date(0), new Date(5000)]
    for (let key = 0; key < MANY; key++) stream.push({ time: early, key })
    stream.push({ time: later, key: -1 })
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.length).toBeLessThan(MANY)
    // Late, as soon as the window is closed.
    stream.push({ time: early, key: -2 })
    await until(() => keys.length >= MANY)
    stream.push({ time: new Date(10_000), key: -3 })
    await until(() => keys.includes(-1))
    expect(keys.length).toBe(MANY + 1)
    expect(keys).not.toContain(-2)
  })
})

test('inline, one row in eight that came without a pause is measured, and the others do not count', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    const { query } = await intoList(stream.toDF(), Trigger.realTime('1 hour'))
    await within(query.processAllAvailable(), () => query.status.message)
    for (const row of numbers(80)) stream.push(row)
    // The first eight, and then each eighth.
    expect(query.latencies?.processingLatencyMs.count).toBe(8 + 9)
    expect(query.latencies?.e2eLatencyMs.count).toBe(8 + 9)
  })
})

test.each(Object.entries(triggers))('a checkpoint of another process does not make a new stream wait: %s', async (_kind, trigger) => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-push-'))
  try {
    const seen: unknown[] = []
    for (const from of [0, 500]) {
      // The second session stands for a new process: its stream counts from nothing.
      await withSession('inline', async session => {
        const stream = session.pushStream(SCHEMA)
        const query = await stream
          .toDF()
          .writeStream.option('checkpointLocation', folder)
          .trigger(trigger)
          .foreach(({ n }) => void seen.push(n))
          .start()
        for (const row of numbers(from === 0 ? 500 : 3, from)) stream.push(row)
        await within(query.processAllAvailable(), () => query.status.message)
        expect(query.recentProgress.at(-1)?.sources[0].endOffset).toEqual({ 0: from === 0 ? 500 : 503 })
      })
    }
    expect(seen).toEqual(numbers(503).map(({ n }) => n))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a capacity that is none is refused', async () => {
  await withSession('inline', async session => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) {
      expect(() => session.pushStream(SCHEMA, { capacity })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
    }
  })
})
