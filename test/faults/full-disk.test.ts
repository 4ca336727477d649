import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededRandom, seeds } from '../support/random.ts'
import { addFile, type CountFolders, CountRun, countFolders, eventFiles, expectedCounts, visibleCounts } from '../support/windowed-count.ts'

/**
 * The disk is full where a query writes its state, its logs or its output: for a moment, and it goes on by itself; for good, and it ends
 * with a code and what could not be written, and goes on where it was once there is room. Counts are exact. A part of a write still finds
 * room, as on a real disk. A seed is a place and a mode; 16 cover all.
 */
/** Each with what the error must name. */
const places = [
  { place: 'state', match: 'state/\\*\\.state', from: 4, names: '/state' },
  { place: 'a manifest', match: 'manifest', from: 5, names: '.manifest' },
  { place: 'the log of offsets', match: 'offsets/', from: 5, names: '/offsets/' },
  { place: 'the log of commits', match: 'commits/', from: 5, names: '/commits/' },
  { place: 'the list of files', match: 'files.jsonl', from: 3, names: 'files.jsonl' },
  { place: 'the output', match: 'part-', from: 4, names: '/out' },
  { place: 'the log of the output', match: '_spark_metadata', from: 5, names: '_spark_metadata' },
  { place: 'everything', match: '', from: 40, names: '/' },
]

const modes = [
  { name: 'micro-batch, inline', master: 'inline', trigger: 'processingTime 0 seconds' },
  { name: 'real time on two workers', master: 'local[2]', trigger: 'realTime 15 milliseconds' },
]
const cases = places.flatMap(place => modes.map(mode => ({ ...place, ...mode })))
const chosen = seeds(3).map(seed => ({ seed, ...cases[(seed * 5) % cases.length] }))

const CODES = /^(RESTART_LIMIT|CHECKPOINT_FAILED|SINK_DISK_FULL)$/

let folders: CountFolders
const files = eventFiles(seededRandom(11), 7, 120)
const wanted = expectedCounts(files)
const feed = (from: number, to: number): void => {
  for (let i = from; i < to; i++) addFile(folders, i, files[i])
}

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

test.each(chosen)('a disk that is full for a moment: $place, $name, seed $seed', async ({ match, from, master, trigger }) => {
  const program = new CountRun(folders, { master, trigger, disk: { full: { match, from, until: from + 3 } } })
  // The list of files grows, and micro-batches run, only when there is something new.
  let fed = 0
  while (fed < files.length && !program.errors.includes('no room to')) {
    feed(fed, ++fed)
    await Promise.race([program.epochs(fed), program.complaint()])
  }
  await program.complaint()
  const before = program.epochCount
  feed(fed, files.length)
  await program.epochs(before + 1)
  program.process.kill('SIGTERM')
  await program.success()
  await new CountRun(folders, { master, trigger, finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(wanted)
})

test.each(chosen)('a disk that stays full: $place, $name, seed $seed', async ({ match, from, names, master, trigger }) => {
  const options = { maxRestarts: 1 }
  const program = new CountRun(folders, { master, trigger, finish: true, options, disk: { full: { match, from } } })
  feed(0, 4)
  await program.epochs(1)
  feed(4, 6)
  await program.ended
  expect(program.errors).toContain('no room to')
  expect(program.failure).toMatchObject({ code: expect.stringMatching(CODES), message: expect.stringMatching(/ENOSPC|No space/) })
  expect(program.failure?.message).toContain(names)
  feed(6, files.length)
  await new CountRun(folders, { master, trigger, finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(wanted)
})

test('a disk that is full from the start: the query does not start, and says why', async () => {
  for (const match of ['mkdir offsets', 'lock', 'metadata.tmp', 'files.jsonl']) {
    const program = new CountRun(folders, { ...modes[0], finish: true, disk: { full: { match, from: 1 } }, options: { maxRestarts: 0 } })
    feed(0, 1)
    await program.ended
    expect(program.failure).toMatchObject({ code: 'CHECKPOINT_FAILED', message: expect.stringContaining('ENOSPC') })
  }
  feed(1, files.length)
  await new CountRun(folders, { ...modes[0], finish: true }).success()
  expect(await visibleCounts(folders.output)).toEqual(wanted)
})

/** A file system of a few megabytes; null where this process may not mount one. */
const smallDisk = (path: string): { remove(): void } | null => {
  try {
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path], { stdio: 'ignore' })
    return { remove: () => execFileSync('umount', ['-l', path]) }
  } catch {
    return null
  }
}

const fill = (path: string): void => {
  const file = openSync(path, 'w')
  try {
    for (const bytes of [new Uint8Array(4096), new Uint8Array(1)]) for (;;) writeSync(file, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}

test('a file system without room ends the query with a code, and with room it goes on', async () => {
  const disk = smallDisk(join(folders.root, 'small'))
  if (disk === null) {
    console.log('Skipped: a file system of its own takes root and mount.')
    return
  }
  try {
    const small = { ...folders, output: join(folders.root, 'small', 'out'), checkpoint: join(folders.root, 'small', 'cp') }
    feed(0, 3)
    const program = new CountRun(small, { ...modes[1], options: { maxRestarts: 1 } })
    await program.epochs(2)
    fill(join(folders.root, 'small', 'filler'))
    feed(3, 6)
    await program.ended
    expect(program.failure).toMatchObject({ code: expect.stringMatching(CODES), message: expect.stringMatching(/ENOSPC|No space/) })
    rmSync(join(folders.root, 'small', 'filler'))
    feed(6, files.length)
    await new CountRun(small, { ...modes[1], finish: true }).success()
    expect(await visibleCounts(small.output)).toEqual(wanted)
  } finally {
    disk.remove()
  }
})
