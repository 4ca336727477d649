import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EngineError, type StreamingQuery, Trigger } from '../../src/index.ts'
import { type SeededRandom, seededRandom } from '../support/random.ts'
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
 * kills in the middle of a commit leave. WALKWAY_SEEDS=n: n rounds of every file and damage; WALKWAY_SEED to run one again.
 */
const ROUNDS = Number(process.env.WALKWAY_SEEDS ?? 0)
/** Damages of each scene without that variable. */
const FEW = 8

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
  { timeout: 60_000 + 200_000 * ROUNDS },
  async scene => {
    const { trigger, kill } = scene
    for (let round = 0; round < Math.max(1, ROUNDS); round++) {
      const seed = Number(process.env.WALKWAY_SEED ?? Math.floor(Math.random() * 2 ** 31))
      const random = seededRandom(seed)
      const events = eventFiles(random, 8, 60)
      folders.remove()
      folders = await countFolders()
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
      const outcomes = { refused: 0, harmless: 0 }
      const all = names.flatMap(name => Object.keys(damages).map(kind => ({ name, kind })))
      // One that must be refused is always among them.
      const certain = { name: 'metadata', kind: 'emptied' }
      for (const { name, kind } of ROUNDS === 0 ? [certain, ...Array.from({ length: FEW }, () => random.pick(all))] : all) {
        for (const part of ['checkpoint', 'output'] as const) {
          rmSync(folders[part], { recursive: true, force: true })
          cpSync(kept[part], folders[part], { recursive: true })
        }
        damages[kind](join(folders.checkpoint, name), random)
        const what = `${name} ${kind}, WALKWAY_SEED=${seed}`
        const error = await outcomeOf(folders, what)
        if (error === null) {
          outcomes.harmless++
          expect({ what, rows: await visibleCounts(folders.output) }).toEqual({ what, rows: expectedCounts(events) })
        } else {
          outcomes.refused++
          const code = error instanceof EngineError ? error.code : String(error)
          expect({ what, code, message: error.message }).toEqual({
            what,
            code: expect.stringMatching(/^CHECKPOINT_|^OUTPUT_AHEAD$/),
            message: expect.stringContaining(name),
          })
        }
      }
      console.log(
        `${scene.name}: ${names.length} files, ${outcomes.refused} times refused, ${outcomes.harmless} times harmless, WALKWAY_SEED=${seed}`,
      )
      expect(outcomes.refused).toBeGreaterThan(0)
    }
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
