import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { col, type Row, sum } from '../../src/index.ts'
import { codeOf, masters, withSession } from '../support/masters.ts'

// Goal: a table is read, computed and written once, whole, and leaves nothing behind when it fails. Method: tables that are known.

const root = mkdtempSync(join(tmpdir(), 'walkway-batch-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe.each(masters)('%s', master => {
  test('a full outer join of two tables: null keys match nothing, a common column is of whichever side is there', async () => {
    await withSession(master, async session => {
      const left = session.createDataFrame([{ k: 1, a: 'x' }, { k: 2, a: 'y' }, { a: 'z' }], 'k INT, a STRING')
      const right = session.createDataFrame([{ k: 2, b: 5 }, { k: 2, b: 9 }, { k: 3, b: 7 }, { b: 8 }], 'k INT, b INT')
      const both = left.join(right, 'k', 'full_outer').sort('k', 'a', 'b')
      expect(await both.collect()).toEqual([
        { k: null, a: null, b: 8 },
        { k: null, a: 'z', b: null },
        { k: 1, a: 'x', b: null },
        { k: 2, a: 'y', b: 5 },
        { k: 2, a: 'y', b: 9 },
        { k: 3, a: null, b: 7 },
      ])
      const other = right.withColumnRenamed('k', 'other')
      const large = left.join(other, col('k').equalTo(col('other')).and(col('b').gt(6)), 'outer').sort('a', 'b')
      expect(await large.collect()).toEqual([
        { k: null, a: null, other: 2, b: 5 },
        { k: null, a: null, other: 3, b: 7 },
        { k: null, a: null, other: null, b: 8 },
        { k: 1, a: 'x', other: null, b: null },
        { k: 2, a: 'y', other: 2, b: 9 },
        { k: null, a: 'z', other: null, b: null },
      ])
    })
  })

  test('collect, count, schema, columns, and many at once', async () => {
    await withSession(master, async session => {
      const table = session.createDataFrame(
        [
          { a: 1, b: 'x' },
          { a: 2, b: null },
          { a: 3, b: 'x' },
        ],
        'a INT NOT NULL, b STRING',
      )
      expect(await table.count()).toBe(3)
      expect(await table.filter(col('b').isNull()).collect()).toEqual([{ a: 2, b: null }])
      const totals = await table.groupBy('b').agg(sum('a').alias('total')).collect()
      expect([...totals].sort((l, r) => Number(l.total) - Number(r.total))).toEqual([
        { b: null, total: 2 },
        { b: 'x', total: 4 },
      ])
      expect(table.columns).toEqual(['a', 'b'])
      expect(table.isStreaming).toBe(false)
      const counts = await Promise.all(Array.from({ length: 5 }, (_, n) => session.range(n * 1000).count()))
      expect(counts).toEqual([0, 1000, 2000, 3000, 4000])
      expect((await session.range(10, 4, -2).collect()).map(({ id }) => id)).toEqual([10, 8, 6])
    })
  })

  test('written and read again; a function is given each row', async () => {
    await withSession(master, async session => {
      const path = join(root, `files-${master}`)
      const table = session.range(1000).withColumn('half', col('id').divide(2))
      await table.write.json(path)
      const again = session.read.schema('id BIGINT, half DOUBLE').json(path)
      expect(await again.count()).toBe(1000)
      expect(await again.agg(sum('half').alias('all')).collect()).toEqual([{ all: 249750 }])
      const rows: Row[] = []
      const calls: string[] = []
      await again.filter(col('id').lt(2)).write.foreach({
        open: epoch => void calls.push(`open ${epoch}`),
        process: row => void rows.push(row),
        close: error => void calls.push(`close ${error}`),
      })
      expect([...rows].sort((l, r) => Number(l.id) - Number(r.id))).toEqual([
        { id: 0, half: 0 },
        { id: 1, half: 0.5 },
      ])
      expect(calls).toEqual(['open 0', 'close null'])
    })
  })

  test('one that fails says why, and nothing of it is to be seen', async () => {
    await withSession(master, async session => {
      const path = join(root, `failed-${master}`)
      const table = session.createDataFrame([{ a: '1' }, { a: 'x' }], 'a STRING').select(col('a').cast('int').alias('a'))
      expect(await codeOf(table.write.json(path))).toBe('CAST_INVALID_INPUT')
      expect(await codeOf(table.collect())).toBe('CAST_INVALID_INPUT')
      const left = await codeOf(session.read.schema('a INT').json(path).count())
      expect(left === 'none' ? await session.read.schema('a INT').json(path).count() : 0).toBe(0)
      expect(
        await codeOf(
          session.range(2).write.foreach(() => {
            throw new Error('no more')
          }),
        ),
      ).toBe('FOREACH_FAILED')
    })
  })
})

test('show prints the first rows, and says that there are more', async () => {
  await withSession('inline', async session => {
    const printed: string[] = []
    const spy = vi.spyOn(console, 'log').mockImplementation(text => void printed.push(String(text)))
    try {
      await session.range(3).show(2)
      await session.createDataFrame([{ name: 'a name of more than twenty letters' }]).show(20, false)
    } finally {
      spy.mockRestore()
    }
    expect(printed[0]).toBe('+---+\n| id|\n+---+\n|  0|\n|  1|\n+---+\nonly showing top 2 rows\n')
    expect(printed[1]).toContain('|a name of more than twenty letters|')
  })
})

test('rows that do not fit the schema are refused where the table is made', async () => {
  await withSession('inline', async session => {
    const make = (rows: readonly Row[], schema?: string) => () => session.createDataFrame(rows, schema)
    expect(make([{ a: 'x' }], 'a INT')).toThrow(
      expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH', message: expect.stringMatching(/a holds "x"/) }),
    )
    expect(make([{}], 'a INT NOT NULL')).toThrow(expect.objectContaining({ code: 'NULL_IN_NON_NULLABLE' }))
    expect(make([])).toThrow(expect.objectContaining({ code: 'SCHEMA_NOT_INFERRED' }))
    expect(make([{ a: null }])).toThrow(expect.objectContaining({ code: 'SCHEMA_NOT_INFERRED', message: expect.stringMatching(/\ba\b/) }))
  })
})
