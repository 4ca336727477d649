import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EngineError, type Row, type StreamingQuery, Trigger, WalkwaySession } from '../../src/index.ts'
import { type CountFolders, countFolders } from '../support/windowed-count.ts'
import { within } from '../support/within.ts'

// Goal: lines that are no JSON and files that are gone do what the options say, and are counted; nothing is lost in silence. Method: files
// written by hand, in each mode of reading and of running.

let folders: CountFolders
let second = 1_700_000_000

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const put = (name: string, ...lines: string[]): string => {
  const path = join(folders.input, name)
  writeFileSync(path, lines.map(line => `${line}\n`).join(''))
  second++
  utimesSync(path, second, second)
  return path
}

const started: StreamingQuery[] = []

const start = async (
  options: Readonly<Record<string, string | number | boolean>>,
  trigger: Trigger,
  rows: Row[],
  settings: Readonly<Record<string, string | number>> = {},
  master = 'inline',
): Promise<StreamingQuery> => {
  const query = await WalkwaySession.builder()
    .master(master)
    .create()
    .readStream.schema('a BIGINT')
    .options(options)
    .json(folders.input)
    .writeStream.options(settings)
    .trigger(trigger)
    .foreach(row => rows.push(row))
    .start()
  started.push(query)
  return query
}

afterEach(async () => {
  for (const query of started.splice(0)) await query.stop()
})

const stateOf = (query: StreamingQuery) => (): string => `${JSON.stringify(query.status)} ${query.exception}`
const numbersOf = (rows: readonly Row[]): unknown[] => rows.map(row => row.a)
const counted = (query: StreamingQuery, name: string): number =>
  query.recentProgress.flatMap(progress => progress.sources).reduce((total, source) => total + (source.metrics[name] ?? 0), 0)
const failure = (query: StreamingQuery): Promise<EngineError | null> =>
  within(
    query.awaitTermination().then(
      () => null,
      (error: EngineError) => error,
    ),
    stateOf(query),
  )

const triggers = [
  { name: 'micro-batch', trigger: Trigger.processingTime(0), master: 'inline' },
  { name: 'real time', trigger: Trigger.realTime(10), master: 'inline' },
  { name: 'real time on a worker', trigger: Trigger.realTime(10), master: 'local[1]' },
]

describe.each(triggers)('malformed lines, $name', ({ trigger, master }) => {
  const run = async (mode: string): Promise<{ query: StreamingQuery; rows: Row[] }> => {
    put('one.json', '{"a": 1}', '{"a": ', '{"a": 2}', '', 'nonsense')
    put('two.json', 'true', '{"a": "text"}', '{"a": 3}')
    const rows: Row[] = []
    const query = await start({ mode, maxFilesPerTrigger: 1 }, trigger, rows, {}, master)
    return { query, rows }
  }

  test('are nulls, and counted: permissive', async () => {
    const { query, rows } = await run('permissive')
    await within(query.processAllAvailable(), stateOf(query))
    await query.stop()
    expect(numbersOf(rows)).toEqual([1, null, 2, null, null, null, 3])
    expect(counted(query, 'numMalformedRows')).toBe(4)
    expect(counted(query, 'numMissingFiles')).toBe(0)
  })

  test('are left out, and counted: dropMalformed', async () => {
    const { query, rows } = await run('dropMalformed')
    await within(query.processAllAvailable(), stateOf(query))
    await query.stop()
    expect(numbersOf(rows)).toEqual([1, 2, 3])
    expect(counted(query, 'numMalformedRows')).toBe(4)
  })

  test('end the query, and the error shows the line and where it is: failFast', async () => {
    const { query } = await run('failFast')
    const error = await failure(query)
    expect(error).toMatchObject({ code: 'MALFORMED_JSON', message: expect.stringMatching(/\{"a": .*line 2 of .*one\.json/) })
    expect(query.exception).toBe(error)
  })
})

test.runIf(existsSync('/proc/self/fd'))('a query that fails, or stops while it reads, leaves no file open', async () => {
  const path = put('one.json', '{"a": 1}', 'nonsense')
  const openFiles = (): string[] => readdirSync('/proc/self/fd').filter(fd => linkOf(`/proc/self/fd/${fd}`) === path)
  for (const mode of ['failFast', 'permissive']) {
    const query = await start({ mode }, Trigger.realTime(10), [])
    if (mode === 'failFast') expect(await failure(query)).not.toBeNull()
    await query.stop()
  }
  // The last close is under way when the query has ended.
  for (let i = 0; i < 1000 && openFiles().length > 0; i++) await sleep(1)
  expect(openFiles()).toEqual([])
})

/** Null for one that has been closed meanwhile. */
const linkOf = (path: string): string | null => {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}

describe('a file that is gone between the look and the read', () => {
  /** A first run reads one file of three, and has noted all of them. */
  const prepare = async (rows: Row[]): Promise<string[]> => {
    const paths = [put('1.json', '{"a": 1}'), put('2.json', '{"a": 2}'), put('3.json', '{"a": 3}')]
    const query = await start({ maxFilesPerTrigger: 1 }, Trigger.processingTime('1 hour'), rows, settings())
    while (query.recentProgress.length === 0) await within(sleep(1), stateOf(query))
    await query.stop()
    expect(numbersOf(rows)).toEqual([1])
    return paths
  }
  const settings = (): Record<string, string> => ({ checkpointLocation: folders.checkpoint })

  test('ends the query, with its name; with the file back it goes on', async () => {
    const rows: Row[] = []
    const [, path] = await prepare(rows)
    const aside = join(folders.root, 'aside')
    renameSync(path, aside)
    const query = await start({}, Trigger.availableNow(), rows, settings())
    expect(await failure(query)).toMatchObject({ code: 'FILE_VANISHED', details: { path } })
    expect(numbersOf(rows)).toEqual([1])
    renameSync(aside, path)
    const again = await start({}, Trigger.availableNow(), rows, settings())
    expect(await failure(again)).toBeNull()
    expect(numbersOf(rows)).toEqual([1, 2, 3])
  })

  test.each(triggers)('is left out and counted with ignoreMissingFiles: $name', async ({ trigger, master }) => {
    const rows: Row[] = []
    const [, path] = await prepare(rows)
    renameSync(path, join(folders.root, 'aside'))
    const query = await start({ ignoreMissingFiles: true }, trigger, rows, settings(), master)
    await within(query.processAllAvailable(), stateOf(query))
    await query.stop()
    expect(query.exception).toBeNull()
    expect(numbersOf(rows)).toEqual([1, 3])
    expect(counted(query, 'numMissingFiles')).toBe(1)
  })

  test('and one that cannot be read has a code and a reason', async () => {
    const rows: Row[] = []
    const [, path] = await prepare(rows)
    rmSync(path)
    mkdirSync(path)
    const query = await start({}, Trigger.availableNow(), rows, { ...settings(), maxRestarts: 1 })
    expect(await failure(query)).toMatchObject({
      code: 'RESTART_LIMIT',
      message: expect.stringContaining(path),
      cause: { code: 'FILE_UNREADABLE', details: { path } },
    })
  })
})
