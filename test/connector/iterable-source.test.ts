import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Row, Trigger } from '../../src/index.ts'
import { codeOf, intoList, triggers, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: whatever can be iterated is read to its end, no faster than the query takes it, and what it fails with is told. Method: iterables
// of every kind that count what was asked of them.

const SCHEMA = 'n BIGINT NOT NULL'
const numbers = (count: number): Row[] => Array.from({ length: count }, (_, n) => ({ n }))
/** Turns of the event loop, with time for all that it has to do: however late a timer comes, work that was due has had its turn. */
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setTimeout(resolve, 1))
}
async function* slowly(count: number): AsyncGenerator<Row> {
  for (let n = 0; n < count; n++) {
    if (n % 100 === 0) await new Promise(resolve => setImmediate(resolve))
    yield { n }
  }
}

describe.each(['inline', 'local[2]'])('%s', master => {
  describe.each(Object.keys(triggers))('%s', kind => {
    test.each<[string, () => AsyncIterable<Row> | Iterable<Row>]>([
      ['a list', () => numbers(3000)],
      ['a generator', () => numbers(3000).values()],
      ['an async generator', () => slowly(3000)],
      ['a Node stream', () => Readable.from(numbers(3000))],
      ['a list of promises', () => numbers(3000).map(row => Promise.resolve(row)) as unknown as Row[]],
    ])('%s is read to its end, where the query ends', async (_what, make) => {
      await withSession(master, async session => {
        const { query, rows } = await intoList(session.fromIterable(make(), SCHEMA), triggers[kind])
        await within(query.awaitTermination(), () => `${query.status.message}, ${rows.length} rows`)
        expect(rows).toEqual(numbers(3000))
      })
    })

    test('one that throws midway: the rows before are processed, then the query says why it died', async () => {
      await withSession(master, async session => {
        const failing = async function* (): AsyncGenerator<Row> {
          yield* numbers(1500)
          throw new Error('the line is dead')
        }
        const { query, rows } = await intoList(session.fromIterable(failing(), SCHEMA), triggers[kind])
        await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({
          code: 'SOURCE_FAILED',
          message: expect.stringContaining('the line is dead'),
        })
        expect(rows.length).toBeLessThanOrEqual(1500)
        if (master === 'inline') expect(rows).toEqual(numbers(1500))
      })
    })
  })

  test('one that never ends is told when the query stops, and what it gave is processed', async () => {
    await withSession(master, async session => {
      let given = 0
      let isOver = false
      const endless = async function* (): AsyncGenerator<Row> {
        try {
          for (;;) {
            await new Promise(resolve => setImmediate(resolve))
            yield { n: given++ }
          }
        } finally {
          isOver = true
        }
      }
      const { query, rows } = await intoList(session.fromIterable(endless(), SCHEMA))
      await until(() => rows.length > 10)
      await within(query.stop(), () => query.status.message)
      await until(() => isOver)
      expect(rows.length).toBeGreaterThan(10)
      expect(given - rows.length).toBeLessThanOrEqual(1)
      expect(rows).toEqual(numbers(rows.length))
    })
  })

  test('one that waits for ever does not hold up the stop', async () => {
    await withSession(master, async session => {
      const silent = async function* (): AsyncGenerator<Row> {
        yield { n: 0 }
        await new Promise(() => {})
      }
      const { query, rows } = await intoList(session.fromIterable(silent(), SCHEMA))
      await query.processAllAvailable()
      await within(query.stop(), () => query.status.message)
      expect(rows).toEqual([{ n: 0 }])
    })
  })

  test('a second query is refused, not given an empty stream', async () => {
    await withSession(master, async session => {
      const frame = session.fromIterable(numbers(3), SCHEMA)
      const { query } = await intoList(frame)
      await query.awaitTermination()
      expect(await codeOf(intoList(frame))).toBe('SOURCE_TAKEN')
    })
  })

  test('a query that has it twice reads it once', async () => {
    await withSession(master, async session => {
      const twice = session.fromIterable(numbers(3), SCHEMA)
      const { query, rows } = await intoList(twice.union(twice))
      await query.awaitTermination()
      expect(rows.map(({ n }) => n).sort()).toEqual([0, 0, 1, 1, 2, 2])
    })
  })
})

test('nothing is pulled before a query reads, and then only a little ahead of it', async () => {
  await withSession('inline', async session => {
    let asked = 0
    const counting: AsyncIterable<Row> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: { n: asked++ } }),
      }),
    }
    const frame = session.fromIterable(counting, SCHEMA)
    await turns(5)
    expect(asked).toBe(0)
    // A sink that takes its time over one batch: meanwhile nothing more is pulled than the buffer holds.
    let release: () => void = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    let batches = 0
    let taken = 0
    const query = await frame.writeStream
      .foreachBatch(async batch => {
        taken += await batch.count()
        if (batches++ === 0) await held
      })
      .start()
    await until(() => batches === 1)
    await turns(100)
    expect(asked - taken).toBeLessThanOrEqual(1025)
    const atRest = asked
    await turns(100)
    expect(asked).toBe(atRest)
    release()
    await until(() => taken > atRest)
    await query.stop()
  })
})

test.each([
  ['a number', 7],
  ['nothing', undefined],
  ['null', null],
  ['a plain object', {}],
])('%s is refused at once', async (_what, value) => {
  await withSession('inline', async session => {
    expect(() => session.fromIterable(value as unknown as Row[], SCHEMA)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
  })
})

test.each([
  ['text', ['a']],
  ['bytes', [Buffer.from('abc')]],
  ['a list', [[1, 2]]],
  ['null', [null]],
])('a row that is %s is refused by name', async (what, rows) => {
  await withSession('inline', async session => {
    const frame = session.fromIterable(rows as unknown as Row[], 'n BIGINT')
    const { query } = await intoList(frame)
    await expect(query.awaitTermination()).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      message: expect.stringContaining(what === 'text' ? 'string' : what),
    })
  })
})

test('a query that failed goes on with the rows that were not yet read', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const folder = mkdtempSync('/tmp/walkway-iterable-')
  try {
    await withSession('local[1]', async session => {
      const seen: number[] = []
      const query = await session
        .fromIterable(slowly(4000), SCHEMA)
        .writeStream.trigger(Trigger.realTime(10))
        .option('checkpointLocation', folder)
        .foreach(({ n }) => {
          seen.push(Number(n))
        })
        .start()
      await until(() => seen.length > 100)
      await within(query.awaitTermination(), () => query.status.message)
      expect(seen).toEqual(Array.from({ length: 4000 }, (_, n) => n))
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
