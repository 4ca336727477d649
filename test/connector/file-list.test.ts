import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileList, listFiles } from '../../src/connector/file-list.ts'
import { logText } from '../../src/connector/file-log.ts'

// Goal: a stream of files is the right files in the right order, the same after a restart. Method: real folders; the times of files are
// set by hand.

const all = Number.POSITIVE_INFINITY
const options = { maxAgeMillis: all, latestFirst: false }
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walkway-list-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const put = (name: string, second: number): void => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '{}\n')
  utimesSync(path, second, second)
}

const namesOf = (files: readonly { readonly path: string }[]): string[] => files.map(({ path }) => path.slice(folder.length + 1))
const listed = async (glob: string): Promise<string[]> => namesOf(await listFiles(join(folder, glob))).sort()

test('two looks at the same time find a file once, in the list and on disk', async () => {
  put('in.json', 1)
  const input = join(folder, 'in.json')
  const list = new FileList(input, join(folder, 'metadata'), options)
  await Promise.all(Array.from({ length: 5 }, () => list.refresh(all)))
  expect(namesOf(list.files)).toEqual(['in.json'])
  expect(new FileList(input, join(folder, 'metadata'), options).files).toEqual(list.files)
})

test('a glob stands for files and for folders, in every part of the path', async () => {
  for (const name of ['top', 'a/one.txt', 'a/two.json', 'a/b/three.txt', 'a/b/c/four.txt', 'a/_log', 'a/.hidden']) put(name, 1)
  expect(await listed('')).toEqual(['top'])
  expect(await listed('*/*')).toEqual(['a/b/three.txt', 'a/one.txt', 'a/two.json'])
  expect(await listed('a/*.txt')).toEqual(['a/one.txt'])
  expect(await listed('a/{one,two}.*')).toEqual(['a/one.txt', 'a/two.json'])
  expect(await listed('a/[no]ne.tx?')).toEqual(['a/one.txt'])
  expect(await listed('a/[^o]*.*')).toEqual(['a/two.json'])
  expect(await listed('nothing/*')).toEqual([])
})

test('folders named column=value are looked into, and give the column', async () => {
  put('day=1/hour=02/x', 1)
  put('day=a%2Fb/y', 1)
  put('day=__HIVE_DEFAULT_PARTITION__/z', 1)
  put('other/w', 1)
  const found = await listFiles(folder)
  expect(Object.fromEntries(found.map(({ path, partition }) => [path.slice(-1), partition]))).toEqual({
    x: { day: '1', hour: '02' },
    y: { day: 'a/b' },
    z: { day: null },
  })
  // A glob that leads to the files themselves says nothing of columns.
  expect((await listFiles(join(folder, '*/y'))).map(({ partition }) => partition)).toEqual([{}])
})

test('a path that looks like a glob is itself, if it is there', async () => {
  put('[a]/x', 1)
  put('a/y', 1)
  expect(await listed('[a]')).toEqual(['[a]/x'])
})

test('the oldest come first, or the newest, and so many at a time', async () => {
  for (const [name, second] of [
    ['b', 1],
    ['a', 2],
    ['c', 3],
  ] as const)
    put(name, second)
  const oldest = new FileList(folder, null, options)
  await oldest.refresh(2)
  expect(namesOf(oldest.files)).toEqual(['b', 'a'])
  const newest = new FileList(folder, null, { ...options, latestFirst: true })
  await newest.refresh(1)
  put('d', 4)
  await newest.refresh(all)
  expect(namesOf(newest.files)).toEqual(['c', 'd', 'a', 'b'])
})

test('what is too old beside the newest is left out, but not at the first look', async () => {
  put('first', 1)
  put('second', 100)
  const aged = { ...options, maxAgeMillis: 10_000 }
  const list = new FileList(folder, join(folder, '_log'), aged)
  await list.refresh(all)
  put('late', 89)
  put('fresh', 90)
  await list.refresh(all)
  expect(namesOf(list.files)).toEqual(['first', 'second', 'fresh'])
  put('later', 88)
  const again = new FileList(folder, join(folder, '_log'), aged)
  await again.refresh(all)
  expect(namesOf(again.files)).toEqual(['first', 'second', 'fresh'])
})

test('of the output of a query only what its log names counts', async () => {
  for (const name of ['part-0', 'part-1', 'part-2', 'part-of-a-dead-attempt']) put(name, 1)
  put('_spark_metadata/.tmp', 1)
  expect(await listed('')).toEqual([])
  const enter = (name: string, ...files: string[]): void =>
    writeFileSync(
      join(folder, '_spark_metadata', name),
      logText(
        folder,
        files.map(path => ({ path, size: 3 })),
      ),
    )
  enter('8', 'part-0')
  expect(await listed('')).toEqual(['part-0'])
  enter('9.compact', 'part-0', 'part-1')
  enter('10', 'part-2')
  expect(await listed('')).toEqual(['part-0', 'part-1', 'part-2'])
  // What is named and gone must be missed, not passed over.
  rmSync(join(folder, 'part-1'))
  expect(await listed('')).toEqual(['part-0', 'part-1', 'part-2'])
  enter('12', 'part-0')
  await expect(listed('')).rejects.toMatchObject({ code: 'OUTPUT_DAMAGED', message: expect.stringContaining('11') })
  writeFileSync(join(folder, '_spark_metadata', '11'), 'v1\nnonsense')
  await expect(listed('')).rejects.toMatchObject({ code: 'OUTPUT_DAMAGED', message: expect.stringContaining('line 2') })
})
