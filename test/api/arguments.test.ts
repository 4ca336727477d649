import { describe, expect, it } from 'vitest'
import { asc, type Column, type ColumnOrName, col, count, desc, sum, WalkwaySession } from '../../src/index.ts'
import { codeOf } from '../support/masters.ts'

// Goal: what Spark takes one by one is taken so, and as a list; what is neither is refused with a code. Method: both ways, and plain
// JavaScript's mistakes.

const session = WalkwaySession.builder().master('inline').create()
const table = session.createDataFrame(
  [
    { a: 1, b: 'x', c: 1 },
    { a: 1, b: 'x', c: 2 },
    { a: 1, b: 'y', c: 3 },
    { a: 2, b: 'x', c: 4 },
  ],
  'a int, b string, c int',
)
const badArgument = expect.objectContaining({ code: 'BAD_ARGUMENT' })

describe('columns', () => {
  it('are given one by one or as a list', async () => {
    const one = await table.select('a', col('b')).collect()
    expect(await table.select(['a', col('b')]).collect()).toEqual(one)
    expect(await table.groupBy('a', 'b').count().sort('a', 'b').collect()).toEqual(
      await table.groupBy(['a', 'b']).count().sort(['a', 'b']).collect(),
    )
    expect(
      await table
        .groupBy('a')
        .agg(count('*').alias('n'), sum('c').alias('s'))
        .orderBy([desc('a')])
        .collect(),
    ).toEqual(
      await table
        .groupBy('a')
        .agg([count('*').alias('n'), sum('c').alias('s')])
        .orderBy(desc('a'))
        .collect(),
    )
    expect(await table.agg([sum('c').alias('s')]).collect()).toEqual([{ s: 10 }])
    for (const spread of [
      table.repartition(2, 'a', 'b'),
      table.repartition(2, ['a', 'b']),
      table.repartition('a'),
      table.repartition(['a']),
    ])
      expect(await spread.sort(asc('c')).collect()).toEqual(await table.collect())
  })

  it('are dropped by name or as a Column', () => {
    expect(table.drop('a', 'b').columns).toEqual(['c'])
    expect(table.drop(['a', 'B']).columns).toEqual(['c'])
    expect(table.drop(col('a'), 'c').columns).toEqual(['b'])
    expect(table.drop(col('z'), col('a').plus(1), 'z').columns).toEqual(['a', 'b', 'c'])
  })

  it('that are neither are refused', () => {
    const one = 1 as unknown as ColumnOrName
    for (const wrong of [() => table.select(one), () => table.groupBy(one), () => table.sort(one), () => table.drop(one), () => sum(one)])
      expect(wrong).toThrow(badArgument)
    expect(() => table.filter('a > 1' as unknown as Column)).toThrow(badArgument)
  })

  it('that stand twice are dropped by name, and ambiguous as a Column', () => {
    const twice = table.join(session.createDataFrame([{ a: 1, d: 1 }], 'a int, d int'), col('c').equalTo(col('d')))
    expect(twice.drop('a').columns).toEqual(['b', 'c', 'd'])
    expect(() => twice.drop(col('a')).schema).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_COLUMN' }))
  })
})

describe('duplicates', () => {
  it('are of the names given one by one, or as a list, or of all columns', async () => {
    expect(await table.dropDuplicates('a', 'b').count()).toBe(3)
    expect(await table.dropDuplicates(['a', 'b']).count()).toBe(3)
    expect(await table.dropDuplicates('a').count()).toBe(2)
    expect(await table.dropDuplicates().count()).toBe(4)
    expect(await table.dropDuplicates([]).count()).toBe(1)
  })

  it('within the watermark, too', async () => {
    const stream = session.memoryStream('a INT, b STRING, t TIMESTAMP')
    const timed = stream.toDF().withWatermark('t', '1 second')
    const seen: unknown[] = []
    for (const frame of [timed.dropDuplicatesWithinWatermark('a', 'b'), timed.dropDuplicatesWithinWatermark(['a'])]) {
      const query = await frame.writeStream.foreach(row => void seen.push(row)).start()
      stream.addData([
        { a: 1, b: 'x', t: 1 },
        { a: 1, b: 'y', t: 2 },
        { a: 1, b: 'y', t: 3 },
      ])
      await query.processAllAvailable()
      await query.stop()
      expect(seen.splice(0)).toHaveLength(frame.plan.kind === 'deduplicate' && frame.plan.columns?.length === 2 ? 2 : 1)
    }
  })

  it('of something else are refused', async () => {
    const one = 1 as unknown as string
    expect(() => table.dropDuplicates(one)).toThrow(badArgument)
    expect(() => table.dropDuplicatesWithinWatermark('a', one)).toThrow(badArgument)
    expect(await codeOf(table.dropDuplicates('z').collect())).toBe('UNRESOLVED_COLUMN')
  })
})
