import { afterEach, expect, test } from 'vitest'
import { seededRandom, seeds } from '../support/random.ts'
import { addFile, type CountFolders, CountRun, countFolders, eventFiles, expectedCounts, visibleCounts } from '../support/windowed-count.ts'

/**
 * Kills a program at a step of its commits: before a change to its checkpoint or its output, or in the middle of a write. Which steps
 * there are is what an undisturbed run does, so a new one is killed at too. Half of the runs that go on are killed at a step as well. With
 * half of the kills inline the power goes too: what was not synced may be lost. Whatever the step, a reader of the output sees each window
 * and key once, with exact counts. A seed is a step and all that chance decides; so many seeds as there are steps, some 45, cover them.
 */
const SEEDS = seeds(3)

/** What a commit is made of. A run in which one of them did not show would test something else. */
const LANDMARKS = [
  'write state/*.state',
  'rename state/*.manifest.tmp',
  'rename offsets/*.tmp',
  'write part-*.json',
  'rename _spark_metadata/*.tmp',
  'rename commits/*.tmp',
  'write sources/*/files.jsonl',
]

/** Prime to any number of steps. */
const STRIDE = 1009

const open: CountFolders[] = []

const freshFolders = async (): Promise<CountFolders> => {
  const folders = await countFolders()
  open.push(folders)
  return folders
}

afterEach(() => {
  for (const folders of open.splice(0)) folders.remove()
})

const modes = [
  { name: 'real time, inline', master: 'inline', trigger: 'realTime 15 milliseconds', cuts: true },
  { name: 'micro-batch, inline', master: 'inline', trigger: 'processingTime 0 seconds', cuts: true },
  { name: 'real time on two workers', master: 'local[2]', trigger: 'realTime 15 milliseconds', cuts: false },
]

test.each(modes)(
  'a kill at any step of a commit loses and doubles nothing: $name',
  { timeout: 180_000 + SEEDS.length * 20_000 },
  async mode => {
    const files = eventFiles(seededRandom(1), 7, 120)
    const feed = (folders: CountFolders, from: number, to: number): void => {
      for (let i = from; i < to; i++) addFile(folders, i, files[i])
    }

    const whole = await freshFolders()
    feed(whole, 0, files.length)
    const undisturbed = new CountRun(whole, { ...mode, finish: true, disk: { trace: true } })
    await undisturbed.success()
    const counts = new Map<string, number>()
    for (const step of undisturbed.errors.split('\n')) if (step !== '') counts.set(step, (counts.get(step) ?? 0) + 1)
    const steps = [...counts.keys()]
    expect(steps).toEqual(expect.arrayContaining(LANDMARKS))
    const wanted = expectedCounts(files)
    expect(await visibleCounts(whole.output)).toEqual(wanted)

    let kills = 0
    for (const seed of SEEDS) {
      const random = seededRandom(seed)
      // Neighbours in the list are steps of one kind.
      const step = steps[(seed * STRIDE) % steps.length]
      const folders = await freshFolders()
      const killed = [`seed ${seed}`]
      const run = async (order: { step: string; nth: number; half: boolean }): Promise<void> => {
        const kill = mode.cuts && random.below(2) === 0 ? { ...order, cut: random.below(2 ** 31) } : order
        const program = new CountRun(folders, { ...mode, finish: true, disk: { kill } })
        const { signal } = await program.ended
        if (signal === 'SIGKILL') kills++
        killed.push(`${JSON.stringify(kill)}: ${String(signal)}`)
        expect({ killed, errors: program.errors, failure: program.failure }).toEqual({ killed, errors: '', failure: null })
      }
      feed(folders, 0, 3)
      await run({ step, nth: 1 + random.below(Math.min(3, counts.get(step) ?? 1)), half: random.below(2) === 0 })
      feed(folders, 3, 5)
      if (random.below(2) === 0) await run({ step: random.pick(steps), nth: 1 + random.below(2), half: random.below(2) === 0 })
      feed(folders, 5, files.length)
      const last = new CountRun(folders, { ...mode, finish: true })
      await last.success().catch(error => expect.unreachable(`${killed.join('; ')}; then ${String(error)}`))
      expect({ killed, rows: await visibleCounts(folders.output) }).toEqual({ killed, rows: wanted })
      folders.remove()
    }
    console.log(`${mode.name}: ${kills} kills, at ${SEEDS.length} of ${steps.length} steps`)
    expect(kills).toBeGreaterThan(0)
  },
)
