import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Mark, Size } from './kit/benchmark.ts'
import { describeCommit, describeMachine, type Machine, oneCorePrefix } from './kit/machine.ts'
import { type Spread, spreadOf } from './kit/statistics.ts'
import { benchmarks } from './list.ts'
import type { RoundsMessage } from './run-one.ts'

/** One line of a results file. */
interface Result {
  readonly bench: string
  readonly ok: boolean
  readonly wrong?: string
  readonly size: Size
  readonly figures: Readonly<Record<string, number>>
  /** Least and most of all rounds. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>
  readonly rounds: number
  readonly oneCore: boolean
  readonly machine: Machine
  readonly commit: string
  readonly at: string
}

const USAGE = `npm run bench                       lists the benchmarks
npm run bench -- NAME…              measures: warm-up, several rounds, the answer checked; keeps the result in bench/results
  --small         checks the answers only, quickly; without names: of all benchmarks
  --json          prints one line of JSON for each, nothing else (with npm's --silent)
  --rounds N      instead of the benchmark's own number
  --compare FILE  shows the change against the last result in a file of results`

const ROOT = fileURLToPath(new URL('..', import.meta.url))

interface Arguments {
  readonly names: readonly string[]
  readonly size: Size
  readonly json: boolean
  readonly rounds: number | null
  readonly compare: string | null
}

const parseArguments = (args: readonly string[]): Arguments | string => {
  const names: string[] = []
  let [size, json, rounds, compare]: [Size, boolean, number | null, string | null] = ['full', false, null, null]
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (arg === '--small') size = 'small'
    else if (arg === '--json') json = true
    else if (arg === '--rounds') rounds = Number(args[++i])
    else if (arg === '--compare') compare = args[++i] ?? ''
    else if (arg.startsWith('-')) return `no option ${arg}\n\n${USAGE}`
    else names.push(arg)
  }
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0)) return '--rounds needs a number of at least 1'
  if (compare === '') return '--compare needs a file'
  const unknown = names.find(name => !benchmarks.some(each => each.name === name))
  if (unknown !== undefined) return `no benchmark ${unknown}: there are ${benchmarks.map(({ name }) => name).join(', ')}`
  return { names: names.length === 0 && size === 'small' ? benchmarks.map(({ name }) => name) : names, size, json, rounds, compare }
}

const main = async (): Promise<number> => {
  const args = parseArguments(process.argv.slice(2))
  if (typeof args === 'string') {
    process.stderr.write(args + '\n')
    return 2
  }
  if (args.names.length === 0) {
    const width = Math.max(...benchmarks.map(({ name }) => name.length))
    for (const { name, question } of benchmarks) process.stdout.write(`  ${name.padEnd(width)}  ${question}\n`)
    process.stdout.write(`\n${USAGE}\n`)
    return 0
  }
  let code = 0
  for (const name of args.names) {
    const benchmark = benchmarks.find(each => each.name === name)
    if (benchmark === undefined) continue
    if (!args.json) process.stdout.write(`${name}: ${benchmark.question}\n`)
    const result = await measure(benchmark, args)
    if (!result.ok) code = 1
    if (args.size === 'full' && result.ok) keep(result)
    process.stdout.write(args.json ? JSON.stringify(result) + '\n' : describe(result, benchmark, args.compare))
  }
  return code
}

const measure = async (benchmark: Benchmark, args: Arguments): Promise<Result> => {
  const rounds = args.rounds ?? (args.size === 'full' ? (benchmark.rounds ?? 5) : 1)
  const warmups = args.size === 'full' ? (benchmark.warmups ?? 1) : 0
  const prefix = benchmark.oneCore === true ? oneCorePrefix() : []
  const load = loadavg()[0]
  const command = [...prefix, process.execPath, ...(benchmark.nodeOptions ?? [])]
  const script = fileURLToPath(new URL('./run-one.js', import.meta.url))
  const message = await runChild([...command, script, benchmark.name, args.size, String(rounds), String(warmups)])
  const spreads = spreadOf(message.rounds)
  const eachSpread = <T>(pick: (spread: Spread) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(spreads).map(([figure, spread]) => [figure, pick(spread)]))
  return {
    bench: benchmark.name,
    ok: message.wrong === null,
    ...(message.wrong === null ? {} : { wrong: message.wrong }),
    size: args.size,
    figures: eachSpread(({ median }) => shorten(median)),
    spread: eachSpread(({ least, most }) => [shorten(least), shorten(most)] as const),
    rounds: message.rounds.length,
    oneCore: prefix.length > 0,
    machine: describeMachine(load),
    commit: describeCommit(ROOT),
    at: new Date().toISOString(),
  }
}

/** A process of its own for each benchmark, so that none finds the heap and the compiled code of another. */
const runChild = ([command, ...args]: readonly string[]): Promise<RoundsMessage> =>
  new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    let message: RoundsMessage | null = null
    child.on('message', received => {
      message = received as RoundsMessage
    })
    child.on('error', error => resolve({ wrong: `it could not be started: ${error.message}`, rounds: [] }))
    child.on('close', (code, signal) => resolve(message ?? { wrong: `it ended with ${signal ?? `code ${code}`}`, rounds: [] }))
  })

const keep = (result: Result): void => {
  const folder = `${ROOT}bench/results`
  mkdirSync(folder, { recursive: true })
  appendFileSync(`${folder}/${result.bench}.jsonl`, JSON.stringify(result) + '\n')
}

/** The last result of the same benchmark in a file of results. */
const earlierResult = (file: string, bench: string): Result | null => {
  const lines = readFileSync(file, 'utf8').split('\n')
  const results = lines.filter(line => line.trim() !== '').map(line => JSON.parse(line) as Result)
  return results.findLast(result => result.bench === bench) ?? null
}

const describe = (result: Result, benchmark: Benchmark, compare: string | null): string => {
  if (!result.ok) return `  WRONG: ${result.wrong}\n`
  const earlier = compare === null ? null : earlierResult(compare, result.bench)
  const rows = Object.entries(result.figures).map(([figure, value]) => {
    const [least, most] = result.spread[figure]
    const before = earlier?.figures[figure]
    return [
      figure,
      format(value),
      `${format(least)} … ${format(most)}`,
      describeMark(benchmark.marks?.[figure], value),
      before === undefined ? '' : `${value >= before ? '+' : ''}${(((value - before) / before) * 100).toFixed(1)} % from ${format(before)}`,
    ]
  })
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column].length))) ?? []
  const lines = rows.map(
    row => '  ' + row.map((cell, column) => (column === 1 ? cell.padStart(widths[1]) : cell.padEnd(widths[column]))).join('  '),
  )
  const { cpu, cores, node, loadAverage } = result.machine
  const where = `  ${cpu}, ${result.oneCore ? 'one core' : `${cores} cores`}, Node ${node}, load ${loadAverage}, commit ${result.commit}`
  const how = result.size === 'small' ? 'small: the figures mean nothing' : `median, least … most of ${result.rounds} rounds`
  const change = compare !== null && earlier === null ? `\n  nothing about ${result.bench} in ${compare}` : ''
  return `${lines.map(line => line.trimEnd()).join('\n')}\n${where}\n  the answer is right; ${how}${change}\n`
}

const describeMark = (mark: Mark | undefined, value: number): string => {
  if (mark === undefined) return ''
  const [text, met] =
    'atMost' in mark ? [`≤ ${format(mark.atMost)}`, value <= mark.atMost] : [`≥ ${format(mark.atLeast)}`, value >= mark.atLeast]
  return `mark ${text}: ${met ? 'met' : 'missed'}`
}

/** Four digits are more than any measurement holds. */
const shorten = (value: number): number => Number(value.toPrecision(5))

const format = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 1e9) return `${(value / 1e9).toPrecision(4)} G`
  if (size >= 1e6) return `${(value / 1e6).toPrecision(4)} M`
  if (size >= 1e4) return `${(value / 1e3).toPrecision(4)} k`
  return String(Number(value.toPrecision(4)))
}

process.exitCode = await main()
