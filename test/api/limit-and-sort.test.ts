import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Column, col, count, desc, type Row } from '../../src/index.ts'
import { codeOf, masters, triggers, withSession } from '../support/masters.ts'

// Goal: limit and sort mean the same on every number of workers, in every mode, and over restarts. Method: rows whose order is known.

const root = mkdtempSync(join(tmpdir(), 'walkway-limit-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const ids = (rows: readonly Row[]): number[] => rows.map(({ id }) => Number(id))

describe.each(masters)('%s', master => {
  test('a table: its first rows, of all partitions together', async () => {
    await withSession(master, async session => {
      expect(ids(await session.range(1000).limit(4).collect())).toEqual([0, 1, 2, 3])
      expect(await session.range(1000).limit(0).collect()).toEqual([])
      expect(await session.range(5).limit(7).count()).toBe(5)
      expect(await session.range(1000).repartition(4, 'id').limit(7).filter(col('id').geq(0)).count()).toBe(7)
    })
  })

  test('a table in order, and its first rows', async () => {
    await withSession(master, async session => {
      const table = session.range(1000).withColumn('rest', col('id').mod(7)).repartition(4, 'id')
      const sorted = await table.sort(desc('rest'), 'id').collect()
      expect(sorted).toHaveLength(1000)
      expect(ids(sorted.slice(0, 3))).toEqual([6, 13, 20])
      expect(ids(await table.orderBy(col('rest'), col('id').desc()).limit(2).collect())).toEqual([994, 987])
      const nulls = session.createDataFrame([{ a: null }, { a: 2 }, { a: 1 }], 'a INT')
      const by = async (column: Column): Promise<unknown[]> => (await nulls.sort(column).collect()).map(({ a }) => a)
      expect(await by(col('a'))).toEqual([null, 1, 2])
      expect(await by(col('a').desc())).toEqual([2, 1, null])
      expect(await by(col('a').ascNullsLast())).toEqual([1, 2, null])
      expect(await by(col('a').descNullsFirst())).toEqual([null, 2, 1])
    })
  })

  test.each(Object.entries(triggers))('totals in complete mode, %s: each result in order', async (_, trigger) => {
    await withSession(master, async session => {
      const stream = session.memoryStream('id BIGINT NOT NULL')
      let rows: Row[] = []
      let result: Row[] = []
      const totals = stream.toDF().groupBy('id').agg(count('*').alias('n'))
      const query = await totals
        .sort(desc('n'), 'id')
        .limit(3)
        .writeStream.outputMode('complete')
        .trigger(trigger)
        .foreach({
          open: () => {
            rows = []
          },
          process: row => void rows.push(row),
          // Real time has begun the next epoch already, whose result comes at its end.
          close: () => {
            if (rows.length > 0) result = rows
          },
        })
        .start()
      stream.addData([5, 4, 3, 3, 9].map(id => ({ id })))
      await query.processAllAvailable()
      expect(ids(result)).toEqual([3, 4, 5])
      stream.addData([9, 9, 5].map(id => ({ id })))
      await query.processAllAvailable()
      expect(ids(result)).toEqual([9, 3, 5])
      expect(query.lastProgress?.stateOperators.map(({ operatorName }) => operatorName)).toEqual(['aggregate'])
      await query.stop()
    })
  })

  test.each(Object.entries(triggers))('a stream, %s: the first rows of the whole life of the query', async (name, trigger) => {
    await withSession(master, async session => {
      const stream = session.memoryStream('id BIGINT NOT NULL')
      const rows: Row[] = []
      const add = (from: number, to: number): void => {
        stream.addData(Array.from({ length: to - from }, (_, i) => ({ id: from + i })))
      }
      const start = () =>
        stream
          .toDF()
          .repartition(2, 'id')
          .limit(10)
          .writeStream.option('checkpointLocation', join(root, `${name}-${master}`))
          .trigger(trigger)
          .foreach(row => void rows.push(row))
          .start()
      let query = await start()
      add(0, 3)
      await query.processAllAvailable()
      add(3, 6)
      await query.processAllAvailable()
      await query.stop()
      expect(ids(rows).sort()).toEqual([0, 1, 2, 3, 4, 5])
      query = await start()
      add(6, 20)
      await query.processAllAvailable()
      expect(rows).toHaveLength(10)
      expect(query.lastProgress?.stateOperators.map(({ operatorName, numRowsTotal }) => [operatorName, numRowsTotal])).toEqual([
        ['globalLimit', 1],
      ])
      add(20, 30)
      await query.processAllAvailable()
      await query.stop()
      expect(rows).toHaveLength(10)
      expect(new Set(ids(rows)).size).toBe(10)
    })
  })
})

test('what means nothing is refused', async () => {
  await withSession('inline', async session => {
    const stream = session.memoryStream('id BIGINT NOT NULL').toDF()
    for (const count of [-1, 1.5, Number.NaN]) await expect(async () => stream.limit(count)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    expect(await codeOf(stream.limit(3).writeStream.outputMode('update').format('noop').start())).toBe('UNSUPPORTED_OPERATION')
    const sorted = stream.groupBy('id').agg(count('*').alias('n')).sort('n')
    expect(await codeOf(stream.sort('id').writeStream.format('noop').start())).toBe('UNSUPPORTED_OPERATION')
    expect(await codeOf(sorted.writeStream.outputMode('update').format('noop').start())).toBe('UNSUPPORTED_OPERATION')
    const early = stream.sort('id').groupBy('id').agg(count('*').alias('n'))
    expect(await codeOf(early.writeStream.outputMode('complete').format('noop').start())).toBe('UNSUPPORTED_OPERATION')
  })
})
