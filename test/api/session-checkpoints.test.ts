import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { count, type MemoryStream, type StreamingQuery, Trigger, WalkwaySession } from '../../src/index.ts'

// Goal: a session's checkpointLocation is a folder of folders, as Spark's setting is. Method: queries with a name, without one, and with a
// folder of their own, started twice.

const root = mkdtempSync(join(tmpdir(), 'walkway-session-checkpoints-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let made = 0
const sessionAt = (): { session: WalkwaySession; folder: string } => {
  const folder = join(root, `s${made++}`)
  const session = WalkwaySession.builder().master('inline').config('CheckpointLocation', folder).config('durability', 'process').create()
  return { session, folder }
}

/** Counts what a stream holds, to its end; the counts. */
const counted = async (stream: MemoryStream, name: string | null, own?: string): Promise<number[]> => {
  const counts: number[] = []
  const writer = stream
    .toDF()
    .groupBy()
    .agg(count('*').alias('n'))
    .writeStream.outputMode('update')
    .trigger(Trigger.availableNow())
    .foreach(row => void counts.push(Number(row.n)))
  if (name !== null) writer.queryName(name)
  if (own !== undefined) writer.option('checkpointLocation', own)
  const query: StreamingQuery = await writer.start()
  await query.awaitTermination()
  return counts
}

test('a query with a name goes on from the folder under its name', async () => {
  const { session, folder } = sessionAt()
  const stream = session.memoryStream('id INT NOT NULL')
  stream.addData([{ id: 0 }, { id: 1 }])
  expect(await counted(stream, 'payments')).toEqual([2])
  stream.addData([{ id: 2 }])
  expect(await counted(stream, 'payments')).toEqual([3])
  expect(readdirSync(folder)).toEqual(['payments'])
})

test('one without a name has a new folder at each start', async () => {
  const { session, folder } = sessionAt()
  const stream = session.memoryStream('id INT NOT NULL')
  stream.addData([{ id: 0 }])
  expect(await counted(stream, null)).toEqual([1])
  expect(await counted(stream, null)).toEqual([1])
  expect(readdirSync(folder)).toHaveLength(2)
})

test('a folder of its own goes before the session’s, and a batch has none', async () => {
  const { session, folder } = sessionAt()
  const own = join(root, 'own')
  const stream = session.memoryStream('id INT NOT NULL')
  stream.addData([{ id: 0 }])
  expect(await counted(stream, 'payments', own)).toEqual([1])
  expect(readdirSync(own)).not.toEqual([])
  expect(await session.createDataFrame([{ id: 1 }], 'id INT').collect()).toEqual([{ id: 1 }])
  expect(() => readdirSync(folder)).toThrow('ENOENT')
})
