import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startExample } from '../examples/run-example.ts'

// Goal: what the documents tell to type works. Method: every block of TypeScript in them is compiled as a program of its own; those that
// end by themselves are run.

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(ROOT, 'dist-examples/snippets')
const PAGES = ['README.md', 'docs/CONNECTORS.md', 'docs/EMBEDDING.md', 'docs/TESTING.md']

const blocks = PAGES.flatMap(page =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], i) => ({
    page,
    code,
    name: `${page.replace(/\W/g, '-')}-${i}`,
  })),
)

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), code)
  const config = {
    extends: '../../examples/tsconfig.json',
    compilerOptions: { rootDir: '.', outDir: '.' },
    files: blocks.map(({ name }) => `${name}.ts`),
    include: [],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout)
  }
}, 180_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = async (page: string, index: number): Promise<string> => {
  const { name } = blocks.filter(block => block.page === page)[index]
  const program = startExample(`snippets/${name}.js`)
  expect(await program.ended, program.output()).toBe(0)
  return program.output()
}

test('there are blocks in every page', () => {
  for (const page of PAGES) expect(blocks.some(block => block.page === page)).toBe(true)
})

test('the program of the README is the first example, and prints what the README says', async () => {
  expect(blocks[0].code).toBe(readFileSync(join(ROOT, 'examples/01-hello.ts'), 'utf8'))
  expect(blocks[0].code.trimEnd().split('\n').length).toBeLessThanOrEqual(15)
  expect(await run('README.md', 0)).toBe('/home: 1\n/cart: 1\n/home: 2\n')
})

test('a push stream is summed row by row', async () => {
  expect(await run('docs/EMBEDDING.md', 0)).toBe("{ symbol: 'ABC', 'sum(size)': 100 }\n{ symbol: 'ABC', 'sum(size)': 300 }\n")
})

test('a query goes by the manual clock that it is given', async () => {
  expect(await run('docs/EMBEDDING.md', 1)).toBe(
    "[\n  { key: 'a', at: 2027-01-04T12:00:00.000Z },\n  { key: 'b', at: 2027-01-04T12:01:00.000Z }\n]\n",
  )
})

test('the kits for tests and benchmarks are used as their page says', async () => {
  expect(await run('docs/TESTING.md', 0)).toBe('')
  expect(await run('docs/TESTING.md', 1)).toBe('the sink keeps its contract\n')
  expect(await run('docs/TESTING.md', 2)).toMatch(/^warm .*ns an event.*\nby hand .*\ncold .*\ncode .*0\.9 rows out an event\n/)
})

test('the sink of the connector page can be registered', async () => {
  expect(await run('docs/CONNECTORS.md', 0)).toBe('')
})

test('docs/CONNECTORS.md tells of every option that a connector reads', () => {
  const text = readFileSync(join(ROOT, 'docs/CONNECTORS.md'), 'utf8').toLowerCase()
  const sources = execFileSync('git', ['ls-files', 'src/connector', 'src/api/session.ts'], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
  const options = sources.flatMap(path =>
    [
      ...readFileSync(join(ROOT, path), 'utf8').matchAll(
        /(?:required|number|boolean|choice)?[oO]ption(?:Of)?\((?:context\.)?options, '([\w.]+)'/g,
      ),
    ].map(match => match[1]),
  )
  expect(new Set(options).size).toBeGreaterThan(30)
  // Given by the API itself.
  expect(options.filter(option => option !== 'id' && !text.includes(`\`${option.toLowerCase()}\``))).toEqual([])
})
