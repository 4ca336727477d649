import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { anySeed, seededRandom } from '../support/random.ts'
import { addFile, type CountFolders, CountRun, countFolders, eventFiles, expectedPairs, visibleCounts } from '../support/windowed-count.ts'

/**
 * A join of two streams is killed with SIGKILL at random moments and goes on with another number of threads and in another mode: each pair
 * comes out exactly once, and so does each row that stays alone. WALKWAY_KILLS=20 for a longer run, WALKWAY_SEED to run one again.
 */
const KILLS = Number(process.env.WALKWAY_KILLS ?? 3)

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const MASTERS = ['inline', 'local[1]', 'local[2]', 'local[3]']
const TRIGGERS = ['realTime 20 milliseconds', 'processingTime 20 milliseconds']

test('kill −9 loses and doubles no pair, on any number of threads', { timeout: 180_000 + KILLS * 8000 }, async () => {
  const seed = anySeed()
  console.log(`join: ${KILLS} kills, WALKWAY_SEED=${seed}`)
  const random = seededRandom(seed)
  const files = eventFiles(random, 6 + 4 * KILLS, 80)
  let next = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const run = new CountRun(folders, { joins: true, master: random.pick(MASTERS), trigger: random.pick(TRIGGERS) })
    const most = Math.min(files.length - 2, next + 5)
    const feed = setInterval(() => {
      if (next < most) addFile(folders, next, files[next++])
    }, 15)
    if (random.below(5) > 0) await Promise.race([run.epochs(1 + random.below(8)), sleep(2000)])
    else await sleep(100 + random.below(200))
    await sleep(random.below(25))
    run.kill()
    const { signal } = await run.ended
    clearInterval(feed)
    expect({ signal, errors: run.errors, failure: run.failure }).toEqual({ signal: 'SIGKILL', errors: '', failure: null })
  }
  for (; next < files.length; next++) addFile(folders, next, files[next])
  await new CountRun(folders, { joins: true, master: random.pick(MASTERS), trigger: random.pick(TRIGGERS), finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(expectedPairs(files))
})
