import { describe, expect, it } from 'vitest'
import { type Column, col, count, type DataFrame, fromJson, lit, rand, WalkwaySession, window } from '../../src/index.ts'
import { analyze } from '../../src/plan/analyze.ts'
import type { AnalyzedPlan } from '../../src/plan/analyzed-plan.ts'
import { childrenOf } from '../../src/plan/analyzed-plan.ts'
import { conjunctsOf } from '../../src/plan/conjuncts.ts'
import { optimize } from '../../src/plan/optimize.ts'

// Goal: each condition stands as low as it means the same, and below the watermark exactly if it does not read the event time. Method: the
// kinds of nodes from the top of the optimized plan down, filters with the number of their conditions.

const session = WalkwaySession.builder().master('inline').create()
const rows = (): DataFrame => session.memoryStream('k STRING, x INT, t TIMESTAMP, text STRING').toDF()
const timed = rows().withWatermark('t', '1 second')
const table = session.createDataFrame([{ id: 1 }], 'id int')

const shape = (frame: DataFrame): string => {
  const found: string[] = []
  const visit = (plan: AnalyzedPlan): void => {
    if (plan.kind === 'filter') found.push(`filter ${conjunctsOf(plan.condition).length}`)
    else if (plan.kind !== 'project') found.push(plan.kind)
    for (const child of childrenOf(plan)) visit(child)
  }
  visit(optimize(analyze(frame.plan).plan))
  return found.join(' < ')
}

const byKey = col('k').equalTo('a')
const byValue = col('x').gt(1)
const byTime = col('t').gt(lit(new Date(0)))
const byNone = rand(1).lt(0.5)
const mayFail = lit(1).divide(col('x')).gt(0)

describe('a filter above a watermark', () => {
  const cases: readonly (readonly [string, DataFrame, string])[] = [
    ['goes below it', timed.filter(byKey), 'watermark < filter 1 < source'],
    ['stays if it reads the time', timed.filter(byTime), 'filter 1 < watermark < source'],
    ['is split', timed.filter(byKey.and(byTime).and(byValue)), 'filter 1 < watermark < filter 2 < source'],
    ['is taken with those below it', timed.filter(byTime).filter(byKey).filter(byValue), 'filter 1 < watermark < filter 2 < source'],
    ['stays if it is not deterministic', timed.filter(byNone.and(byKey)), 'filter 1 < watermark < filter 1 < source'],
    ['does not pass one that is not deterministic', timed.filter(byNone).filter(byKey), 'filter 1 < filter 1 < watermark < source'],
    ['does not overtake what may keep it from failing', timed.filter(byTime.and(mayFail)), 'filter 2 < watermark < source'],
    ['moves though it may fail', timed.filter(mayFail.and(byTime)), 'filter 1 < watermark < filter 1 < source'],
    ['moves under another name', timed.select(col('x').plus(1).alias('y')).filter(col('y').gt(1)), 'watermark < filter 1 < source'],
    ['knows the time by another name', timed.select(col('t').alias('u')).filter(col('u').isNotNull()), 'filter 1 < watermark < source'],
    [
      'moves whatever it costs',
      timed.select(fromJson('text', 'a INT').alias('j')).filter(col('j.a').gt(1)),
      'watermark < filter 1 < source',
    ],
    [
      'passes windows',
      timed.select(window('t', '1 second').alias('w'), 'k').filter(byKey.and(col('w').isNotNull())),
      'filter 1 < expandWindow < watermark < filter 1 < source',
    ],
    [
      'passes a join with a table',
      timed.join(table, col('x').equalTo(col('id'))).filter(byKey),
      'tableJoin < watermark < filter 1 < source',
    ],
    [
      'stays above a join whose table it reads',
      timed.join(table, col('x').equalTo(col('id')), 'left').filter(col('id').isNull()),
      'filter 1 < tableJoin < watermark < source',
    ],
    ['goes into a union', timed.union(rows()).filter(byKey), 'union < watermark < filter 1 < source < filter 1 < source'],
    ['passes a repartition', timed.repartition(2).filter(byKey), 'repartition < watermark < filter 1 < source'],
    ['stays above groups', timed.groupBy('k').agg(count('*').alias('n')).filter(byKey), 'filter 1 < aggregate < watermark < source'],
    ['stays above distinct rows', timed.dropDuplicates('k').filter(byKey), 'filter 1 < deduplicate < watermark < source'],
    ['stays above a limit', timed.limit(3).filter(byKey), 'filter 1 < limit < watermark < source'],
  ]
  it.each(cases)('%s', (_name, frame, expected) => {
    expect(shape(frame)).toBe(expected)
  })
})

it('gives the rows that it gave before, whatever is combined', async () => {
  const values = Array.from({ length: 60 }, (_, i) => ({ k: i % 7 === 0 ? null : 'abc'[i % 3], x: i % 5 === 0 ? null : i % 11, t: i }))
  const conditions: readonly Column[] = [byKey, byValue, byTime, col('x').isNull(), col('k').eqNullSafe(null), col('x').mod(2).equalTo(1)]
  for (const [i, first] of conditions.entries()) {
    for (const second of conditions.slice(i)) {
      const expected = await session
        .createDataFrame(values, 'k string, x int, t timestamp')
        .select('*', first.alias('f'), second.alias('s'))
        .collect()
      const frame = session.createDataFrame(values, 'k string, x int, t timestamp').sort('t').filter(first).filter(second)
      const kept = expected.filter(row => row.f === true && row.s === true).map(({ f: _f, s: _s, ...row }) => row)
      expect(await frame.collect()).toEqual(kept)
    }
  }
})
