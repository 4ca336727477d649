import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { StateFileWriter } from '../../src/state/state-file-writer.ts'
import { codeOf, withSession } from '../support/masters.ts'

// Goal: a disk that refuses leaves no file open, and what it says of a file that has been read ends nothing. Method: the platform's own
// calls, made to fail, or /dev/full where there is one.

const root = mkdtempSync(join(tmpdir(), 'walkway-handles-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const refused = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })

/** What all handles of files are made of. */
const handles = async (): Promise<FileHandle> => {
  const path = join(root, 'any')
  writeFileSync(path, '')
  const handle = await open(path)
  await handle.close()
  return Object.getPrototypeOf(handle) as FileHandle
}

const openFiles = (): number => readdirSync('/proc/self/fd').length

test.skipIf(!existsSync('/dev/full') || !existsSync('/proc/self/fd'))('a state file whose header does not fit is closed', () => {
  const before = openFiles()
  for (let i = 0; i < 5; i++) expect(() => new StateFileWriter('/dev/full')).toThrow(/ENOSPC/)
  expect(openFiles()).toBe(before)
})

test('an output file that cannot be synced is closed', async () => {
  let file: FileHandle | null = null
  vi.spyOn(await handles(), 'datasync').mockImplementation(function (this: FileHandle) {
    file = this
    return Promise.reject(refused)
  })
  await withSession('inline', async session => {
    expect(await codeOf(session.range(10).write.json(join(root, 'out')))).toBe('SINK_FAILED')
  })
  // Closed, it has no descriptor any more.
  expect(file).toMatchObject({ fd: -1 })
})

test('an input file that cannot be closed has been read all the same', async () => {
  const folder = mkdtempSync(join(root, 'in-'))
  for (const i of [1, 2]) writeFileSync(join(folder, `${i}.json`), `{"n":${i}}\n`)
  const prototype = await handles()
  const { read } = prototype
  let refusals = 0
  vi.spyOn(prototype, 'read').mockImplementation(function (this: FileHandle, ...args: Parameters<FileHandle['read']>) {
    const { close } = this
    this.close = async () => {
      await close.call(this)
      refusals++
      throw refused
    }
    return read.apply(this, args)
  } as FileHandle['read'])
  await withSession('inline', async session => {
    const rows = await session.read.schema('n BIGINT').json(folder).collect()
    expect(rows.map(({ n }) => Number(n))).toEqual([1, 2])
  })
  // A rejection that nobody hears of is told a turn later.
  await new Promise(resolve => setImmediate(resolve))
  expect(refusals).toBeGreaterThan(0)
})
