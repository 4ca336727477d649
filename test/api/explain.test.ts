import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { count } from '../../src/index.ts'
import { withSession } from '../support/masters.ts'

// Goal: `query.explain()` says of everything that a query occupies where it is. Method: the text, with and without checkpoint and workers.

const checkpointLine = async (master: string, folder: string | null): Promise<string | undefined> =>
  withSession(master, async session => {
    const totals = session.memoryStream('id INT').toDF().groupBy('id').agg(count('*').alias('n'))
    const writer = totals.writeStream.outputMode('update').format('noop')
    const query = await (folder === null ? writer : writer.option('checkpointLocation', folder)).start()
    const text = await query.explain()
    await query.stop()
    return text.split('\n').find(line => line.startsWith('Checkpoints'))
  })

test('explain names the thread that writes checkpoints', async () => {
  const root = mkdtempSync(join(tmpdir(), 'walkway-explain-'))
  const [inline, local] = [join(root, 'inline'), join(root, 'local')]
  try {
    expect(await checkpointLine('inline', inline)).toBe(`Checkpoints in ${inline}, written by the platform’s I/O threads`)
    expect(await checkpointLine('local', local)).toBe(`Checkpoints in ${local}, written by the persister, a thread of its own`)
    expect(await checkpointLine('inline', null)).toBeUndefined()
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
