import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileList } from '../../src/connector/file-list.ts'

test('two looks at the same time find a file once, in the list and on disk', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-list-'))
  try {
    const input = join(folder, 'in.json')
    writeFileSync(input, '{}\n')
    const list = new FileList(input, join(folder, 'metadata'), options)
    await Promise.all(Array.from({ length: 5 }, () => list.refresh(Number.POSITIVE_INFINITY)))
    expect(list.files.map(file => file.path)).toEqual([input])
    expect(new FileList(input, join(folder, 'metadata'), options).files.map(file => file.path)).toEqual([input])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
