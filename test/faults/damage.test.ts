import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineError, type StreamingQuery, Trigger } from '../../src/index.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
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
import { within } from '../support/within.ts'

/**
 * Damages each file of a checkpoint in turn: cuts it off, turns one bit, empties it, deletes it, puts something else in its place. A
 * restart either refuses with a CHECKPOINT code and the file's name, or comes to the right rows. The checkpoints are what a stop and what
 * kills in the middle of a commit leave. A seed is a file and a damage; so many seeds as there are pairs of them, some 140, cover all.
 */
const SEEDS = seeds(8)
/** Prime to any number of pairs. */
const STRIDE = 1009

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()

const damages: Readonly<Record<string, (path: string, random: SeededRandom) => void>> = {
  'cut off': (path, random) => {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, random.below(bytes.length)))
  },
  'one bit turned': (path, random) => {
    const bytes = readFileSync(path)
    bytes[random.below(bytes.length)] ^= 1 << random.below(8)
    writeFileSync(path, bytes)
  },
  emptied: path => writeFileSync(path, ''),
  deleted: path => rmSync(path),
  'random bytes': (path, random) => writeFileSync(path, Buffer.from(readFileSync(path).map(() => random.below(256)))),
  'other JSON': path => writeFileSync(path, 'null\n'),
}

const scenes: readonly {
  readonly name: string
  readonly trigger: string
  readonly kill?: { readonly step: string; readonly nth: number }
}[] = [
  { name: 'micro-batches, stopped', trigger: 'processingTime 0 seconds' },
  {
    name: 'micro-batches, killed before the first commit',
    trigger: 'processingTime 0 seconds',
    kill: { step: 'rename state/*.manifest.tmp', nth: 2 },
  },
  {
    name: 'micro-batches, killed before a manifest',
    trigger: 'processingTime 0 seconds',
    kill: { step: 'rename state/*.manifest.tmp', nth: 5 },
  },
  { name: 'micro-batches, killed before a commit', trigger: 'processingTime 0 seconds', kill: { step: 'rename commits/*.tmp', nth: 4 } },
  {
    name: 'real time, killed before the sink’s log',
    trigger: 'realTime 10 milliseconds',
    kill: { step: 'rename _spark_metadata/*.tmp', nth: 3 },
  },
]

test.each(scenes)(
  'a damaged checkpoint is refused by name, or does no harm: $name',
  { timeout: 180_000 + 5000 * SEEDS.length },
  async scene => {
    const { name: sceneName, trigger, kill } = scene
    const events = eventFiles(seededRandom(1), 8, 60)
    for (let i = 0; i < 8; i++) addFile(folders, i, events[i])
    const first = new CountRun(folders, { master: 'inline', trigger, finish: kill === undefined, disk: { kill } })
    if (kill === undefined) await first.success()
    else expect(await first.ended).toMatchObject({ signal: 'SIGKILL' })
    for (let i = 8; i < events.length; i++) addFile(folders, i, events[i])
    const kept = { checkpoint: join(folders.root, 'kept-checkpoint'), output: join(folders.root, 'kept-output') }
    for (const part of ['checkpoint', 'output'] as const) {
      mkdirSync(folders[part], { recursive: true })
      cpSync(folders[part], kept[part], { recursive: true })
    }
    const names = filesIn(folders.checkpoint).map(path => relative(folders.checkpoint, path))
    const pairs = names.flatMap(name => Object.keys(damages).map(kind => ({ name, kind })))
    const outcomes = { refused: 0, harmless: 0 }
    const damageAndGoOn = async (name: string, kind: string, seed: number): Promise<void> => {
      for (const part of ['checkpoint', 'output'] as const) {
        rmSync(folders[part], { recursive: true, force: true })
        cpSync(kept[part], folders[part], { recursive: true })
      }
      damages[kind](join(folders.checkpoint, name), seededRandom(seed))
      const what = `${name} ${kind}, WALKWAY_SEED=${seed}`
      const error = await outcomeOf(folders, what)
      if (error === null) {
        outcomes.harmless++
        expect({ what, rows: await visibleCounts(folders.output) }).toEqual({ what, rows: expectedCounts(events) })
        return
      }
      outcomes.refused++
      expect({ what, code: error instanceof EngineError ? error.code : null, message: error.message }).toEqual({
        what,
        code: expect.stringMatching(/^CHECKPOINT_|^OUTPUT_AHEAD$/),
        message: expect.stringContaining(name),
      })
    }
    // One that must be refused, whatever the seeds.
    await damageAndGoOn('metadata', 'emptied', 0)
    expect(outcomes.refused).toBe(1)
    for (const seed of SEEDS) {
      const { name, kind } = pairs[(seed * STRIDE) % pairs.length]
      await damageAndGoOn(name, kind, seed)
    }
    console.log(
      `${sceneName}: ${SEEDS.length + 1} damages to ${names.length} files, ${outcomes.refused} refused, ${outcomes.harmless} harmless`,
    )
  },
)

/** Goes on with what is there to the end of the input. Resolves with what the query died of. */
const outcomeOf = async (where: CountFolders, what: string): Promise<Error | null> => {
  let query: StreamingQuery | null = null
  const run = async (): Promise<Error | null> => {
    try {
      query = await startCount(where, { master: 'inline', trigger: Trigger.availableNow(), options: { durability: 'process' } })
      await query.awaitTermination()
      return null
    } catch (error) {
      return error as Error
    } finally {
      await query?.stop()
    }
  }
  return within(run(), () => `${what}: ${JSON.stringify(query?.status)}`)
}
