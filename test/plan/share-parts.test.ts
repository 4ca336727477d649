import { describe, expect, test } from 'vitest'
import { col, count, currentTimestamp, type DataFrame, fromJson, lit, max, rand, udf, WalkwaySession, window } from '../../src/index.ts'
import { analyze } from '../../src/plan/analyze.ts'
import { numberSources } from '../../src/plan/number-sources.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { type PhysicalPlan, planPhysical } from '../../src/plan/physical-plan.ts'
import { shareParts } from '../../src/plan/share-parts.ts'

// Goal: what is the same is run once, what only looks so is not. Method: plans of small queries, and how often an operator stands in them.

const session = WalkwaySession.builder().master('inline').create()
const rows = (): DataFrame => session.memoryStream('id INT, key STRING, at TIMESTAMP, v INT, text STRING').toDF()

const plan = (frame: DataFrame): PhysicalPlan => planPhysical(shareParts(optimize(analyze(numberSources(frame.plan)).plan)), 1, 'append')

/** How often each kind of operator stands in a plan, and sources. */
const counts = (frame: DataFrame): Record<string, number> => {
  const found: Record<string, number> = {}
  for (const { input, ops } of plan(frame).stages)
    for (const kind of [...(input.kind === 'stages' ? [] : [input.kind]), ...ops.map(op => op.kind)]) found[kind] = (found[kind] ?? 0) + 1
  return found
}

const events = rows().withWatermark('at', '1 second')
const counted = events.groupBy('key', window('at', '10 seconds', '2 seconds')).agg(count('*').alias('n'))

describe('what is the same is run once', () => {
  test('a source, with the columns of all that read it', () => {
    const { stages } = plan(events.select('id', lit('a').alias('x')).union(events.select(col('v').alias('id'), col('text').alias('x'))))
    expect(stages.map(({ inputSchema }) => inputSchema.fields.map(f => f.name))[0]).toEqual(['id', 'at', 'v', 'text'])
    expect(stages[0].outputs.map(({ to, schema }) => [to, schema.fields.length])).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect(stages.length).toBe(2)
  })

  test('an aggregation, joined with its own maxima', () => {
    const most = counted.groupBy(col('window').alias('w')).agg(max('n').alias('most'))
    const frame = counted.join(
      most,
      col('window')
        .equalTo(col('w'))
        .and(col('n').geq(col('most'))),
    )
    expect(counts(frame)).toMatchObject({ source: 1, watermark: 1, aggregate: 2, streamJoin: 1 })
  })

  test('the same said twice', () => {
    const stream = rows()
    const half = (): DataFrame => stream.withWatermark('at', '1 second').filter(col('v').gt(3)).dropDuplicates(['key', 'at'])
    expect(counts(half().select('id').union(half().select('v')))).toMatchObject({ source: 1, watermark: 1, filter: 1, deduplicate: 1 })
  })

  test('filters on top of a common part stay where they are', () => {
    expect(counts(counted.filter(col('n').gt(1)).union(counted.filter(col('n').gt(2))))).toMatchObject({ aggregate: 1, filter: 2 })
  })

  test('a join, with both of its streams', () => {
    const right = rows().select(col('id').alias('r'), col('v').alias('w'))
    const joined = rows()
      .join(right, col('id').equalTo(col('r')))
      .select('id', 'w')
    expect(counts(joined.union(joined.filter(col('w').gt(1))))).toMatchObject({ source: 2, streamJoin: 1 })
  })

  test('what is parsed, and what a function gives', () => {
    const double = udf((v: number) => v * 2, 'INT')
    // Without a watermark: a condition goes below one, whatever it costs.
    const parsed = rows().select(fromJson('text', 'a INT, b INT').alias('j'), double('v').alias('d'), 'id')
    const { stages } = plan(
      parsed
        .filter(col('j').getField('a').gt(1))
        .select('d')
        .union(parsed.filter(col('d').gt(1)).select(col('j').getField('b'))),
    )
    const code = JSON.stringify(stages.flatMap(({ ops }) => ops))
    expect(code.split('"fromJson"').length - 1).toBe(1)
    expect(code.split('"kind":"udf"').length - 1).toBe(1)
  })

  test('a common part within a common part, with a user of its own', () => {
    const sums = counted.groupBy('window').agg(max('n').alias('n'))
    const frame = sums.union(sums.filter(col('n').gt(1))).union(counted.select('window', 'n'))
    expect(counts(frame)).toMatchObject({ source: 1, aggregate: 2 })
  })

  test('a common part that is only used within another is no fork of its own', () => {
    const sums = counted.groupBy('window').agg(max('n').alias('n'))
    const { stages } = plan(sums.union(sums.filter(col('n').gt(1))))
    expect(stages.length).toBe(2)
    expect(stages[0].ops.filter(op => op.after !== undefined).length).toBeLessThan(2)
    expect(counts(sums.union(sums.filter(col('n').gt(1))))).toMatchObject({ source: 1, aggregate: 2 })
  })
})

describe('what is not the same is not', () => {
  test('other sources, conditions, delays, keys', () => {
    const one = rows()
    expect(counts(one.union(rows()))).toMatchObject({ source: 2 })
    expect(counts(one.filter(col('v').gt(1)).union(one.filter(col('v').gt(2))))).toMatchObject({ source: 1, filter: 2 })
    expect(counts(one.withWatermark('at', '1 second').union(one.withWatermark('at', '2 seconds')))).toMatchObject({ watermark: 2 })
    expect(counts(one.dropDuplicates(['id']).union(one.dropDuplicates(['v'])))).toMatchObject({ source: 1, deduplicate: 2 })
    expect(counts(one.limit(3).union(one.limit(4)))).toMatchObject({ source: 1, limit: 2 })
  })

  test('literals that JSON would write alike', () => {
    const one = rows()
    const by = (value: number | bigint): DataFrame => one.filter(col('v').lt(lit(value)))
    expect(counts(by(Number.NaN).union(by(Number.POSITIVE_INFINITY)))).toMatchObject({ filter: 2 })
    expect(counts(by(0.5).union(by(-0.5)))).toMatchObject({ filter: 2 })
    expect(counts(by(2n ** 60n).union(by(2n ** 60n + 1n)))).toMatchObject({ filter: 2 })
  })

  test('random numbers', () => {
    const half = rows().filter(rand(7).lt(0.5)).dropDuplicates(['id'])
    expect(counts(half.union(half))).toMatchObject({ source: 1, filter: 2, deduplicate: 2 })
  })

  test('the clock is one and the same', () => {
    const now = rows()
      .filter(currentTimestamp().gt(col('at')))
      .dropDuplicates(['id'])
    expect(counts(now.union(now))).toMatchObject({ filter: 1, deduplicate: 1 })
  })
})

test('a plan without anything in common is left as it is', () => {
  const alone = optimize(analyze(numberSources(counted.plan)).plan)
  expect(shareParts(alone)).toBe(alone)
})
