import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { countDistinct, type Row, sumDistinct } from '../../src/index.ts'
import { masters, triggers, withSession } from '../support/masters.ts'

// Goal: distinct values are known again after a restart, on another number of workers too. Method: the same values before and after.

const root = mkdtempSync(join(tmpdir(), 'walkway-distinct-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe.each(masters)('%s, then the others', master => {
  test.each(Object.entries(triggers))('%s', async (name, trigger) => {
    const newest = new Map<number, readonly [number, number]>()
    for (const [round, then] of [master, ...masters].entries()) {
      await withSession(then, async session => {
        const stream = session.memoryStream('key INT NOT NULL, value INT')
        // Neighbouring rounds share a value of each key.
        const rows = Array.from({ length: (round + 1) * 40 }, (_, i) => ({ key: i % 8, value: i % 5 === 0 ? null : Math.floor(i / 16) }))
        const query = await stream
          .toDF()
          .groupBy('key')
          .agg(countDistinct('value').alias('values'), sumDistinct('value').alias('sum'))
          .writeStream.outputMode('update')
          .option('checkpointLocation', join(root, `${name}-${master}`))
          .trigger(trigger)
          .foreach((row: Row) => void newest.set(Number(row.key), [Number(row.values), Number(row.sum)]))
          .start()
        stream.addData(rows)
        await query.processAllAvailable()
        await query.stop()
        for (const key of Array.from({ length: 8 }, (_, i) => i)) {
          const values = new Set(rows.filter(row => row.key === key).flatMap(({ value }) => (value === null ? [] : [value])))
          expect(newest.get(key)).toEqual([values.size, [...values].reduce((a, b) => a + b, 0)])
        }
      })
    }
  })
})
