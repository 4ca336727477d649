import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { col, type Row, Trigger, udf } from '../../src/index.ts'
import { intoList, masters, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a user's function runs wherever the query runs, and what is wrong with it is told by its name. Method: functions of each kind
// through a keyed exchange, and mistakes.

const root = mkdtempSync(join(tmpdir(), 'walkway-udf-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const moduleOf = (name: string, text: string): URL => {
  const path = join(root, `${name}.mjs`)
  writeFileSync(path, text)
  return pathToFileURL(path)
}

const factor = 3

/** A name that only its bindings give a value to. */
declare const by: number

describe.each(masters)('%s', master => {
  test('closures with bindings, exports of modules, nulls, and several of them in one row', async () => {
    await withSession(master, async session => {
      const times = udf((n: number | null) => (n === null ? null : n * by), 'bigint', { bindings: { by: factor } })
      const url = moduleOf(
        `score-${master.replace(/\W/g, '')}`,
        'let calls = 0\nexport const score = (name, n) => ({ calls: ++calls, text: `${name}:${n}` }).text',
      )
      const score = udf.module(url, 'score', 'string')
      const stream = session.memoryStream('n BIGINT, name STRING')
      const { query, rows } = await intoList(
        stream
          .toDF()
          .repartition('n')
          .select('n', times('n').alias('times'), score('name', times(col('n'))).alias('score'))
          .filter(udf((text: string) => !text.startsWith('skip'), 'boolean')('score')),
      )
      stream.addData({ n: 1, name: 'a' }, { n: null, name: null }, { n: 5, name: 'skip' })
      await within(query.processAllAvailable(), () => query.status.message)
      expect([...rows].sort((a: Row, b: Row) => Number(b.n) - Number(a.n))).toEqual([
        { n: 1, times: 3, score: 'a:3' },
        { n: null, times: null, score: 'null:null' },
      ])
    })
  })

  test.each([
    [
      'that throws',
      udf(
        () => {
          throw new Error('no score')
        },
        'int',
        { name: 'grade' },
      ),
      'UDF_FAILED',
      /grade.*no score/,
    ],
    ['that gives another type', udf(() => 'seven' as unknown as number, 'int', { name: 'grade' }), 'UDF_RESULT_TYPE', /grade.*seven.*int/i],
    ['that gives a number that does not fit', udf(() => 2 ** 40, 'int', { name: 'grade' }), 'UDF_RESULT_TYPE', /grade.*1099511627776/],
  ])('one %s stops the query and names it', async (_what, grade, code, text) => {
    await withSession(master, async session => {
      const stream = session.memoryStream('n BIGINT')
      const { query } = await intoList(stream.toDF().select(grade('n').alias('grade')), Trigger.realTime(20))
      stream.addData({ n: 1 })
      await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(text),
      })
    })
  })

  test('an export that is not there, and a module that is not there, are refused at the start', async () => {
    await withSession(master, async session => {
      const frame = session.memoryStream('n BIGINT').toDF()
      const url = moduleOf(`empty-${master.replace(/\W/g, '')}`, 'export const other = 1')
      for (const missing of [
        udf.module(url, 'score', 'int'),
        udf.module(url, 'other', 'int'),
        udf.module(new URL('./nowhere.mjs', url), 'score', 'int'),
      ]) {
        await expect(within(intoList(frame.select(missing('n'))), () => 'start')).rejects.toMatchObject({
          code: 'UDF_NOT_FOUND',
          message: expect.stringMatching(/score|other/),
        })
      }
      expect(session.streams.active).toEqual([])
    })
  })
})

test('a closure that takes something from around it is refused where it is written, by the names of what it takes', () => {
  expect(() => udf((n: number) => n * factor, 'int', { name: 'scaled' })).toThrow(
    expect.objectContaining({ code: 'UDF_FREE_VARIABLE', message: expect.stringMatching(/scaled.*factor.*bindings.*udf\.module/) }),
  )
  expect(() => udf(async (n: number) => n, 'int')).toThrow(expect.objectContaining({ code: 'UDF_UNSUPPORTED' }))
  expect(() => udf(Math.max as unknown as (n: number) => number, 'int')).toThrow(expect.objectContaining({ code: 'UDF_UNSUPPORTED' }))
  expect(() => udf((n: number) => n, 'integer number')).toThrow(expect.objectContaining({ code: 'BAD_TYPE' }))
})
