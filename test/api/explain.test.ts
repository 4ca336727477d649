import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { col, count, max, window } from '../../src/index.ts'
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

test('explain shows which part is run once, and where its rows go', async () => {
  await withSession('local[2]', async session => {
    const stream = session.memoryStream('id INT, at TIMESTAMP, v INT').toDF().withWatermark('at', '1 second')
    const totals = stream.groupBy('id', window('at', '10 seconds')).agg(count('*').alias('n'))
    const most = totals.groupBy(col('window').alias('w')).agg(max('n').alias('most'))
    const text = await totals
      .join(
        most,
        col('window')
          .equalTo(col('w'))
          .and(col('n').equalTo(col('most'))),
      )
      .select('id', 'n')
      .explain()
    const lines = text.split('\n').slice(0, 25)
    expect(lines.map(line => line.slice(0, 110)).join('\n')).toMatchInlineSnapshot(`
      "== Physical Plan ==
      Stage 0: 1 task on worker 1
         from stage 0r
         EventTimeWatermark at#1, delay 1000 ms
         Window at#1, size 10000 ms, slide 10000 ms, start 0 ms
         to stage 1 by hash of id#0, _window#2

      Stage 1: 2 tasks on worker 2, worker 1
         from stage 0
         Aggregate [id#0, _window#2] [count(*)], evicted by key 1
         Reused, 2 ways:
            Project [0 as _side, window#1 as _key0:window, _aggregate0#2 as _key1:n, id#0 as id, window#1 as window,
            to stage 3 by hash of _key0:window#1, _key1:n#2
            Project [window#1 as window, _aggregate0#2 as n]
            to stage 2 by hash of window#0

      Stage 2: 2 tasks on worker 1, worker 2
         from stage 1
         Aggregate [window#0] [max(n#1)], evicted by key 0
         Project [1 as _side, w#0 as _key0:window, _aggregate0#1 as _key1:n, null as id, null as window, null as n, 
         to stage 3 by hash of _key0:window#1, _key1:n#2

      Stage 3: 2 tasks on worker 2, worker 1
         from stage 1 and stage 2
         StreamJoin inner [_key0:window#1, _key1:n#2], left kept until the watermark reaches _key0:window#1, right k"
    `)
  })
})
