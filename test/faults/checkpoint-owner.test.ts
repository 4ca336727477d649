import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { count, type DataFrame, max, sum, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { seededRandom } from '../support/random.ts'
import {
  addFile,
  type CountFolders,
  CountRun,
  countFolders,
  eventFiles,
  expectedCounts,
  startCount,
  visibleCounts,
} from '../support/windowed-count.ts'

// Goal: a checkpoint belongs to one query, and to one process at a time. Method: other plans on the same folder; two processes that want
// it; locks of processes that are dead.

let folders: CountFolders
const files = eventFiles(seededRandom(21), 4, 60)

beforeEach(async () => {
  folders = await countFolders()
  for (const [i, file] of files.entries()) addFile(folders, i, file)
})

afterEach(() => folders.remove())

const lock = (): string => join(folders.checkpoint, 'lock')
const finish = async (): Promise<void> => {
  const query = await startCount(folders, { master: 'inline', trigger: Trigger.availableNow() })
  await query.awaitTermination()
}

describe('another plan', () => {
  const events = (filesPerTrigger = '1000'): DataFrame =>
    WalkwaySession.builder()
      .master('inline')
      .create()
      .readStream.schema('time TIMESTAMP, key STRING, value BIGINT')
      .option('maxFilesPerTrigger', filesPerTrigger)
      .json(folders.input)
      .withWatermark('time', '2 seconds')
  const plans: readonly { readonly name: string; readonly plan: () => DataFrame; readonly differs: RegExp }[] = [
    {
      name: 'other keys',
      plan: () => events().groupBy(window('time', '1 second'), 'value').agg(count('*').alias('events'), sum('value').alias('total')),
      differs: /the keys of aggregate 0 was .*string.*, and is .*bigint/,
    },
    {
      name: 'other aggregates',
      plan: () => events().groupBy(window('time', '1 second'), 'key').agg(count('*').alias('events'), max('value').alias('total')),
      differs: /the values of aggregate 0 was .*sum.*, and is .*max/,
    },
    {
      name: 'another operator',
      plan: () => events().dropDuplicates(['key', 'time']),
      differs: /stateful operator 0 was aggregate, and is deduplicate/,
    },
    { name: 'no state', plan: () => events().select('key'), differs: /the number of stateful operators was 1, and is 0/ },
    { name: 'another source', plan: () => events().union(events('1')), differs: /the list of sources was .*json, and is .*json, .*json/ },
  ]

  test.each(plans)('is refused, and the error names what differs: $name', async ({ plan, differs }) => {
    await finish()
    const start = plan().writeStream.format('json').option('checkpointLocation', folders.checkpoint).start(folders.output)
    await expect(start).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPATIBLE', message: expect.stringMatching(differs) })
    // It has changed nothing, and let go of the folder.
    await finish()
    expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
  })
})

describe('a lock', () => {
  test('of a query in this process: the second one is told so', async () => {
    const query = await startCount(folders, { master: 'inline', trigger: Trigger.realTime(20) })
    await expect(startCount(folders, { master: 'inline', trigger: Trigger.realTime(20) })).rejects.toMatchObject({
      code: 'CHECKPOINT_IN_USE',
      details: { pid: process.pid },
    })
    await query.stop()
    expect(query.exception).toBeNull()
    expect(existsSync(lock())).toBe(false)
  })

  test('of a process that lives is respected, and taken over once it has been killed', async () => {
    const other = new CountRun(folders, { master: 'inline', trigger: 'realTime 20 milliseconds' })
    await other.epochs(1)
    await expect(startCount(folders, { master: 'inline', trigger: Trigger.availableNow() })).rejects.toMatchObject({
      code: 'CHECKPOINT_IN_USE',
      message: expect.stringContaining(`process ${other.process.pid}`),
    })
    expect(other.process.exitCode).toBeNull()
    other.kill()
    await other.ended
    expect(existsSync(lock())).toBe(true)
    await finish()
    expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
  })

  test.runIf(existsSync('/proc/self/stat'))('of a dead process is stale, though its number belongs to another one by now', async () => {
    await finish()
    writeFileSync(lock(), JSON.stringify({ pid: process.ppid, began: 'another boot 123' }))
    await finish()
    writeFileSync(lock(), JSON.stringify({ pid: process.pid, began: 'another boot 123' }))
    await finish()
  })

  test('that says nothing is stale', async () => {
    await finish()
    for (const text of ['', 'null', '{"pid": "x"}', '{"pid": -1}']) {
      writeFileSync(lock(), text)
      await finish()
      expect(existsSync(lock())).toBe(false)
    }
  })

  test('that a process died over leaves nothing behind for long, and one that is being taken is left alone', async () => {
    await finish()
    for (const name of ['lock.old', 'lock.new']) writeFileSync(join(folders.checkpoint, name), '')
    utimesSync(join(folders.checkpoint, 'lock.old'), 1_700_000_000, 1_700_000_000)
    await finish()
    expect(readdirSync(folders.checkpoint).filter(name => name.startsWith('lock'))).toEqual(['lock.new'])
  })

  test('names the process that holds it', async () => {
    const query = await startCount(folders, { master: 'inline', trigger: Trigger.realTime(20) })
    expect(JSON.parse(readFileSync(lock(), 'utf8'))).toMatchObject({ pid: process.pid })
    await query.stop()
  })
})
