import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { col, type Row } from '../../src/index.ts'
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
  })
})
