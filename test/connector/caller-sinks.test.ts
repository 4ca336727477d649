import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { col, count, type ForeachWriter, lit, type Row, Trigger, udf } from '../../src/index.ts'
import { intoList, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: functions that a query calls are called as promised: in order, by epochs, again with the same number after a failure, and what they
// throw is told. Method: functions that write down what they are given.

const root = mkdtempSync(join(tmpdir(), 'walkway-sinks-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const SCHEMA = 'n BIGINT NOT NULL'
const numbers = (count_: number, from = 0): Row[] => Array.from({ length: count_ }, (_, n) => ({ n: from + n }))
const folderOf = (): string => mkdtempSync(join(root, 'cp-'))

describe.each(['inline', 'local[2]'])('%s', master => {
  test.each(Object.entries(triggers))(
    'a writer is opened and closed with each epoch, and rows come between: %s',
    async (_kind, trigger) => {
      await withSession(master, async session => {
        const stream = session.memoryStream(SCHEMA)
        const calls: string[] = []
        const writer: ForeachWriter = {
          open: epoch => void calls.push(`open ${epoch}`),
          process: ({ n }) => void calls.push(`row ${n}`),
          close: error => void calls.push(`close ${error}`),
        }
        const query = await stream.toDF().writeStream.trigger(trigger).foreach(writer).start()
        stream.addData(numbers(3))
        await query.processAllAvailable()
        stream.addData(numbers(2, 3))
        await query.processAllAvailable()
        await query.stop()
        const rows = calls.filter(call => call.startsWith('row'))
        expect(rows).toEqual(['row 0', 'row 1', 'row 2', 'row 3', 'row 4'])
        // open, rows, close; open, rows, close; epochs one after another.
        const shape = calls.map(call => call[0]).join('')
        expect(shape).toMatch(/^(or*c)+$/)
        const opened = calls.filter(call => call.startsWith('open'))
        expect(opened).toEqual(opened.map((_, epoch) => `open ${epoch}`))
        expect(calls.filter(call => call.startsWith('close')).every(call => call === 'close null')).toBe(true)
      })
    },
  )

  test('a writer that does not want an epoch is not given its rows', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const rows: Row[] = []
      const query = await stream
        .toDF()
        .writeStream.trigger({ kind: 'default' })
        .foreach({ open: epoch => epoch !== 1, process: row => void rows.push(row) })
        .start()
      for (let i = 0; i < 3; i++) {
        stream.addData({ n: i })
        await query.processAllAvailable()
      }
      expect(rows).toEqual([{ n: 0 }, { n: 2 }])
    })
  })

  test.each<[string, ForeachWriter | ((row: Row) => void), RegExp]>([
    [
      'a function',
      () => {
        throw new Error('no disk')
      },
      /no disk/,
    ],
    [
      'open',
      {
        open: () => {
          throw new Error('no door')
        },
        process: () => {},
      },
      /no door/,
    ],
    [
      'process',
      {
        process: () => {
          throw new Error('no room')
        },
      },
      /no room/,
    ],
    [
      'close',
      {
        process: () => {},
        close: () => {
          throw new Error('no end')
        },
      },
      /no end/,
    ],
    [
      'something that is no error',
      () => {
        throw 'a word'
      },
      /a word/,
    ],
    ['an async function', async () => {}, /promise.*foreachBatch/],
    ['an async process', { process: async () => Promise.reject(new Error('unheard')) }, /promise.*foreachBatch/],
    ['an async open', { open: async () => false, process: () => {} }, /promise.*foreachBatch/],
    ['an async close', { process: () => {}, close: async () => Promise.reject(new Error('unheard')) }, /promise.*foreachBatch/],
  ])('what %s throws stops the query, is coded, and is not tried again', async (_what, writer, text) => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const closed: unknown[] = []
      const given = typeof writer === 'function' ? writer : { close: (error: unknown) => void closed.push(error), ...writer }
      const query = await stream
        .toDF()
        .writeStream.option('checkpointLocation', folderOf())
        .trigger({ kind: 'default' })
        .foreach(given)
        .start()
      stream.addData({ n: 1 })
      await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({
        code: 'FOREACH_FAILED',
        message: expect.stringMatching(text),
      })
      if (_what === 'process') expect(closed).toEqual([expect.objectContaining({ message: 'no room' })])
    })
  })

  test('a batch comes again with its number and its rows after a failure, and then the next ones', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const folder = folderOf()
      const batches: [number, number[]][] = []
      let fails = true
      const start = () =>
        stream
          .toDF()
          .writeStream.option('checkpointLocation', folder)
          .foreachBatch(async (batch, epoch) => {
            batches.push([epoch, (await batch.collect()).map(({ n }) => Number(n))])
            if (fails && epoch === 1) throw new Error('the database is away')
          })
          .start()
      stream.addData(numbers(2))
      const first = await start()
      await first.processAllAvailable()
      stream.addData(numbers(2, 2))
      await expect(within(first.awaitTermination(), () => first.status.message)).rejects.toMatchObject({
        code: 'FOREACH_FAILED',
        message: expect.stringContaining('the database is away'),
      })
      // More has come meanwhile: it is not put into the batch that is done again.
      stream.addData(numbers(3, 4))
      fails = false
      const second = await start()
      await within(second.processAllAvailable(), () => second.status.message)
      expect(batches).toEqual([
        [0, [0, 1]],
        [1, [2, 3]],
        [1, [2, 3]],
        [2, [4, 5, 6]],
      ])
      expect([second.id === first.id, second.runId === first.runId]).toEqual([true, false])
    })
  })

  test('a batch is a table like others: it can be asked, joined and written', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const results: unknown[] = []
      const names = session.createDataFrame([{ n: 1, name: 'one' }], 'n BIGINT, name STRING')
      const query = await stream
        .toDF()
        .writeStream.foreachBatch(async batch => {
          results.push(batch.columns, await batch.count(), await batch.join(names, 'n').collect())
          await batch.write.format('noop').save()
          const rows: Row[] = []
          await batch.filter(col('n').gt(1)).write.foreach(row => void rows.push(row))
          results.push(rows)
        })
        .start()
      stream.addData(numbers(3))
      await query.processAllAvailable()
      expect(results).toEqual([['n'], 3, [{ n: 1, name: 'one' }], [{ n: 2 }]])
    })
  })

  test('a memory table holds the rows, replaces them in complete mode, and begins anew with a new query', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const start = (name: string, mode: 'append' | 'complete') => {
        const frame = mode === 'append' ? stream.toDF() : stream.toDF().groupBy().agg(count('*').alias('rows'))
        return frame.writeStream.format('memory').queryName(name).outputMode(mode).trigger({ kind: 'default' }).start()
      }
      const [rows, totals] = [await start('rows', 'append'), await start('totals', 'complete')]
      for (let i = 0; i < 2; i++) {
        stream.addData({ n: i })
        await Promise.all([rows.processAllAvailable(), totals.processAllAvailable()])
      }
      expect(await session.table('rows').collect()).toEqual([{ n: 0 }, { n: 1 }])
      expect(await session.table('totals').collect()).toEqual([{ rows: 2 }])
      await rows.stop()
      // Still there, until another query takes the name.
      expect(await session.table('rows').count()).toBe(2)
      const again = await start('rows', 'append')
      await again.processAllAvailable()
      expect(await session.table('rows').count()).toBe(2)
      // Another session has tables of its own.
      await withSession('inline', async other => {
        expect(() => other.table('rows')).toThrow(expect.objectContaining({ code: 'TABLE_NOT_FOUND' }))
      })
    })
  })
})

test('a function that is still at a batch when the query restarts is not called beside itself', async () => {
  const workers: Worker[] = []
  const note = (worker: Worker): void => void workers.push(worker)
  process.on('worker', note)
  try {
    await withSession('local[1]', async session => {
      const stream = session.memoryStream(SCHEMA)
      let finish: () => void = () => {}
      const held = new Promise<void>(resolve => {
        finish = resolve
      })
      const calls: string[] = []
      const query = await stream
        .toDF()
        .groupBy('n')
        .count()
        .writeStream.outputMode('update')
        .option('checkpointLocation', folderOf())
        .foreachBatch(async (batch, epoch) => {
          calls.push(`begin ${epoch}`)
          if (calls.length === 1) await held
          calls.push(`end ${epoch} ${await batch.count()}`)
        })
        .start()
      stream.addData(numbers(3))
      await until(() => calls.length === 1)
      await Promise.all(workers.map(worker => worker.terminate()))
      await until(() => query.status.message.startsWith('Restarting'))
      await until(() => query.status.isTriggerActive)
      // Time in which it would be called if it were not waited for.
      await new Promise(resolve => setTimeout(resolve, 300))
      expect(calls).toEqual(['begin 0'])
      finish()
      await within(query.processAllAvailable(), () => query.status.message)
      expect(calls).toEqual(['begin 0', 'end 0 3', 'begin 0', 'end 0 3'])
    })
  } finally {
    process.off('worker', note)
  }
})

test('a memory table holds no row twice after a restart in the same process', async () => {
  await withSession('local[1]', async session => {
    const perhapsDie = udf.module(new URL('../faults/programs/deadly-functions.mjs', import.meta.url), 'perhapsDie', 'bigint')
    const order = join(root, 'order')
    writeFileSync(order, 'exit 0')
    const stream = session.memoryStream(SCHEMA)
    const query = await stream
      .toDF()
      .select(perhapsDie('n', lit(order)).alias('n'))
      .writeStream.format('memory')
      .queryName('once')
      .option('checkpointLocation', folderOf())
      .trigger(Trigger.realTime('1 hour'))
      .start()
    stream.addData(numbers(10))
    await within(query.processAllAvailable(), () => query.status.message)
    stream.addData(numbers(10, 10))
    await until(() => query.latencies?.e2eLatencyMs.count === 20)
    expect(await session.table('once').count()).toBe(20)
    // Ten rows are not committed, and come again.
    writeFileSync(order, 'exit 1')
    stream.addData({ n: 20 })
    await until(() => readFileSync(order, 'utf8') === 'exit 0')
    await within(query.processAllAvailable(), () => query.status.message)
    expect((await session.table('once').collect()).map(({ n }) => n)).toEqual(numbers(21).map(({ n }) => n))
  })
})

test('inline, a callback is called before push returns, and in the order of the rows', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream(SCHEMA)
    const { query, rows } = await intoList(stream.toDF().filter(col('n').gt(1)), Trigger.realTime('1 hour'))
    await query.processAllAvailable()
    for (let n = 0; n < 5; n++) {
      stream.push({ n })
      expect(rows.length).toBe(Math.max(0, n - 1))
    }
    expect(rows).toEqual(numbers(3, 2))
  })
})
