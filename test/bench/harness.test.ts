import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { earlierResult, type Result, storedFile, storeResult } from '../../bench/kit/results.ts'

// Goal: what `npm run bench` promises to scripts holds: one line of JSON on standard output, an exit code, a sentence for a wrong call.
// Method: the command as it is built, at small size; and its file of results by itself.

const root = fileURLToPath(new URL('../..', import.meta.url))

const bench = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, 'dist-bench/harness.js'), ...args], { cwd: root, encoding: 'utf8' })

describe('the command', () => {
  beforeAll(() => {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'bench')], { stdio: 'inherit' })
  }, 120_000)

  test('--json prints one line and nothing else', () => {
    const { status, stdout } = bench('parts', '--small', '--json')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\{.*\}\n$/)
    const result = JSON.parse(stdout) as Result
    expect(result).toMatchObject({ bench: 'parts', ok: true, machine: { node: process.version } })
    expect(result.figures.ringRecordNanos).toBeGreaterThan(0)
    expect(result.commit).toMatch(/^([0-9a-f]{7,}\+?|unknown)$/)
  })

  test('--compare shows the change, in the line of JSON too', () => {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-compare-'))
    try {
      const file = join(folder, 'earlier.jsonl')
      writeFileSync(file, `{"bench":"json","commit":"abcdefg","at":"then","figures":{"fromJsonNanos":1,"gone":2}}\n`)
      const { figures, change } = JSON.parse(bench('json', '--small', '--json', '--compare', file).stdout) as Result
      expect(change).toEqual({ commit: 'abcdefg', at: 'then', figures: { fromJsonNanos: { from: 1, by: figures.fromJsonNanos - 1 } } })
      expect(bench('json', '--small', '--compare', file).stdout).toMatch(/fromJsonNanos .* % from 1\n/)
      writeFileSync(file, '')
      expect(JSON.parse(bench('json', '--small', '--json', '--compare', file).stdout)).toMatchObject({ change: null })
      expect(bench('json', '--small', '--compare', file).stdout).toContain(`nothing about json in ${file}\n`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a benchmark that cannot be run says why, and measures nothing', () => {
    const result = JSON.parse(bench('peers', '--small', '--json').stdout) as Result
    expect(result).toMatchObject({ ok: true, skipped: expect.stringMatching(/./) as unknown, figures: {} })
  })

  test('without a name it lists what there is', () => {
    const { status, stdout } = bench()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ {2}hop .*\?$/m)
  })

  test.each([
    [['nosuch'], /^no benchmark nosuch: there are hop, /],
    [['--fast'], /^no option --fast\n/],
    [['hop', '--rounds', 'many'], /^--rounds needs a number/],
    [['hop', '--compare', 'no/such/file'], /^--compare: there is no file no\/such\/file/],
    [['hop', '--small', '--store'], /^--store keeps full measurements/],
  ])('%j is refused before anything is measured', (args, message) => {
    const { status, stdout, stderr } = bench(...args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })
})

test('a file of results holds one line for each benchmark, the newest', () => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-results-'))
  try {
    const machine = { cpu: 'Intel(R) Xeon(R) Processor', cores: 2, memoryGb: 24, system: 'linux x64', node: 'v20.0.0', loadAverage: 0 }
    const result = (name: string, nanos: number): Result => ({
      bench: name,
      ok: true,
      size: 'full',
      figures: { nanos },
      spread: {},
      rounds: 1,
      oneCore: false,
      machine,
      commit: 'abcdefg',
      at: '2026-11-25T00:00:00.000Z',
    })
    for (const each of [result('json', 1), result('hop', 2), result('json', 3)]) storeResult(folder, each)
    const file = storedFile(folder, machine)
    expect(file).toBe(`${folder}/intel-xeon-processor-2-cores.jsonl`)
    expect(earlierResult(file, 'json')?.figures.nanos).toBe(3)
    expect(earlierResult(file, 'hop')?.figures.nanos).toBe(2)
    expect(earlierResult(file, 'wide')).toBeNull()
    writeFileSync(file, `${JSON.stringify(result('json', 4))}\n\n${JSON.stringify(result('json', 5))}\n`)
    expect(earlierResult(file, 'json')?.figures.nanos).toBe(5)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
