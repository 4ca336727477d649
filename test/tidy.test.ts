import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../src/base/errors.ts'
import {
  type Allowance,
  brokenLinks,
  deadFiles,
  dependencyGaps,
  type Files,
  idleCodes,
  idleExports,
  leakyPackages,
  leftovers,
  longLines,
  misplaced,
  raggedComments,
  unsortedCodes,
  upwardImports,
} from './support/tidy-rules.ts'

// Goal: the order of the house. Method: rules over the texts of all files; each rule is first shown a file that breaks it.

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ERROR_TABLE = 'src/base/errors.ts'

/** What a user's or a developer's program starts. Worker files are found from where they are started. */
const ENTRIES = ['src/index.ts', 'src/testing/index.ts', 'src/testing/bench/index.ts', 'src/testing/conformance/main.ts']

/** `explain`, `show` and `printSchema` print, and so do programs; a random test prints its seed. */
const MAY_PRINT = [
  /^src\/api\/(data-frame|streaming-query)\.ts$/,
  /\/main\.ts$/,
  /^examples\//,
  /^bench\//,
  /^test\/.*\/programs\//,
  /\.test\.ts$/,
  // It says why tests are skipped.
  /^test\/support\/kafka-broker\.ts$/,
  /^\.ci\//,
]

/** Generated or copied data. */
const MAY_BE_LONG: readonly RegExp[] = []

/** Where code may wait. Everything else is polled, so that it runs under a simulated scheduler too. */
const MAY_WAIT: Allowance = {
  'src/api/': 'what a user awaits',
  'src/base/clock.ts': 'a clock that can be waited on, for the coordinator',
  'src/connector/caller-sinks.ts': 'foreachBatch: the function may be async',
  'src/connector/connector.ts': 'the contract of committers',
  'src/connector/durable-file.ts': 'disk',
  'src/connector/file-list.ts': 'disk',
  'src/connector/file-log.ts': 'disk',
  'src/connector/file-sink.ts': 'disk',
  'src/connector/file-source.ts': 'disk',
  'src/connector/iterable-source.ts': 'an AsyncIterable of the caller',
  'src/connector/kafka/cluster.ts': 'sockets',
  'src/connector/kafka/fetcher.ts': 'sockets',
  'src/connector/kafka/initial-offsets.ts': 'disk',
  'src/connector/kafka/kafka-reader.ts': 'sockets',
  'src/connector/kafka/kafka-sink.ts': 'sockets',
  'src/connector/kafka/kafka-source.ts': 'sockets',
  'src/connector/kafka/kafkajs.ts': 'sockets',
  'src/connector/kafka/lost-records.ts': 'sockets',
  'src/connector/kafka/producer.ts': 'sockets',
  'src/connector/kafka/requests.ts': 'sockets',
  'src/connector/kafka/subscription.ts': 'sockets',
  'src/connector/promise-ticket.ts': 'turns a promise into a ticket that is polled',
  'src/coordinator/': 'control side: it never touches a row',
  'src/expression/user-function.ts': 'knows async functions in order to refuse them',
  'src/runtime/event-loop-host.ts': 'shares its thread with an event loop',
  'src/runtime/worker-handle.ts': 'knows that threads exist, from outside',
  'src/runtime/worker-main.ts': 'knows that threads exist, from inside',
  'src/testing/bench/': 'collections of garbage are told by the event loop',
  'src/testing/conformance/': 'runs whole queries',
  'src/testing/contract/': 'waits for connectors as an event loop does',
}

/** Where JavaScript's own Date may be used: at the border to users. Inside, times are micros, and the clock is an argument. */
const MAY_USE_DATE: Allowance = {
  'src/api/': 'values and events of users',
  'src/connector/console-sink.ts': 'prints values of users',
  'src/connector/kafka/kafkajs.ts': 'kafkajs compares its sessions with it',
  'src/coordinator/': 'timestamps of progress',
  'src/record/user-value.ts': 'dates of users',
  'src/testing/conformance/': 'values of test cases',
}

const allFiles = (): Files => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  const paths = listed.split('\n').filter(path => /\.(ts|js|mjs|md)$/.test(path) && existsSync(join(ROOT, path)))
  return new Map(paths.map(path => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

const files = allFiles()
const of = (entries: Readonly<Record<string, string>>): Files => new Map(Object.entries(entries))

test('the rules look at the whole repository', () => {
  for (const path of [
    'README.md',
    'src/index.ts',
    'native-free-buffers/src/ring.ts',
    'examples/01-hello.ts',
    'test/tidy.test.ts',
    'bench/harness.ts',
  ]) {
    expect(files.has(path), path).toBe(true)
  }
})

describe('layers', () => {
  test('an upward import, of a type or by import() too, and a folder that is no layer are found', () => {
    expect(upwardImports(of({ 'src/base/a.ts': "import { b } from '../record/b.ts'" }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/state/a.ts': "import type { B } from '../operator/b.ts'" }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/runtime/a.ts': "const b = await import('../coordinator/b.ts')" }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/api/a.ts': "export { b } from '../index.ts'" }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/api/a.ts': "export { b } from '../testing/b.ts'" }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/helpers/a.ts': '' }))).toHaveLength(1)
    expect(upwardImports(of({ 'src/record/b.ts': "import { a } from '../base/a.ts'\n// from '../api/c.ts'" }))).toEqual([])
  })

  test('every file imports only from its own layer and those below', () => {
    expect(upwardImports(files)).toEqual([])
  })

  test('an import around a package name is found', () => {
    expect(leakyPackages(of({ 'src/base/a.ts': "import { Ring } from '../../native-free-buffers/src/ring.ts'" }))).not.toEqual([])
    expect(leakyPackages(of({ 'src/base/a.ts': "import { Ring } from 'native-free-buffers/dist/ring.js'" }))).toHaveLength(1)
    expect(leakyPackages(of({ 'native-free-buffers/src/a.ts': "import { b } from '../../src/base/b.ts'" }))).toHaveLength(1)
    expect(leakyPackages(of({ 'native-free-buffers/src/a.ts': "import piscina from 'piscina'" }))).toHaveLength(1)
    expect(leakyPackages(of({ 'src/base/a.ts': "import { random } from '../../test/support/random.ts'" }))).toHaveLength(1)
    expect(leakyPackages(of({ 'src/base/a.ts': "import { Ring } from 'native-free-buffers'\nimport 'node:fs'" }))).toEqual([])
  })

  test('native-free-buffers stands alone, and is reached by its name', () => {
    expect(leakyPackages(files)).toEqual([])
  })
})

describe('dependencies', () => {
  test('one that nothing uses, and one that is not declared, are found', () => {
    const planted = of({ 'src/a.ts': "import 'acorn'\nimport 'node:fs'\nconst kafka = load('kafkajs')\n// 'piscina'" })
    expect(dependencyGaps(planted, ['acorn', 'kafkajs'])).toEqual([])
    expect(dependencyGaps(planted, ['kafkajs', 'piscina'])).toEqual([
      'piscina: a dependency that nothing uses',
      'acorn: used, but no dependency',
    ])
  })

  test('package.json names what src uses, and nothing else', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
    expect(dependencyGaps(files, Object.keys(dependencies))).toEqual([])
  })
})

describe('dead files', () => {
  test('a file that only a dead one imports is dead; one that is started as a worker is not', () => {
    const planted = of({
      'src/index.ts': "export { a } from './base/a.ts'",
      'src/base/a.ts': "new URL('./worker.js', import.meta.url)",
      'src/base/worker.ts': '',
      'src/base/dead.ts': "import './deader.ts'",
      'src/base/deader.ts': '',
      'src/base/tested.ts': '',
      'src/testing/kit.ts': '',
      'test/a.test.ts': "import '../src/testing/kit.ts'\nimport '../src/base/tested.ts'",
    })
    expect(deadFiles(planted, ['src/index.ts']).map(line => line.split(':')[0])).toEqual([
      'src/base/dead.ts',
      'src/base/deader.ts',
      'src/base/tested.ts',
    ])
  })

  test('every file of src is used', () => {
    expect(deadFiles(files, ENTRIES)).toEqual([])
  })
})

describe('dead exports', () => {
  test('what is exported for nobody is found', () => {
    const planted = of({
      'src/a.ts':
        'export const used = 1\nexport const alone = 2\nexport interface Part {}\nexport interface Idle {}\nconst part: Part = alone',
      'src/b.ts': "import { used } from './a.ts'",
    })
    expect(idleExports(planted)).toEqual(['src/a.ts: exports alone for nobody', 'src/a.ts: exports Idle for nobody'])
  })

  test('there are none', () => {
    expect(idleExports(files)).toEqual([])
  })
})

describe('leftovers', () => {
  test('notes, prints and tests that shut others out are found', () => {
    // Put together here, so that this file is clean itself.
    expect(leftovers(of({ 'src/a.ts': `// ${'TO'}${'DO'}: later` }), [])).toHaveLength(1)
    expect(leftovers(of({ 'src/a.ts': 'console.log(1)' }), [])).toHaveLength(1)
    expect(leftovers(of({ 'src/a.ts': 'console.log(1)' }), [/^src/])).toEqual([])
    expect(leftovers(of({ 'src/a.ts': "// console.log of a worker comes late\nconst text = 'console.log(1)'" }), [])).toEqual([])
    for (const kind of ['only', 'skip', 'todo']) expect(leftovers(of({ 'test/a.test.ts': `test.${kind}('a')` }), [])).toHaveLength(1)
  })

  test('there are none', () => {
    expect(leftovers(files, MAY_PRINT)).toEqual([])
  })

  test('a comment that breaks off in mid-sentence is found', () => {
    expect(raggedComments(of({ 'src/a.ts': '/**\n * It goes on\n * in the next line.\n */' }))).toEqual(['src/a.ts:2: * It goes on'])
    expect(raggedComments(of({ 'src/a.ts': '// It ends here.\n// Another one.\n// - a list\n// - of things' }))).toEqual([])
  })

  test('no comment does', () => {
    expect(raggedComments(files)).toEqual([])
  })

  test('a line of more than 140 characters is found', () => {
    expect(longLines(of({ 'src/a.ts': `${'x'.repeat(140)}\n${'x'.repeat(141)}` }), [])).toEqual(['src/a.ts:2: 141 characters'])
    // A text that is long in itself cannot be broken.
    expect(longLines(of({ 'src/a.ts': `x('${'x'.repeat(160)}')` }), [])).toEqual([])
  })

  test('no line is longer than 140 characters', () => {
    expect(longLines(files, MAY_BE_LONG)).toEqual([])
  })
})

describe('documents', () => {
  test('a link, a heading and a file name that lead nowhere are found', () => {
    const planted = of({
      'docs/A.md': '[b](B.md) [c](C.md) [h](B.md#two-words) [n](B.md#none) `src/none.ts` [w](https://example.org)',
      'docs/B.md': '## Two words',
    })
    expect(brokenLinks(planted, path => planted.has(path))).toEqual([
      'docs/A.md: there is no C.md',
      'docs/A.md: there is no heading B.md#none',
      'docs/A.md: there is no src/none.ts',
    ])
  })

  test('every link leads somewhere', () => {
    expect(brokenLinks(files, path => existsSync(join(ROOT, path)))).toEqual([])
  })
})

describe('waiting and dates', () => {
  test('a word out of its place, and an allowance that nobody needs, are found', () => {
    expect(misplaced(of({ 'src/base/a.ts': 'const f = async () => {}' }), /\basync\b/, {})).toEqual(['src/base/a.ts:1: async'])
    expect(misplaced(of({ 'src/base/a.ts': "// async\nconst a = 'async'" }), /\basync\b/, {})).toEqual([])
    expect(misplaced(of({ 'src/connector/a.ts': 'describe: async () => {}' }), /\basync\b/, {})).toEqual([])
    expect(misplaced(of({ 'src/base/a.ts': '' }), /\basync\b/, { 'src/base/a.ts': 'once' })).toEqual([
      'src/base/a.ts: allowed, but not needed',
    ])
  })

  test('promises stay in the adapters, the coordinator, the API and the files that know threads', () => {
    expect(misplaced(files, /\b(async|await|Promise)\b/, MAY_WAIT)).toEqual([])
  })

  test('Date stays at the border to users', () => {
    expect(misplaced(files, /\bDate\b/, MAY_USE_DATE)).toEqual([])
  })
})

describe('error codes', () => {
  test('a code that nothing throws, or that is out of order, is found', () => {
    const planted = of({ 'src/base/errors.ts': "'B'", 'src/a.ts': "new EngineError('A')\n// 'B'" })
    expect(idleCodes(planted, ['A', 'B'], 'src/base/errors.ts')).toEqual(['B'])
    expect(unsortedCodes('  // One\n  BB: {\n  AA: {\n  // Two\n  AB: {')).toEqual(['AA stands after BB'])
  })

  test('every code is thrown somewhere', () => {
    expect(idleCodes(files, errorCodes, ERROR_TABLE)).toEqual([])
  })

  test('the table is sorted within each block', () => {
    expect(unsortedCodes(files.get(ERROR_TABLE) ?? '')).toEqual([])
  })
})
