import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// Goal: what users install works without this repository. Method: both packages are packed and installed into an empty folder; programs in
// JavaScript and in TypeScript run there, from the installed files alone.

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'walkway-package-'))
/** Files in each tarball. */
const packed: Record<string, string[]> = {}

/** Resolves with standard output. Not synchronous: a worker of vitest's that says nothing for a minute is taken for dead. */
const run = async (command: string, args: readonly string[], cwd = folder): Promise<string> => {
  try {
    const running = promisify(execFile)(command, args, { cwd, maxBuffer: 2 ** 26 })
    running.child.stdin?.end()
    return (await running).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  }
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)

beforeAll(async () => {
  const tarballs: string[] = []
  for (const path of ['native-free-buffers', '.']) {
    const json = await run('npm', ['pack', '--json', '--pack-destination', folder], join(ROOT, path))
    const [{ name, filename, files }] = JSON.parse(json) as [{ name: string; filename: string; files: { path: string }[] }]
    packed[name] = files.map(file => file.path)
    tarballs.push(`./${filename}`)
  }
  write('package.json', '{ "name": "user", "private": true, "type": "module" }')
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', ...tarballs])
}, 400_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the packages', () => {
  test('hold what is built, their README and nothing of the tests', () => {
    expect(Object.keys(packed)).toEqual(['native-free-buffers', 'walkway'])
    for (const [name, files] of Object.entries(packed)) {
      expect(
        files.filter(path => !/^(dist\/.+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path)),
        name,
      ).toEqual([])
      expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']))
      expect(
        files.filter(path => /\.test\.|\.map$|^dist\/testing\/conformance\//.test(path)),
        name,
      ).toEqual([])
    }
  })

  test('need nothing but what they declare', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
    for (const name of Object.keys(dependencies)) expect(existsSync(join(folder, 'node_modules', name)), name).toBe(true)
    for (const name of ['typescript', 'vitest', 'flatbuffers']) expect(existsSync(join(folder, 'node_modules', name)), name).toBe(false)
  })
})

describe('a program in JavaScript', () => {
  test('counts on a worker thread', async () => {
    write(
      'count.js',
      `import { col, WalkwaySession } from 'walkway'
const session = WalkwaySession.builder().master('local[2]').create()
const rows = await session.range(1000).groupBy(col('id').mod(3).alias('key')).count().collect()
console.log(JSON.stringify(rows.sort((a, b) => a.key - b.key)))
`,
    )
    expect(JSON.parse(await run(process.execPath, ['count.js']))).toEqual([
      { key: 0, count: 334 },
      { key: 1, count: 333 },
      { key: 2, count: 333 },
    ])
  })

  test('loads no native add-on, though a dependency brings one along', async () => {
    write(
      'native.js',
      `import { col, WalkwaySession } from 'walkway'
const session = WalkwaySession.builder().master('local').create()
await session.range(10).groupBy(col('id').mod(3).alias('key')).count().collect()
console.log(process.report.getReport().sharedObjects.filter(path => path.endsWith('.node')))
`,
    )
    expect(await run(process.execPath, ['native.js'])).toBe('[]\n')
  })

  test('uses the rings alone', async () => {
    write(
      'ring.js',
      `import { Histogram } from 'native-free-buffers'
const histogram = new Histogram()
histogram.recordCount(5, 3)
console.log(histogram.snapshot().count)
`,
    )
    expect(await run(process.execPath, ['ring.js'])).toBe('3\n')
  })

  test('uses the kits for tests and benchmarks', async () => {
    write(
      'kits.js',
      `import { col, count } from 'walkway'
import { bench, benchText } from 'walkway/bench'
import { randomEpochs, tortureQuery } from 'walkway/testing'
const rows = Array.from({ length: 1000 }, (_, i) => ({ key: 'k' + (i % 10), n: i }))
const schema = 'key STRING, n INT'
const query = events => events.filter(col('n').geq(10)).groupBy('key').agg(count('*').alias('rows'))
const epochs = tortureQuery({ schema, query, outputMode: 'update', epochs: randomEpochs(rows.slice(0, 50), { seed: 1 }) })
const result = await bench({ schema, rows, query, events: 5000, rounds: 3, byHand: rows => rows.filter(({ n }) => n >= 10).length })
console.log(JSON.stringify([epochs.flatMap(({ rows }) => rows).length > 9, result.rowsOutPerEvent, benchText(result).split('\\n').length]))
`,
    )
    expect(await run(process.execPath, ['kits.js'])).toBe('[true,0.99,5]\n')
  })

  test('cannot reach behind the public list', async () => {
    write('behind.js', `import('walkway/dist/api/session.js').catch(error => console.log(error.code))`)
    expect(await run(process.execPath, ['behind.js'])).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
  })
})

test('a program in TypeScript compiles strictly against the types and runs', async () => {
  write('hello.ts', readFileSync(join(ROOT, 'examples/01-hello.ts'), 'utf8'))
  write(
    'kits.ts',
    `import type { SourceConnector } from 'walkway'
import { type BenchResult, bench } from 'walkway/bench'
import { checkSource, type EpochResult, type SinkContract, tortureQuery } from 'walkway/testing'
export const measure = (): Promise<BenchResult> => bench({ schema: 'n INT', rows: [{ n: 1 }], query: events => events.select('n') })
export const disturb = (): EpochResult[] =>
  tortureQuery({ schema: 'n INT', outputMode: 'append', epochs: [{ mode: 'batch', rows: [] }], query: events => events })
export const check = (connector: SourceConnector): Promise<readonly Record<string, unknown>[]> => checkSource({ connector })
export const rowsOf = (contract: SinkContract): number => contract.rows.length
`,
  )
  write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'es2023',
        lib: ['es2024', 'esnext.disposable'],
        module: 'nodenext',
        strict: true,
        skipLibCheck: false,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
        outDir: 'built',
      },
      files: ['hello.ts', 'kits.ts'],
    }),
  )
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'])
  expect(await run(process.execPath, ['built/hello.js'])).toBe('/home: 1\n/cart: 1\n/home: 2\n')
})
