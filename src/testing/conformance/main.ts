#!/usr/bin/env node
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Case } from './format.ts'
import { modesOf } from './format.ts'
import { runNexmark } from './nexmark-run.ts'
import { type Outcome, runCase } from './run-case.ts'

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
  if (folder === undefined || !existsSync(folder)) {
    console.error(
      folder === undefined
        ? 'Usage: npm run conformance -- FOLDER [--only TEXT] [--master MASTER] [--verbose]'
        : `There is no folder ${folder}.`,
    )
    return 2
  }
  const known = readDifferences(values.differences ?? 'test/conformance/differences.json')
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const skips = new Map<string, number>()
  const report = (label: string, outcome: Outcome): void => {
    counts[outcome.kind]++
    if (outcome.kind === 'skipped') skips.set(outcome.why, (skips.get(outcome.why) ?? 0) + 1)
    if (outcome.kind === 'passed' && !values.verbose) return
    console.log(outcome.kind === 'passed' ? `passed  ${label}` : `${outcome.kind.padEnd(7)} ${label}: ${outcome.why}`)
  }
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.json')) continue
    const { cases } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { cases?: readonly Case[] }
    for (const of of cases ?? []) {
      if (values.only !== undefined && !of.name.includes(values.only)) continue
      for (const mode of modesOf(of)) {
        const label = `${of.name} (${mode})`
        const why = known[of.name]
        report(
          label,
          why === undefined ? await runCase(of, mode, folder, values.master) : { kind: 'skipped', why: `a difference on purpose: ${why}` },
        )
      }
    }
  }
  const nexmark = join(folder, 'nexmark')
  if (existsSync(join(nexmark, 'queries.json'))) await runNexmark(nexmark, values.master, values.only, report)
  for (const [why, count] of [...skips].sort((a, b) => b[1] - a[1])) console.log(`skipped ${count} for want of ${why}`)
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts.failed > 0 ? 1 : 0
}

const readDifferences = (path: string): Record<string, string> =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>) : {}

process.exitCode = await main()
