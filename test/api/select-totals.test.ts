import { describe, expect, it } from 'vitest'
import { avg, col, count, countDistinct, type DataFrame, first, lit, max, sum, WalkwaySession, window } from '../../src/index.ts'
import { masters, triggers, withSession } from '../support/masters.ts'

// Goal: totals in a select are totals of all rows, on tables and on streams, and beside them stands nothing that differs from row to row,
// as in Spark. Method: against groupBy().agg(…), and by the codes that are Spark's conditions.

const schema = 'k string, x int'
const rows = [
  { k: 'a', x: 1 },
  { k: 'a', x: 2 },
  { k: 'b', x: null },
]

describe.each(masters)('%s', master => {
  it('a table', async () => {
    await withSession(master, async session => {
      const table = session.createDataFrame(rows, schema)
      const totals = table.select(count('*'), sum('x').plus(1).alias('more'), countDistinct('k').alias('keys'), lit('all').alias('of'))
      expect(totals.columns).toEqual(['count(1)', 'more', 'keys', 'of'])
      expect(await totals.collect()).toEqual([{ 'count(1)': 3, more: 4, keys: 2, of: 'all' }])
      expect(await table.filter(col('k').equalTo('z')).select(count('*').alias('n'), sum('x').alias('s')).collect()).toEqual([
        { n: 0, s: null },
      ])
      expect(await table.select(max('x').alias('m')).filter(col('m').gt(1)).collect()).toEqual([{ m: 2 }])
    })
  })

  it.each(Object.entries(triggers))('a stream, %s', async (_name, trigger) => {
    await withSession(master, async session => {
      const stream = session.memoryStream(schema)
      const results: unknown[] = []
      const query = await stream
        .toDF()
        .select(count('*').alias('n'), sum('x').alias('s'), avg('x').alias('mean'))
        .writeStream.outputMode('update')
        .trigger(trigger)
        .foreach(row => void results.push(row))
        .start()
      stream.addData(rows)
      await query.processAllAvailable()
      stream.addData([{ k: 'c', x: 6 }])
      await query.processAllAvailable()
      await query.stop()
      expect(results.at(-1)).toEqual({ n: 4, s: 9, mean: 3 })
    })
  })
})

const session = WalkwaySession.builder().master('inline').create()
const table = session.createDataFrame(rows, schema)

describe('what is computed of groups', () => {
  const refused: readonly (readonly [string, string, () => DataFrame])[] = [
    ['a plain column beside totals', 'MISSING_GROUP_BY', () => table.select(count('*'), 'x')],
    ['one around a total', 'MISSING_GROUP_BY', () => table.select(sum('x').plus(col('x')))],
    ['all columns', 'MISSING_GROUP_BY', () => table.select('*', count('*'))],
    ['those that withColumn keeps', 'MISSING_GROUP_BY', () => table.withColumn('n', count('*'))],
    ['a window', 'MISSING_GROUP_BY', () => table.select(window(col('x').cast('timestamp'), 1000), count('*'))],
    ['a column in agg over all rows', 'MISSING_GROUP_BY', () => table.agg(col('x'))],
    ['a column in agg that is no key', 'MISSING_AGGREGATION', () => table.groupBy('k').agg(count('*'), col('x').plus(1))],
    ['a total of totals', 'NESTED_AGGREGATE_FUNCTION', () => table.select(sum(max('x')))],
    ['groups by a total', 'GROUP_BY_AGGREGATE', () => table.groupBy(sum('x')).count()],
    ['a condition on a total', 'INVALID_WHERE_CONDITION', () => table.filter(count('*').gt(1))],
    ['a name that is not there', 'UNRESOLVED_COLUMN', () => table.select(count('*'), 'z')],
    ['a total of a stream never ends', 'UNSUPPORTED_OUTPUT_MODE', () => session.memoryStream(schema).toDF().select(count('*'))],
  ]
  it.each(refused)('refuses %s', async (_name, code, make) => {
    const run = async (): Promise<unknown> => {
      const frame = make()
      const { schema: shown } = frame
      return frame.isStreaming ? frame.writeStream.format('noop').start() : shown
    }
    await expect(run()).rejects.toThrow(expect.objectContaining({ code }))
  })

  it('names what is at fault', () => {
    expect(() => table.withColumn('n', count('*')).schema).toThrow(/^\[MISSING_GROUP_BY\] k stands beside/)
  })

  it('may have expressions by which is grouped, under any name', async () => {
    const even = col('x').mod(2)
    const grouped = table.groupBy(even.alias('even'), 'k').agg(even.plus(10).alias('shifted'), first('k').alias('f'), col('k').alias('kk'))
    expect(await grouped.filter(col('even').equalTo(1)).collect()).toEqual([{ even: 1, k: 'a', shifted: 11, f: 'a', kk: 'a' }])
  })
})
