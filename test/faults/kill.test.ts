import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { anySeed, seededRandom } from '../support/random.ts'
import { addFile, type CountFolders, CountRun, countFolders, eventFiles, expectedCounts, visibleCounts } from '../support/windowed-count.ts'

/**
 * Kills a program with SIGKILL at random moments while its input grows, starts it again each time, and at last lets it finish. What a
 * reader of its output sees then is exactly what was counted, each window and key once. WALKWAY_KILLS=20 for a longer run, WALKWAY_SEED to
 * run one again.
 */
const KILLS = Number(process.env.WALKWAY_KILLS ?? 2)

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const modes = [
  { name: 'real time, inline', master: 'inline', trigger: 'realTime 20 milliseconds', switches: [] },
  { name: 'micro-batch on a worker', master: 'local[1]', trigger: 'processingTime 20 milliseconds', switches: [] },
  {
    name: 'changing triggers on two workers',
    master: 'local[2]',
    trigger: 'realTime 20 milliseconds',
    switches: ['processingTime 10 milliseconds', 'realTime 15 milliseconds', 'processingTime 0 seconds', 'realTime 20 milliseconds'],
  },
]

test.each(modes)('kill −9 at random moments loses and doubles nothing: $name', { timeout: 180_000 + KILLS * 5000 }, async mode => {
  const seed = anySeed()
  console.log(`${mode.name}: ${KILLS} kills, WALKWAY_SEED=${seed}`)
  const random = seededRandom(seed)
  const files = eventFiles(random, 8 + 6 * KILLS, 120)
  let next = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const run = new CountRun(folders, mode)
    const most = Math.min(files.length - 2, next + 6)
    const feed = setInterval(() => {
      if (next < most) addFile(folders, next, files[next++])
    }, 15)
    // Sometimes while it starts, most often in the middle of its work.
    if (random.below(5) > 0) await Promise.race([run.epochs(1 + random.below(8)), sleep(1000)])
    else await sleep(100 + random.below(200))
    await sleep(random.below(25))
    run.kill()
    const { signal } = await run.ended
    clearInterval(feed)
    expect({ signal, errors: run.errors, failure: run.failure }).toEqual({ signal: 'SIGKILL', errors: '', failure: null })
  }
  for (; next < files.length; next++) addFile(folders, next, files[next])
  await new CountRun(folders, { ...mode, switches: [], finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
})
