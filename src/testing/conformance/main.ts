#!/usr/bin/env node
import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Outcome } from './run-case.ts'
import { readDifferences, runFolder } from './run-folder.ts'

/**
 * `npm run conformance -- FOLDER [--only TEXT] [--master local[2]] [--verbose]`: runs every case of every *.json of the folder, in each
 * mode that the case allows, and the NEXMark queries if they are there. Names what failed and what was skipped, and closes with `N passed,
 * N failed, N skipped`. Exit code 1 if anything failed, 2 if it was called wrongly.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    master: { type: 'string', default: 'inline' },
    verbose: { type: 'boolean', default: false },
    differences: { type: 'string' },
  },
})

const main = async (): Promise<number> => {
  const [folder] = positionals
  if (folder === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    console.error(
      folder === undefined
        ? 'Usage: npm run conformance -- FOLDER [--only TEXT] [--master MASTER] [--verbose]'
        : `There is no folder ${folder}.`,
    )
    return 2
  }
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const skips = new Map<string, number>()
  const report = (label: string, outcome: Outcome): void => {
    counts[outcome.kind]++
    if (outcome.kind === 'skipped') skips.set(outcome.why, (skips.get(outcome.why) ?? 0) + 1)
    if (outcome.kind === 'passed' && !values.verbose) return
    console.log(outcome.kind === 'passed' ? `passed  ${label}` : `${outcome.kind.padEnd(7)} ${label}: ${outcome.why}`)
  }
  const differences = readDifferences(values.differences ?? 'test/conformance/differences.json')
  await runFolder(folder, { master: values.master, only: values.only, differences }, report)
  for (const [why, count] of [...skips].sort((a, b) => b[1] - a[1])) console.log(`skipped ${count} for want of ${why}`)
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts.failed > 0 ? 1 : 0
}

process.exitCode = await main()
