import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Size } from './benchmark.ts'
import type { Machine } from './machine.ts'

/** One line of a file of results. */
export interface Result {
  readonly bench: string
  readonly ok: boolean
  readonly wrong?: string
  readonly skipped?: string
  readonly size: Size
  readonly figures: Readonly<Record<string, number>>
  /** Least and most of all rounds. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>
  readonly rounds: number
  readonly oneCore: boolean
  readonly machine: Machine
  readonly commit: string
  readonly at: string
  /** With `--compare`: the result that there was, and how each figure has changed, 0.1 for a tenth more; null if there was none. */
  readonly change?: Change | null
}

export interface Change {
  readonly commit: string
  readonly at: string
  readonly figures: Readonly<Record<string, { readonly from: number; readonly by: number }>>
}

/** From an earlier result to this one, of the figures that both have. */
export const changeFrom = (earlier: Result, figures: Result['figures']): Change => ({
  commit: earlier.commit,
  at: earlier.at,
  figures: Object.fromEntries(
    Object.entries(figures).flatMap(([figure, value]) => {
      const from = earlier.figures[figure]
      return from === undefined ? [] : [[figure, { from, by: value === from ? 0 : (value - from) / from }] as const]
    }),
  ),
})

/** Every full measurement, a file for each benchmark: a log for the eyes of this machine, which is not in the repository. */
export const logResult = (folder: string, result: Result): void => {
  mkdirSync(folder, { recursive: true })
  appendFileSync(`${folder}/${result.bench}.jsonl`, `${JSON.stringify(result)}\n`)
}

/** The file of a machine's results in the repository: what documents claim. */
export const storedFile = (folder: string, { cpu, cores }: Machine): string => {
  const name = cpu
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
  return `${folder}/${name.replace(/^-|-$/g, '')}-${cores}-cores.jsonl`
}

/** Puts a result in place of the one that there was of its benchmark. */
export const storeResult = (folder: string, result: Result): void => {
  mkdirSync(folder, { recursive: true })
  const file = storedFile(folder, result.machine)
  const others = (existsSync(file) ? readResults(file) : []).filter(({ bench }) => bench !== result.bench)
  const all = [...others, result].sort((a, b) => (a.bench < b.bench ? -1 : 1))
  writeFileSync(file, all.map(each => `${JSON.stringify(each)}\n`).join(''))
}

/** The last result of a benchmark in a file of results. */
export const earlierResult = (file: string, bench: string): Result | null =>
  readResults(file).findLast(result => result.bench === bench) ?? null

const readResults = (file: string): Result[] => {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter(line => line.trim() !== '').map(line => JSON.parse(line) as Result)
}
