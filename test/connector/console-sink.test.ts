import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

// Goal: the console shows what Spark's does. Method: a program whose output is compared.

const print = async (master: string, options: Readonly<Record<string, unknown>>): Promise<string> => {
  const program = fileURLToPath(new URL('../api/programs/console.mjs', import.meta.url))
  return (await promisify(execFile)(process.execPath, [program, master, JSON.stringify(options)])).stdout
}

const rule = '-------------------------------------------'
const title = (epoch: number): string => `${rule}\nBatch: ${epoch}\n${rule}\n`
const STREAM = `${title(0)}+---+\n|  n|\n+---+\n|  0|\n|  1|\n|  2|\n+---+\n\n${title(1)}+---+\n|  n|\n+---+\n|  0|\n+---+\n\n`

test.each(['inline', 'local[1]'])('%s: tables by epoch, long cells cut, nothing for an epoch without rows', async master => {
  expect(await print(master, {})).toBe(
    `${title(0)}+--------------------+-----+-------------------+-------+----------+------+
|                name|price|                 at|  bytes|       day|  pair|
+--------------------+-----+-------------------+-------+----------+------+
|a name of more th...|  1.0|2027-01-04 12:00:01|[01 AB]|2027-01-04|{1, x}|
|                   é| NULL|               NULL|   NULL|      NULL|  NULL|
|                NULL| NULL|               NULL|   NULL|      NULL|  NULL|
+--------------------+-----+-------------------+-------+----------+------+

${STREAM}`,
  )
})

test('whole cells with truncate off, and no more rows than asked for', async () => {
  const out = await print('inline', { truncate: false, numRows: 1 })
  expect(out).toContain('|a name of more than twenty letters 1|  1.0|')
  expect(out).toContain('only showing top 1 of 3 rows\n')
  expect(out).toContain(`${title(0)}+---+\n|  n|\n+---+\n|  0|\n+---+\nonly showing top 1 of 3 rows\n\n`)
  expect(out).toContain(`${title(1)}+---+\n|  n|\n+---+\n|  0|\n+---+\n\n`)
})
