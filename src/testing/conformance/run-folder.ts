import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Mode } from './format.ts'
import { modesOf } from './format.ts'
import { runNexmark } from './nexmark-run.ts'
import { type Outcome, runCase } from './run-case.ts'

export interface FolderOptions {
  readonly master: string
  /** Only cases whose name contains it. */
  readonly only?: string
  /** Cases in which Walkway differs on purpose, and why. */
  readonly differences: Readonly<Record<string, string>>
}

/** Every case of every *.json of a folder, in each mode that it allows. */
export const casesOf = (folder: string): readonly (readonly [Case, Mode])[] =>
  readdirSync(folder)
    .sort()
    .filter(file => file.endsWith('.json'))
    .flatMap(file => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { cases?: readonly Case[] }).cases ?? [])
    .flatMap(of => modesOf(of).map(mode => [of, mode] as const))

/** Runs them all one after the other, and the NEXMark queries if they are there. */
export const runFolder = async (
  folder: string,
  { master, only, differences }: FolderOptions,
  report: (label: string, outcome: Outcome) => void,
): Promise<void> => {
  for (const [of, mode] of casesOf(folder)) {
    if (only !== undefined && !of.name.includes(only)) continue
    const why = differences[of.name]
    const outcome: Outcome =
      why === undefined ? await runCase(of, mode, folder, master) : { kind: 'skipped', why: `a difference on purpose: ${why}` }
    report(`${of.name} (${mode})`, outcome)
  }
  const nexmark = join(folder, 'nexmark')
  if (existsSync(join(nexmark, 'queries.json'))) await runNexmark(nexmark, master, only, report)
}

export const readDifferences = (path: string): Record<string, string> =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>) : {}
