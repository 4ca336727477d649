import { afterAll, describe, expect, test } from 'vitest'
import { type Column, col, count, type DataFrame, timestampAdd, WalkwaySession, window } from '../../src/index.ts'

// Goal: what a user is told of a join of two streams: what it keeps and until when, and what cannot be. Method: one line a mistake; the
// line of the plan as it is printed.

const session = WalkwaySession.builder().master('inline').create()
afterAll(() => session.stop())

const side = (prefix: string, timed = true): DataFrame => {
  const rows = session.memoryStream('id INT, key STRING, at TIMESTAMP').toDF()
  return (timed ? rows.withWatermark('at', '1 second') : rows).select(
    ...['id', 'key', 'at'].map(name => col(name).alias(`${prefix}_${name}`)),
  )
}
const [l, r] = [side('l'), side('r')]
const sameKey = col('l_key').equalTo(col('r_key'))
const near = col('r_at').between(timestampAdd('second', -5, 'l_at'), timestampAdd('SECOND', 5, 'l_at'))
const oneSided = col('r_at').leq(timestampAdd('SECOND', 5, 'l_at'))

describe('refused', () => {
  const join =
    (on: Column, type: Parameters<DataFrame['join']>[2], left = l, right = r) =>
    (): unknown =>
      left.join(right, on, type).schema
  const mistakes: Record<string, readonly [string, RegExp, () => unknown]> = {
    'rows that have none': ['UNSUPPORTED_OPERATION', /leftAnti join of two streams/, join(sameKey.and(near), 'leftAnti')],
    'all with all': ['UNSUPPORTED_OPERATION', /cross join of two streams/, () => l.crossJoin(r).schema],
    'no equality': ['JOIN_WITHOUT_EQUALITY', /\(inner\).*equality/, join(near, 'inner')],
    'outer, without a word of time': ['MISSING_WATERMARK', /fullOuter.*event times.*left rows/, join(sameKey, 'fullOuter')],
    'outer, bounded on the other side': ['MISSING_WATERMARK', /rightOuter.*right rows/, join(sameKey.and(oneSided), 'rightOuter')],
    'outer, without watermarks': [
      'MISSING_WATERMARK',
      /withWatermark/,
      join(sameKey.and(near), 'rightOuter', side('l', false), side('r', false)),
    ],
    'keys that have nothing in common': ['DATATYPE_MISMATCH', /int.*timestamp/, join(col('l_id').equalTo(col('r_at')), 'inner')],
    'a condition that is none': ['DATATYPE_MISMATCH', /boolean/, join(sameKey.and(near).cast('INT').plus(1), 'inner')],
    'a column of neither': ['UNRESOLVED_COLUMN', /r_kye.*r_key/, join(col('l_key').equalTo(col('r_kye')), 'inner')],
    'a unit that has no fixed length': ['BAD_OPTION', /MONTH.*WEEK/, () => timestampAdd('MONTH', 1, 'l_at')],
    'a quantity that is none': ['BAD_OPTION', /NaN.*a number/, () => timestampAdd('DAY', Number.NaN, 'l_at')],
  }
  test.each(Object.entries(mistakes))('%s', (_name, [code, says, make]) => {
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(says) as unknown as string }))
  })

  test.each([
    ['update', 'left'],
    ['complete', 'inner'],
  ] as const)('in %s mode, %s', async (mode, type) => {
    const totals = l.join(r, sameKey.and(near), type).groupBy(window('l_at', '1 second')).agg(count('*').alias('n'))
    const started = totals.writeStream.outputMode(mode).format('noop').start()
    await expect(started).rejects.toMatchObject({ code: 'UNSUPPORTED_OUTPUT_MODE', message: expect.stringMatching(/append/) as unknown })
  })
})

const planOf = async (frame: DataFrame): Promise<string[]> => {
  const text = await frame.explain()
  expect(text).not.toContain('\u0000')
  return text.split('\n').flatMap(line => (line.includes('StreamJoin') ? [line.trim()] : []))
}

test('explain says what is kept until when', async () => {
  const kept = async (on: Column): Promise<string> => (await planOf(l.join(r, on)))[0].replace(/^.*?, left kept/, 'left kept')
  expect(await kept(sameKey.and(near))).toBe(
    'left kept until the watermark passes l_at#4 + 5000 ms, right kept until the watermark passes r_at#7 + 5000 ms',
  )
  expect(await kept(sameKey.and(oneSided))).toBe('left kept until the watermark passes l_at#4 + 5000 ms, right kept for ever')
  expect(await kept(sameKey)).toBe('left kept for ever, right kept for ever')
  expect(await kept(sameKey.and(col('l_at').equalTo(col('r_at'))))).toBe(
    'left kept until the watermark reaches _key1:l_at#2, right kept until the watermark reaches _key1:l_at#2',
  )
  expect((await planOf(l.join(r, sameKey.and(near), 'leftOuter')))[0]).toMatch(/^StreamJoin leftOuter \[_key0:l_key#1\] and \(\(r_at#/)
})

test('progress tells what watermarks each operator works with', async () => {
  const [left, right] = ['l', 'r'].map(() => session.memoryStream('id INT, key STRING, at TIMESTAMP'))
  const of = (stream: typeof left, prefix: string): DataFrame =>
    stream
      .toDF()
      .withWatermark('at', '1 second')
      .select(...['id', 'key', 'at'].map(name => col(name).alias(`${prefix}_${name}`)))
  const query = await of(left, 'l')
    .join(of(right, 'r'), sameKey.and(near))
    .groupBy(window('l_at', '1 second'))
    .agg(count('*').alias('n'))
    .writeStream.format('noop')
    .start()
  const add = async (seconds: number): Promise<void> => {
    for (const stream of [left, right]) stream.addData([{ id: 1, key: 'a', at: new Date(seconds * 1000) }])
    await query.processAllAvailable()
  }
  const metrics = () => query.lastProgress?.stateOperators.map(({ customMetrics }) => customMetrics)
  await add(100)
  // Rows of either side may wait five seconds for the other; a millisecond more, since the bound itself still matches.
  const [aggregate, join] = [
    { lateWatermarkMs: 0, evictionWatermarkMs: 93_999 },
    { lateWatermarkMs: 0, evictionWatermarkMs: 99_000 },
  ]
  expect(metrics()).toEqual([aggregate, { ...join, outputWatermarkMs: 93_999 }])
  await add(200)
  expect(metrics()).toEqual([
    { lateWatermarkMs: 93_999, evictionWatermarkMs: 193_999 },
    { lateWatermarkMs: 99_000, evictionWatermarkMs: 199_000, outputWatermarkMs: 193_999 },
  ])
  await query.stop()
})
