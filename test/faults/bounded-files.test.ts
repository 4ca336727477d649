import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectFlat, runHolding } from '../support/held.ts'
import { type CountFolders, countFolders } from '../support/windowed-count.ts'

/**
 * A query that runs for months must not fill its folders with files, nor its process with whatever an epoch leaves behind. Hundreds of
 * epochs, each with rows and changes of state, in a process of its own; then there are no more files than a fixed number, and no more
 * memory, objects, handles, open files and threads than before. WALKWAY_EPOCHS=n for a longer run (10,000 under `npm run stress`).
 */
const EPOCHS = Number(process.env.WALKWAY_EPOCHS ?? 250)

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

/** What Spark keeps of its logs, and ten epochs until the next purge. */
const LOG_ENTRIES = 112
/** Two times sixteen change files, what they were merged into, and two manifests; eight times as many while a merge waits its turn. */
const STATE_FILES = 140
const SINK_ENTRIES = 22

interface End {
  readonly offsets: number
  readonly commits: number
  readonly state: number
  readonly metadata: number
  readonly output: number
  readonly failure: string | null
}

test.each([
  ['append', 'inline'],
  ['append', 'local[1]'],
  ['complete', 'inline'],
])('files, memory and handles do not grow in number: %s, %s', { timeout: 180_000 + EPOCHS * 200 }, async (mode, master) => {
  const { checkpoint, output } = folders
  const { samples, end } = await runHolding<End>('many-epochs.mjs', [master, mode, EPOCHS, checkpoint, output, STATE_FILES])
  expect(end.failure).toBeNull()
  expect(end.offsets).toBeLessThan(LOG_ENTRIES)
  expect(end.commits).toBeLessThan(LOG_ENTRIES)
  expect(end.state).toBeLessThan(STATE_FILES)
  expect(end.metadata).toBeLessThan(SINK_ENTRIES)
  if (mode === 'complete') expect(end.output).toBeLessThan(SINK_ENTRIES + 2)
  // Nothing but the folders and the files that say whose it is.
  expect(readdirSync(checkpoint).sort()).toEqual(['commits', 'metadata', 'offsets', 'sources', 'state'])
  // Output that is appended stays, as it should: nothing but its list is merged.
  const files = mode === 'append' ? ([1, EPOCHS + 60] as const) : ([1.2, STATE_FILES] as const)
  expectFlat(samples, { print: process.env.WALKWAY_EPOCHS !== undefined, slack: { files } })
})
