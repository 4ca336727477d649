import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { memorySource } from '../../src/connector/memory-source.ts'
import { type Row, type StreamingQuery, Ticket, Trigger, type WalkwaySession } from '../../src/index.ts'
import { codeOf, intoList, masters, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a query can be ended at any moment and from anywhere, once or often, and whoever waits for it hears of it. Method: every moment
// that there is, under each master.

const root = mkdtempSync(join(tmpdir(), 'walkway-life-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const SCHEMA = 'n BIGINT NOT NULL'
const numbers = (count: number): Row[] => Array.from({ length: count }, (_, n) => ({ n }))
const stopped = (query: StreamingQuery): Promise<void> => within(query.stop(), () => query.status.message)
const expectStopped = (query: StreamingQuery): void => {
  expect([query.isActive, query.exception, query.status.message]).toEqual([false, null, 'Stopped'])
}
const folderOf = (): string => mkdtempSync(join(root, 'cp-'))

describe.each(masters)('%s', master => {
  test.each(Object.entries(triggers))('stop before the first row: %s', async (_name, trigger) => {
    await withSession(master, async session => {
      const { query } = await intoList(session.memoryStream(SCHEMA).toDF(), trigger)
      expect(session.streams.active).toEqual([query])
      expect(session.streams.get(query.id)).toBe(query)
      await stopped(query)
      expectStopped(query)
      expect(session.streams.active).toEqual([])
      expect(await query.awaitTermination()).toBe(true)
    })
  })

  test('stop while rows pour in, twice at once, and once more', async () => {
    await withSession(master, async session => {
      const frame = session.readStream.format('rate').option('rowsPerSecond', 200_000).load()
      const { query, rows } = await intoList(frame)
      await until(() => rows.length > 1000)
      await within(Promise.all([query.stop(), query.stop()]), () => query.status.message)
      await query.stop()
      expectStopped(query)
      const count = rows.length
      await new Promise(resolve => setTimeout(resolve, 30))
      expect(rows.length).toBe(count)
    })
  })

  test('stop while the sink is slow waits for the epoch at hand, and commits it', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      let release: () => void = () => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      const batches: number[] = []
      const query = await stream
        .toDF()
        .writeStream.foreachBatch(async (_, epoch) => {
          batches.push(epoch)
          await held
        })
        .start()
      stream.addData({ n: 1 })
      await until(() => batches.length === 1)
      const end = query.stop()
      expect(await query.awaitTermination(30)).toBe(false)
      release()
      await within(end, () => query.status.message)
      expectStopped(query)
      expect(query.lastProgress).toMatchObject({ batchId: 0, numInputRows: 1 })
    })
  })

  test('stop while it is restarting', async () => {
    await withSession(master, async session => {
      const query = await failing(session, 'WORKER_DIED')
      await until(() => /^Restarting after/.test(query.status.message))
      expect(query.isActive).toBe(true)
      await stopped(query)
      expectStopped(query)
    })
  })

  test('stop while its trigger changes', async () => {
    await withSession(master, async session => {
      const { query } = await intoList(session.memoryStream(SCHEMA).toDF())
      for (const trigger of [Trigger.processingTime('1 hour'), Trigger.realTime('1 hour'), Trigger.processingTime('1 hour')]) {
        query.setTrigger(trigger)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      const end = query.stop()
      query.setTrigger(Trigger.realTime('1 hour'))
      await within(end, () => query.status.message)
      expectStopped(query)
      expect(() => query.setTrigger(Trigger.once())).toThrow(expect.objectContaining({ code: 'QUERY_STOPPED' }))
    })
  })

  test('stop from inside foreach', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      let query: StreamingQuery | null = null
      let seen = 0
      query = await stream
        .toDF()
        .writeStream.trigger(Trigger.realTime('1 hour'))
        .foreach(() => {
          seen++
          void query?.stop()
        })
        .start()
      stream.addData(numbers(3))
      await within(query.awaitTermination(), () => query?.status.message ?? '')
      expectStopped(query)
      expect(seen).toBe(3)
    })
  })

  test('stop from inside foreachBatch may be awaited; what would wait for itself is refused', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      let query: StreamingQuery | null = null
      const codes: string[] = []
      query = await stream
        .toDF()
        .writeStream.foreachBatch(async batch => {
          expect(await batch.count()).toBe(2)
          codes.push(await codeOf(query?.awaitTermination() ?? Promise.resolve()))
          codes.push(await codeOf(query?.processAllAvailable() ?? Promise.resolve()))
          await query?.stop()
        })
        .start()
      stream.addData(numbers(2))
      await within(query.awaitTermination(), () => query?.status.message ?? '')
      expectStopped(query)
      expect(codes).toEqual(['UNSUPPORTED_OPERATION', 'UNSUPPORTED_OPERATION'])
      expect(query.lastProgress).toMatchObject({ batchId: 0 })
    })
  })

  test('the session is stopped from inside a foreachBatch, which may be awaited', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const { query: other } = await intoList(session.memoryStream(SCHEMA).toDF())
      let isOtherActive = true
      const query = await stream
        .toDF()
        .writeStream.foreachBatch(async () => {
          await session.stop()
          isOtherActive = other.isActive
        })
        .start()
      stream.addData(numbers(2))
      await within(query.awaitTermination(), () => query.status.message, 10_000)
      expectStopped(query)
      expect(isOtherActive).toBe(false)
      expect(query.lastProgress).toMatchObject({ batchId: 0 })
    })
  })

  test('two foreachBatch that stop the session do not wait for each other', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      let inside = 0
      const start = (): Promise<StreamingQuery> =>
        stream
          .toDF()
          .writeStream.foreachBatch(async () => {
            inside++
            await until(() => inside === 2)
            await session.stop()
          })
          .start()
      const queries = [await start(), await start()]
      stream.addData(numbers(2))
      for (const query of queries) {
        await within(query.awaitTermination(), () => query.status.message, 10_000)
        expectStopped(query)
      }
    })
  })

  test('stop from inside a listener', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      session.streams.addListener({
        onQueryProgress: ({ progress }) => void session.streams.get(progress.id)?.stop(),
      })
      const { query } = await intoList(stream.toDF(), { kind: 'default' })
      stream.addData(numbers(3))
      await within(query.awaitTermination(), () => query.status.message)
      expectStopped(query)
    })
  })

  test('the session stops its queries, and those that are being started, and its batches', async () => {
    await withSession(master, async session => {
      const { query } = await intoList(session.memoryStream(SCHEMA).toDF())
      const starting = codeOf(intoList(session.memoryStream(SCHEMA).toDF()))
      const batch = codeOf(session.range(1e12).write.format('noop').save())
      // Not before both are under way.
      await new Promise(resolve => setImmediate(resolve))
      await within(session.stop(), () => 'session')
      expectStopped(query)
      expect(session.streams.active).toEqual([])
      expect([await starting, await batch]).toEqual([expect.stringMatching(/QUERY_STOPPED|none/), 'QUERY_STOPPED'])
    })
  })

  test('the session stops what has only been asked for, and starts what is asked for then', async () => {
    await withSession(master, async session => {
      const starting = codeOf(intoList(session.memoryStream(SCHEMA).toDF()))
      const batch = codeOf(session.range(1e12).write.format('noop').save())
      const end = session.stop()
      const later = intoList(session.memoryStream(SCHEMA).toDF())
      await end
      expect([await starting, await batch]).toEqual(['QUERY_STOPPED', 'QUERY_STOPPED'])
      const { query } = await later
      expect(session.streams.active).toEqual([query])
    })
  })

  test('await using stops at the end of the block, also of one that throws', async () => {
    await withSession(master, async session => {
      let kept: StreamingQuery | null = null
      const body = async (): Promise<void> => {
        await using query = await session.memoryStream(SCHEMA).toDF().writeStream.format('noop').start()
        kept = query
        expect(query.isActive).toBe(true)
        throw new Error('the block has failed')
      }
      await expect(body()).rejects.toThrow('the block has failed')
      expect((kept as StreamingQuery | null)?.isActive).toBe(false)
    })
  })

  test('a query that died says of what to everybody, at any time', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const query = await stream
        .toDF()
        .writeStream.trigger(Trigger.realTime('1 hour'))
        .foreach(() => {
          throw new Error('no more')
        })
        .start()
      const waiting = [
        query.awaitTermination(),
        query.awaitTermination(20_000),
        query.processAllAvailable().then(() => query.processAllAvailable()),
      ]
      const results = Promise.allSettled(waiting)
      stream.addData({ n: 1 })
      for (const result of await within(results, () => query.status.message)) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ code: 'FOREACH_FAILED', message: expect.stringContaining('no more') })
        else expect(waiting.length).toBe(3)
      }
      await expect(query.awaitTermination()).rejects.toBe(query.exception)
      await expect(query.processAllAvailable()).rejects.toBe(query.exception)
      expect(query.status.message).toMatch(/^Terminated with exception: .*no more/)
      expect(query.isActive).toBe(false)
      // A stop does not reject: there is nothing left to stop.
      await query.stop()
      expect(query.exception).toMatchObject({ code: 'FOREACH_FAILED' })
    })
  })
})

/** A query that dies of what can be mended by a restart, each time it sees a row. */
const failing = async (session: WalkwaySession, code: 'WORKER_DIED'): Promise<StreamingQuery> => {
  const { EngineError, registerSink, Ticket } = await import('../../src/index.ts')
  registerSink({
    name: 'failing',
    describe: async () => ({
      home: 'caller',
      rows: 'objects',
      maxWriters: 1,
      guarantee: 'at-least-once',
      outputModes: ['append'],
      label: 'failing',
    }),
    open: () => ({
      rows: 'objects',
      open: () => Ticket.of(undefined),
      beginEpoch: () => {},
      offer: () => {
        throw new EngineError(code, { host: 1, reason: 'on purpose' })
      },
      step: () => false,
      prepare: () => Ticket.of(null),
      offeredCount: () => 0,
      acknowledgedCount: () => 0,
      close: () => Ticket.of(undefined),
    }),
    committer: () => null,
  })
  const stream = session.memoryStream(SCHEMA)
  const query = await stream
    .toDF()
    .writeStream.format('failing')
    .option('checkpointLocation', folderOf())
    .option('maxRestarts', 100)
    .trigger(Trigger.realTime('1 hour'))
    .start()
  stream.addData({ n: 1 })
  return query
}

describe('awaitTermination', () => {
  test('says false when its time is over, however long or short, and leaves no timer behind', async () => {
    await withSession('inline', async session => {
      const { query } = await intoList(session.memoryStream(SCHEMA).toDF())
      expect(await query.awaitTermination(0)).toBe(false)
      expect(await query.awaitTermination(-5)).toBe(false)
      const long = query.awaitTermination(2 ** 40)
      const longer = query.awaitTermination(Number.POSITIVE_INFINITY)
      expect(await query.awaitTermination(20)).toBe(false)
      await query.stop()
      expect(await Promise.all([long, longer, query.awaitTermination(0)])).toEqual([true, true, true])
    })
  })
})

describe('an AbortSignal', () => {
  test.each(masters)('%s: stops the query when it is aborted', async master => {
    await withSession(master, async session => {
      const controller = new AbortController()
      const stream = session.memoryStream(SCHEMA)
      const query = await stream.toDF().writeStream.format('noop').signal(controller.signal).start()
      stream.addData({ n: 1 })
      controller.abort()
      expect(await within(query.awaitTermination(), () => query.status.message)).toBe(true)
      expectStopped(query)
    })
  })

  test.each(masters)('%s: aborted before, or while the query starts, start rejects and leaves nothing', async master => {
    await withSession(master, async session => {
      const frame = session.memoryStream(SCHEMA).toDF()
      const location = folderOf()
      const start = (signal: AbortSignal) =>
        frame.writeStream.format('noop').queryName('aborted').option('checkpointLocation', location).signal(signal).start()
      await expect(start(AbortSignal.abort(new Error('too late')))).rejects.toMatchObject({
        code: 'QUERY_STOPPED',
        cause: expect.objectContaining({ message: 'too late' }),
      })
      expect(readdirSync(location)).toEqual([])
      const controller = new AbortController()
      const starting = start(controller.signal)
      await new Promise(resolve => setImmediate(resolve))
      controller.abort(new Error('changed my mind'))
      await expect(within(starting, () => 'starting')).rejects.toMatchObject({ code: 'QUERY_STOPPED' })
      expect(session.streams.active).toEqual([])
      // Name and checkpoint are free.
      await (await start(new AbortController().signal)).stop()
    })
  })

  test('one that is aborted after the end has no effect, and hears no more of the query', async () => {
    await withSession('inline', async session => {
      const controller = new AbortController()
      let listening = 0
      const { signal } = controller
      const add = signal.addEventListener.bind(signal)
      const remove = signal.removeEventListener.bind(signal)
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listening++
        add(...args)
      }
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listening--
        remove(...args)
      }
      const query = await session.memoryStream(SCHEMA).toDF().writeStream.format('noop').signal(signal).start()
      expect(listening).toBe(1)
      await query.stop()
      await until(() => listening === 0)
      controller.abort()
      expectStopped(query)
    })
  })

  test.each(masters)('%s: breaks a batch off, of which nothing is then visible', async master => {
    await withSession(master, async session => {
      const path = join(root, `batch-${master}`)
      const controller = new AbortController()
      const writing = session.range(1e12).write.signal(controller.signal).json(path)
      setTimeout(() => controller.abort(new Error('enough')), 60)
      await expect(within(writing, () => 'writing')).rejects.toMatchObject({
        code: 'QUERY_STOPPED',
        cause: expect.objectContaining({ message: 'enough' }),
      })
      // An empty folder may be left.
      expect(
        await codeOf(
          session.read
            .schema('id BIGINT')
            .json(path)
            .count()
            .then(count => expect(count).toBe(0)),
        ),
      ).toMatch(/none|PATH_NOT_FOUND/)
      await expect(session.range(3).write.signal(controller.signal).json(path)).rejects.toMatchObject({ code: 'QUERY_STOPPED' })
      // One that is not aborted is written.
      await session.range(3).write.signal(new AbortController().signal).json(`${path}-whole`)
      expect(await session.read.schema('id BIGINT').json(`${path}-whole`).count()).toBe(3)
    })
  })
})

describe('processAllAvailable', () => {
  test.each(masters)('%s: idle, under load, many at once, and at the end', async master => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const { query, rows } = await intoList(stream.toDF(), Trigger.realTime('1 hour'))
      await within(query.processAllAvailable(), () => query.status.message)
      let added = 0
      const feed = setInterval(() => {
        stream.addData(numbers(100))
        added += 100
      }, 1)
      try {
        await until(() => added > 500)
        const calls = Array.from({ length: 8 }, async () => {
          const before = added
          await query.processAllAvailable()
          expect(rows.length).toBeGreaterThanOrEqual(before)
        })
        await within(Promise.all(calls), () => query.status.message)
      } finally {
        clearInterval(feed)
      }
      await query.processAllAvailable()
      expect(rows.length).toBe(added)
      await query.stop()
      expect(await codeOf(query.processAllAvailable())).toBe('QUERY_STOPPED')
    })
  })

  test.each(masters)('%s: a query that ends by itself has processed what there was', async master => {
    await withSession(master, async session => {
      for (const trigger of [Trigger.once(), Trigger.availableNow()]) {
        const stream = session.memoryStream(SCHEMA)
        stream.addData(numbers(100))
        const { query, rows } = await intoList(stream.toDF(), trigger)
        await within(query.processAllAvailable(), () => query.status.message)
        await within(query.awaitTermination(), () => query.status.message)
        await query.processAllAvailable()
        expect(rows.length).toBe(100)
      }
    })
  })

  test('what a source has lost meanwhile is not waited for', async () => {
    let isLost = false
    const { open } = memorySource
    vi.spyOn(memorySource, 'open').mockImplementation(context => {
      const reader = open(context)
      const latest = reader.latest.bind(reader)
      reader.latest = whole => (isLost ? latest(whole) : Ticket.of({ ...latest(whole).value, gone: 5 }))
      return reader
    })
    try {
      for (const trigger of Object.values(triggers)) {
        isLost = false
        await withSession('inline', async session => {
          const stream = session.memoryStream(SCHEMA)
          const { query, rows } = await intoList(stream.toDF(), trigger)
          stream.addData(numbers(3))
          const all = query.processAllAvailable()
          await until(() => rows.length === 3)
          isLost = true
          await within(all, () => query.status.message, 10_000)
          stream.addData(numbers(2))
          await within(query.processAllAvailable(), () => query.status.message, 10_000)
          expect(rows.length).toBe(5)
        })
      }
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('a stop in the middle of it rejects it', async () => {
    await withSession('inline', async session => {
      const stream = session.memoryStream(SCHEMA)
      let release: () => void = () => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      const query = await stream
        .toDF()
        .writeStream.foreachBatch(() => held)
        .start()
      stream.addData({ n: 1 })
      await until(() => query.status.isTriggerActive)
      stream.addData({ n: 2 })
      const all = codeOf(query.processAllAvailable())
      await new Promise(resolve => setTimeout(resolve, 5))
      const end = query.stop()
      release()
      await end
      expect(await all).toBe('QUERY_STOPPED')
    })
  })
})
