import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { addFile, type CountFolders, CountRun, countFolders, eventFiles, expectedCounts, visibleCounts } from '../support/windowed-count.ts'

// Goal: Ctrl-C, or what a service manager sends, ends a query in order: the epoch at hand is committed, nothing is left to repeat. Method:
// a program that stops its query when a signal comes, in both ways that there are; signals while rows flow.

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const numbersIn = (...path: string[]): number[] =>
  readdirSync(join(folders.checkpoint, ...path))
    .map(name => Number.parseInt(name, 10))
    .sort((a, b) => a - b)

const cases = [
  { signal: 'SIGINT', master: 'local[2]', trigger: 'realTime 1 hour', stopBy: 'stop' },
  { signal: 'SIGTERM', master: 'inline', trigger: 'realTime 20 milliseconds', stopBy: 'abort' },
  { signal: 'SIGINT', master: 'inline', trigger: 'processingTime 1 hour', stopBy: 'abort' },
  { signal: 'SIGTERM', master: 'local[1]', trigger: 'processingTime 0 seconds', stopBy: 'stop' },
] as const

test.each(cases)('$signal, $trigger on $master, by $stopBy: the program ends with 0 and its last epoch is committed', async settings => {
  const { signal, ...mode } = settings
  const files = eventFiles(seededRandom(31), 6, 120)
  for (let i = 0; i < 4; i++) addFile(folders, i, files[i])
  const program = new CountRun(folders, mode)
  await program.started()
  program.process.kill(signal)
  expect({ ...(await program.ended), errors: program.errors, failure: program.failure }).toEqual({
    code: 0,
    signal: null,
    errors: '',
    failure: null,
  })
  expect(program.messages.at(-1)).toEqual({ kind: 'stopped' })
  // Whatever was begun is committed, and nothing is planned beyond.
  const last = numbersIn('commits').at(-1) ?? -1
  const manifests = readdirSync(join(folders.checkpoint, 'state')).filter(name => name.endsWith('.manifest'))
  expect(Math.max(...manifests.map(name => Number.parseInt(name, 10)))).toBe(last)
  expect(numbersIn('offsets').at(-1) ?? -1).toBe(last)
  expect(readdirSync(folders.checkpoint)).not.toContain('lock')
  for (let i = 4; i < files.length; i++) addFile(folders, i, files[i])
  await new CountRun(folders, { master: mode.master, trigger: 'availableNow', finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(expectedCounts(files))
})
