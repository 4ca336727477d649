import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Mode } from '../../src/testing/conformance/format.ts'
import type { Outcome } from '../../src/testing/conformance/run-case.ts'
import { runCase } from '../../src/testing/conformance/run-case.ts'
import { casesOf, readDifferences, runFolder } from '../../src/testing/conformance/run-folder.ts'

// Goal: every case of ours passes in each mode that it allows, inline and on threads, and none is skipped; nothing of the shared corpus
// fails. Method: the runner itself. Threads take longer to start than a case to run, so each kind of master takes a part of the cases here;
// `npm run conformance -- test/conformance/cases --master 'local[2]'` runs them all.

const ours = new URL('cases', import.meta.url).pathname
const shared = new URL('../../../shared/conformance', import.meta.url).pathname
const differences = readDifferences(new URL('differences.json', import.meta.url).pathname)
const EACH_OF = 8

describe.each([
  ['inline', 1, 0],
  ['local[1]', EACH_OF, 2],
  ['local[2]', EACH_OF, 5],
] as const)('our cases with master %s', (master, step, first) => {
  const cases = casesOf(ours).filter((_, i) => i % step === first)
  test.each(cases.map(([of, mode]): [string, Mode, typeof of] => [of.name, mode, of]))('%s (%s)', async (_name, mode, of) => {
    expect(await runCase(of, mode, ours, master)).toEqual({ kind: 'passed' })
  })
})

test.skipIf(!existsSync(shared))('nothing of the shared corpus fails', { timeout: 300_000 }, async () => {
  const outcomes: [string, Outcome][] = []
  await runFolder(shared, { master: 'inline', differences }, (label, outcome) => outcomes.push([label, outcome]))
  expect(outcomes.filter(([, { kind }]) => kind === 'failed')).toEqual([])
  expect(outcomes.filter(([, { kind }]) => kind === 'passed').length).toBeGreaterThan(200)
})

if (!existsSync(shared)) console.log('The shared conformance corpus is not beside this checkout: its cases were skipped.')
