import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type EngineError, lit, type StreamingQuery, Trigger, udf } from '../../src/index.ts'
import { until } from '../support/masters.ts'
import { seededRandom, seeds } from '../support/random.ts'
import {
  addFile,
  type CountFolders,
  countFolders,
  eventFiles,
  expectedCounts,
  startCount,
  visibleCounts,
} from '../support/windowed-count.ts'
import { within } from '../support/within.ts'

/**
 * Threads of a running query die: ended from outside at random moments, by process.exit, by an error that nobody catches. The query is
 * back by itself and its output exact; one whose worker dies every time stops with a code.
 */
const SEEDS = seeds(2)
/** Within the five that are allowed a minute, and with waits that add up to less than a second. */
const DEATHS = 3

let folders: CountFolders
let order: string
const workers = new Set<Worker>()
const noteWorker = (worker: Worker): void => {
  workers.add(worker)
  worker.once('exit', () => workers.delete(worker))
}

beforeEach(async () => {
  folders = await countFolders()
  order = join(folders.root, 'order')
  process.on('worker', noteWorker)
})

afterEach(() => {
  process.off('worker', noteWorker)
  folders.remove()
})

const perhapsDie = udf.module(new URL('programs/deadly-functions.mjs', import.meta.url), 'perhapsDie', 'bigint')

const start = (master: string, trigger: Trigger, options: Readonly<Record<string, string | number>> = {}): Promise<StreamingQuery> =>
  startCount(folders, { master, trigger, options, value: perhapsDie('value', lit(order)) })

const stateOf = (query: StreamingQuery) => (): string => `${JSON.stringify(query.status)} ${query.exception}`

/** Resolves with the millis until the query runs again. */
const timeBack = async (query: StreamingQuery, begun: number): Promise<number> => {
  const isRestarting = (): boolean => query.status.message.startsWith('Restarting')
  while (query.isActive && !isRestarting()) await sleep(1)
  while (query.isActive && isRestarting()) await sleep(1)
  return performance.now() - begun
}

const realTime = { name: 'real time', trigger: Trigger.realTime(15) }
const microBatch = { name: 'micro-batch', trigger: Trigger.processingTime(0) }
const modes = [
  { ...realTime, master: 'local[2]' },
  { ...microBatch, master: 'local[1]' },
  { ...realTime, master: 'local[1]' },
  { ...microBatch, master: 'local[2]' },
]

test.each(SEEDS.map(seed => ({ seed, ...modes[seed % modes.length] })))(
  'a query whose threads are ended from outside is back by itself, and its counts are exact: $name on $master, seed $seed',
  async ({ seed, name, trigger, master }) => {
    const random = seededRandom(seed)
    const files = eventFiles(random, 10, 120)
    let next = 0
    const feed = setInterval(() => next < files.length && addFile(folders, next, files[next++]), 40)
    const query = await start(master, trigger)
    const times: number[] = []
    for (let death = 0; death < DEATHS; death++) {
      await sleep(random.below(80))
      // After a restart it runs again before all of its threads are there.
      await until(() => workers.size > 0)
      const victim = random.pick([...workers])
      const state = `thread ${victim.threadId} of ${[...workers].map(worker => worker.threadId)}`
      const begun = performance.now()
      const back = timeBack(query, begun)
      await victim.terminate()
      times.push(await within(back, () => `${state}: ${stateOf(query)()} ${query.lastProgress?.batchId}`))
    }
    while (next < files.length) await sleep(5)
    clearInterval(feed)
    await within(query.processAllAvailable(), stateOf(query))
    await within(query.stop(), stateOf(query))
    // The waits before a new attempt are 50, 100 and 200 ms of it.
    console.log(`${name} on ${master}: back after ${times.map(time => time.toFixed(0)).join(', ')} ms`)
    expect(query.exception).toBeNull()
    expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
  },
)

test.each([
  { how: 'exit', ...modes[0] },
  { how: 'uncaught', ...modes[1] },
  { how: 'rejection', ...modes[2] },
])('a worker that dies of itself is replaced: $how, $name on $master', async ({ how, trigger, master }) => {
  const files = eventFiles(seededRandom(5), 6, 120)
  for (let i = 0; i < 3; i++) addFile(folders, i, files[i])
  const query = await start(master, trigger)
  await within(query.processAllAvailable(), stateOf(query))
  writeFileSync(order, `${how} 1`)
  for (let i = 3; i < files.length; i++) addFile(folders, i, files[i])
  await within(query.processAllAvailable(), stateOf(query))
  await within(query.stop(), stateOf(query))
  expect(query.exception).toBeNull()
  // Nothing has taken the dead one's place and is left over.
  for (let i = 0; i < 1000 && workers.size > 0; i++) await sleep(5)
  expect(workers.size).toBe(0)
  // The order has been carried out.
  expect(readFileSync(order, 'utf8')).toBe(`${how} 0`)
  expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
})

test('a worker that dies every time: the query tries as often as it may, then ends with a code', async () => {
  const files = eventFiles(seededRandom(6), 2, 50)
  const query = await start('local[1]', Trigger.realTime(15), { maxRestarts: 2 })
  writeFileSync(order, 'exit 1000')
  for (const [i, file] of files.entries()) addFile(folders, i, file)
  const error = await within(
    query.awaitTermination().then(
      () => null,
      (reason: EngineError) => reason,
    ),
    stateOf(query),
  )
  expect(error).toMatchObject({ code: 'RESTART_LIMIT', details: { count: 3 }, cause: { code: 'WORKER_DIED' } })
  expect(query.exception).toBe(error)
  expect(query.isActive).toBe(false)
  // Once it is mended, the query goes on where it was.
  writeFileSync(order, 'exit 0')
  const again = await start('local[1]', Trigger.availableNow())
  await within(again.awaitTermination(), stateOf(again))
  expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
})

test('a user function that throws ends the query at once, with its own code', async () => {
  const query = await start('local[1]', Trigger.realTime(15))
  writeFileSync(order, 'throw 1')
  addFile(folders, 0, eventFiles(seededRandom(7), 1, 10)[0])
  await expect(within(query.awaitTermination(), stateOf(query))).rejects.toMatchObject({ code: 'UDF_FAILED' })
  expect(query.exception).toMatchObject({ code: 'UDF_FAILED' })
})
