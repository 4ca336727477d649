import { afterEach, beforeEach, expect, test } from 'vitest'
import { Trigger } from '../../src/index.ts'
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
 * A query with state is stopped and started again on another number of threads, and in another mode: each key's state goes to the task that
 * has the key now, also when files of several layouts have been merged.
 */

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const MASTERS = ['inline', 'local[1]', 'local[2]', 'local[3]']
const TRIGGERS = [Trigger.availableNow(), Trigger.realTime(10), Trigger.processingTime(0)]

/** Windows slide in half of the walks: their state is of another shape. */
const walk = async (seed: number, masters: readonly string[], slideMillis: number): Promise<void> => {
  const random = seededRandom(seed)
  // Windows are far longer than a run, so that nearly all state crosses from one to the next.
  const files = eventFiles(random, 2 * masters.length, 60, 40)
  for (const [i, master] of masters.entries()) {
    addFile(folders, 2 * i, files[2 * i])
    addFile(folders, 2 * i + 1, files[2 * i + 1])
    if (i === masters.length - 1) for (let f = 2 * masters.length; f < files.length; f++) addFile(folders, f, files[f])
    const query = await startCount(folders, { master, slideMillis, trigger: random.pick(TRIGGERS), options: { durability: 'process' } })
    const state = (): string => `seed ${seed}, run ${i} on ${master}: ${JSON.stringify(query.status)}`
    if (query.trigger.kind === 'availableNow') await within(query.awaitTermination(), state)
    else await within(query.processAllAvailable(), state)
    await within(query.stop(), state)
    expect({ run: state(), exception: query.exception }).toEqual({ run: state(), exception: null })
  }
  expect({ seed, rows: await visibleCounts(folders.output) }).toEqual({ seed, rows: expectedCounts(files, slideMillis) })
}

test.each([1000, 300])('state follows its keys from one thread to two, to the caller’s, and back to two (slide of %i ms)', slideMillis =>
  walk(41, ['local[1]', 'local[2]', 'inline', 'local[2]'], slideMillis),
)

test.each(seeds(2))('and on random walks: seed %d', async seed => {
  const random = seededRandom(seed)
  await walk(
    seed,
    Array.from({ length: 4 }, () => random.pick(MASTERS)),
    random.pick([1000, 250]),
  )
})
