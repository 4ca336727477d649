import { describe, expect, it } from 'vitest'
import { col, count, lit, struct, typeName, unixMicros, WalkwaySession } from '../../src/index.ts'

/** What random queries, run through Spark 4.3 as well, have found of names and tables. */

const session = WalkwaySession.builder().master('inline').create()
const left = session.createDataFrame(
  [
    { k: 1, v: 'a' },
    { k: 2, v: 'b' },
  ],
  'k int, v string',
)
const right = session.createDataFrame([{ rk: 1, v: 'x' }], 'rk int, v string')
const joined = left.join(right, col('k').equalTo(col('rk')))

describe('a name that stands twice', () => {
  it('is no trouble for those who do not say it', async () => {
    expect(joined.select('*').columns).toEqual(['k', 'v', 'rk', 'v'])
    expect(joined.withColumn('z', lit(1)).columns).toEqual(['k', 'v', 'rk', 'v', 'z'])
    expect(joined.withColumn('v', lit(1)).columns).toEqual(['k', 'v', 'rk', 'v'])
    expect(await joined.distinct().count()).toBe(1)
    expect(await joined.select('*').select('k', 'rk').collect()).toEqual([{ k: 1, rk: 1 }])
  })

  it('is ambiguous for those who do', () => {
    expect(() => joined.select('v').schema).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_COLUMN' }))
  })
})

describe('the fields of a struct', () => {
  it('have the names of aliases, columns and fields, else their place', async () => {
    const made = left.select(struct(col('v').alias('B'), col('k'), col('k').plus(1)).alias('s'))
    expect(made.schema.fields.map(f => typeName(f.type))).toEqual(['struct<B:string,k:int,col3:int>'])
    expect(await made.groupBy('s.b').agg(count('*').alias('n')).filter(col('b').equalTo('a')).collect()).toEqual([{ b: 'a', n: 1 }])
    expect(made.select(struct('s.k')).schema.fields.map(f => typeName(f.type))).toEqual(['struct<k:int>'])
  })
})

describe('a star', () => {
  it('keeps a dot in a name', () => {
    expect(left.select(col('k').alias('a.b')).select('*').columns).toEqual(['a.b'])
  })

  it('is not needed for that', () => {
    const dotted = left.select(col('k').alias('a.b'))
    expect(dotted.select('`a.b`').columns).toEqual(['a.b'])
    expect(dotted.select(col('`a.b`').plus(1)).columns).toEqual(['(a.b + 1)'])
  })
})

describe('the table of a join', () => {
  it('keeps the micros of its times, as keys and as columns', async () => {
    const at = 1_577_836_800_123_456
    const times = session.createDataFrame([{ t: at / 1000 }, { t: at / 1000 + 1 }], 't timestamp')
    const table = session.createDataFrame([{ u: at / 1000 }], 'u timestamp')
    const found = times.join(table, col('t').equalTo(col('u'))).select(unixMicros('t').alias('t'), unixMicros('u').alias('u'))
    expect(await found.collect()).toEqual([{ t: at, u: at }])
  })

  it('may have a name twice', async () => {
    const twice = left.select(col('k').alias('a'), col('v').alias('b')).withColumnRenamed('b', 'a')
    expect(await right.join(twice, col('rk').geq(1), 'left_semi').count()).toBe(1)
  })
})
