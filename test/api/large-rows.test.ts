import { describe, expect, test } from 'vitest'
import { col, count, first, length, max, type Row, Trigger } from '../../src/index.ts'
import { masters, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a row may have any size up to the limit, whatever it has to cross, and beyond it the query says so. Method: texts of sizes around
// those of a ring and a quarter of it, through a keyed exchange between two workers; many columns; rows of nulls; no rows.

const RING = 1 << 20
const LIMIT = 16 * RING

/** Different from end to end, so that a part that is lost or put elsewhere is seen. */
const textOf = (size: number, seed: number): string => {
  const part = Array.from({ length: 997 }, (_, i) => String.fromCharCode(97 + ((i * 31 + seed) % 26))).join('')
  return `${part.repeat(Math.ceil(size / part.length)).slice(0, size - 8)}${String(seed).padStart(8, '-')}`
}

describe.each(masters)('%s', master => {
  test('texts of 1 KB to several MB, also larger than a ring, come out as they went in', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream('key INT NOT NULL, text STRING')
      const rows: Row[] = []
      const query = await stream
        .toDF()
        .repartition('key')
        .filter(length('text').gt(0))
        .writeStream.trigger(Trigger.realTime('1 hour'))
        .foreach(row => void rows.push(row))
        .start()
      const sizes = [1024, 100_000, RING / 4 - 64, RING / 4, RING / 4 + 64, RING - 64, RING, RING + 64, 3 * RING, LIMIT - RING, 8, 1024]
      const sent = sizes.map((size, key) => ({ key, text: textOf(size, key) }))
      stream.addData(sent)
      await within(query.processAllAvailable(), () => `${query.status.message}, ${rows.length} rows`)
      const got = new Map(rows.map(row => [row.key, row.text]))
      expect(got.size).toBe(sent.length)
      for (const { key, text } of sent) expect(got.get(key) === text, `${sizes[key]} bytes`).toBe(true)
      expect(query.exception).toBe(null)
    })
  })

  test('large texts as state, and as a checkpointed total of a key', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream('key INT NOT NULL, text STRING')
      const rows: Row[] = []
      const query = await stream
        .toDF()
        .groupBy('key')
        .agg(max('text').alias('largest'), first('text').alias('first'), count('*').alias('n'))
        .writeStream.outputMode('update')
        .trigger({ kind: 'default' })
        .foreach(row => void rows.push(row))
        .start()
      const [a, b] = [textOf(300_000, 1), textOf(RING + 5, 2)]
      stream.addData({ key: 1, text: a }, { key: 2, text: b })
      await within(query.processAllAvailable(), () => query.status.message)
      stream.addData({ key: 1, text: b }, { key: 2, text: a })
      await within(query.processAllAvailable(), () => query.status.message)
      const last = rows.filter(({ n }) => n === 2)
      const largest = a > b ? a : b
      expect(last.length).toBe(2)
      for (const row of last) {
        expect(row.largest === largest).toBe(true)
        expect(row.first === (row.key === 1 ? a : b)).toBe(true)
      }
    })
  })

  test('a row beyond the limit is refused by its size, wherever it must be a record', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream('key INT NOT NULL, text STRING')
      const query = await stream.toDF().repartition('key').writeStream.format('noop').trigger(Trigger.realTime('1 hour')).start()
      stream.addData({ key: 1, text: 'x'.repeat(LIMIT + 1) })
      await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(/\d{8} bytes.*16\d* /),
      })
    })
  })

  test('300 columns of every type, nulls in every second, and a row of nothing but nulls', async () => {
    await withSession(master, async session => {
      const types = ['BIGINT', 'STRING', 'DOUBLE', 'BOOLEAN', 'DECIMAL(10,2)', 'INT']
      const values = [7, 'text', 1.5, true, '3.25', -1]
      const names = Array.from({ length: 300 }, (_, i) => `c${i}`)
      const stream = session.memoryStream(`key INT, ${names.map((name, i) => `${name} ${types[i % types.length]}`).join(', ')}`)
      const rows: Row[] = []
      const query = await stream
        .toDF()
        .repartition('key')
        .writeStream.foreach(row => void rows.push(row))
        .start()
      const full = Object.fromEntries(names.map((name, i) => [name, values[i % values.length]]))
      const half = Object.fromEntries(names.map((name, i) => [name, i % 2 === 0 ? null : values[i % values.length]]))
      const none = Object.fromEntries(names.map(name => [name, null]))
      stream.addData({ key: 1, ...full }, { key: 2, ...half }, { key: null, ...none }, {})
      await within(query.processAllAvailable(), () => query.status.message)
      const byKey = (key: number | null): Row[] => rows.filter(row => row.key === key)
      expect(byKey(1)).toEqual([{ key: 1, ...full }])
      expect(byKey(2)).toEqual([{ key: 2, ...half }])
      expect(byKey(null)).toEqual([
        { key: null, ...none },
        { key: null, ...none },
      ])
    })
  })

  test('no rows at all', async () => {
    await withSession(master, async session => {
      const empty = session.createDataFrame([], 'key INT, text STRING')
      expect(await empty.collect()).toEqual([])
      expect(await empty.groupBy('key').agg(count('*')).collect()).toEqual([])
      expect(await empty.count()).toBe(0)
      expect(await empty.agg(count('*').alias('n'), max('text').alias('most')).collect()).toEqual([{ n: 0, most: null }])
      expect(await empty.join(session.createDataFrame([{ id: 1 }], 'id INT'), col('key').equalTo(col('id'))).collect()).toEqual([])
      const stream = session.memoryStream('key INT')
      const query = await stream.toDF().groupBy('key').count().writeStream.outputMode('complete').format('memory').queryName('none').start()
      await within(query.processAllAvailable(), () => query.status.message)
      expect(await session.table('none').collect()).toEqual([])
    })
  })
})
