import { describe, expect, it } from 'vitest'
import { col, count, countDistinct, struct, when } from '../../src/index.ts'
import { intoList, masters, withSession } from '../support/masters.ts'

// Goal: −0 and 0 are one key, as all NaNs are, and the key that is shown is 0. Method: expectations that Spark 4.3 computed.

const rows = [
  { d: -0, f: -0, v: -0 },
  { d: 0, f: 0, v: 2 },
  { d: Number.NaN, f: 1.5, v: 3 },
  { d: Number.NaN, f: 1.5, v: 4 },
  { d: null, f: null, v: 5 },
]
const schema = 'd double, f float, v double'

describe.each(masters)('%s', master => {
  it('a table', async () => {
    await withSession(master, async session => {
      const table = session.createDataFrame(rows, schema).repartition(1)
      expect(await table.select('d').distinct().sort('d').collect()).toEqual([{ d: null }, { d: 0 }, { d: Number.NaN }])
      // `toEqual` tells −0 from 0. What is not compared stays as it is.
      expect(await table.dropDuplicates('d', 'f').sort('d').collect()).toEqual([rows[4], { d: 0, f: 0, v: -0 }, rows[2]])
      expect(await table.groupBy('d').agg(count('*').alias('n')).sort('d').collect()).toEqual([
        { d: null, n: 1 },
        { d: 0, n: 2 },
        { d: Number.NaN, n: 2 },
      ])
      expect(await table.select(countDistinct('d').alias('n')).collect()).toEqual([{ n: 2 }])
      const nested = table.select(when(col('d').isNotNull(), struct('d', 'f')).alias('s')).distinct()
      expect(await nested.sort('s').collect()).toEqual([{ s: null }, { s: { d: 0, f: 0 } }, { s: { d: Number.NaN, f: 1.5 } }])
    })
  })

  it('a stream, whose rows pass as they came', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(schema)
      const { query, rows: seen } = await intoList(stream.toDF().repartition(1).dropDuplicates('d'))
      stream.addData(rows)
      await query.processAllAvailable()
      await query.stop()
      expect([...seen].sort((l, r) => Number(l.v) - Number(r.v))).toEqual([rows[0], rows[2], rows[4]])
    })
  })
})
