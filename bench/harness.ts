import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Mark, Size } from './kit/benchmark.ts'
import { describeCommit, describeMachine, oneCorePrefix } from './kit/machine.ts'
import { type Change, changeFrom, earlierResult, logResult, type Result, storedFile, storeResult } from './kit/results.ts'
import { type Spread, spreadOf } from './kit/statistics.ts'
import { benchmarks } from './list.ts'
import type { RoundsMessage } from './run-one.ts'

const USAGE = `npm run bench                       lists the benchmarks
npm run bench -- NAME…              measures: warm-up, several rounds, the answer checked; notes the result in bench/runs
  --small         checks the answers only, quickly; without names: of all benchmarks
  --json          prints one line of JSON for each, nothing else (with npm's --silent)
  --rounds N      instead of the benchmark's own number
  --compare FILE  shows the change against the last result in a file of results; without FILE, in that of this machine;
                  with --json as its field "change"
  --store         puts the result into the file of this machine, bench/results/MACHINE.jsonl, to be committed`

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const RESULTS = `${ROOT}bench/results`

interface Arguments {
  readonly names: readonly string[]
  readonly size: Size
  readonly json: boolean
  readonly rounds: number | null
  readonly compare: string | null
  readonly store: boolean
}

const parseArguments = (args: readonly string[]): Arguments | string => {
  const names: string[] = []
  let [size, json, rounds, compare, store]: [Size, boolean, number | null, string | null, boolean] = ['full', false, null, null, false]
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (arg === '--small') size = 'small'
    else if (arg === '--json') json = true
    else if (arg === '--rounds') rounds = Number(args[++i])
    else if (arg === '--compare') compare = isFile(args[i + 1]) ? args[++i] : storedFile(RESULTS, describeMachine(0))
    else if (arg === '--store') store = true
    else if (arg.startsWith('-')) return `no option ${arg}\n\n${USAGE}`
    else names.push(arg)
  }
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0)) return '--rounds needs a number of at least 1'
  if (compare !== null && !existsSync(compare)) return `--compare: there is no file ${compare}`
  if (store && (size === 'small' || describeCommit(ROOT).endsWith('+')))
    return '--store keeps full measurements of a commit: without --small, and with nothing changed since'
  const unknown = names.find(name => !benchmarks.some(each => each.name === name))
  if (unknown !== undefined) return `no benchmark ${unknown}: there are ${benchmarks.map(({ name }) => name).join(', ')}`
  return { names: names.length === 0 && size === 'small' ? benchmarks.map(({ name }) => name) : names, size, json, rounds, compare, store }
}

/** A name of a benchmark or an option is none. */
const isFile = (argument: string | undefined): argument is string =>
  argument !== undefined && !argument.startsWith('-') && !benchmarks.some(({ name }) => name === argument)

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
    // Read before this result takes its place.
    const earlier = args.compare === null ? null : earlierResult(args.compare, name)
    const result = await measure(benchmark, args)
    if (!result.ok) code = 1
    if (args.size === 'full' && result.ok && result.skipped === undefined) {
      logResult(`${ROOT}bench/runs`, result)
      if (args.store) storeResult(RESULTS, result)
    }
    const change = earlier === null ? null : changeFrom(earlier, result.figures)
    if (args.json) process.stdout.write(JSON.stringify(args.compare === null ? result : { ...result, change }) + '\n')
    else
      process.stdout.write(
        describe(result, benchmark, change) +
          (args.compare === null || change !== null ? '' : `  nothing about ${name} in ${args.compare}\n`),
      )
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
    ...(message.skipped === undefined ? {} : { skipped: message.skipped }),
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

/**
 * A process of its own for each benchmark, so that none finds the heap and the compiled code of another. What it prints goes to standard
 * error: standard output is for results.
 */
const runChild = ([command, ...args]: readonly string[]): Promise<RoundsMessage> =>
  new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'] })
    let message: RoundsMessage | null = null
    child.on('message', received => {
      message = received as RoundsMessage
    })
    child.on('error', error => resolve({ wrong: `it could not be started: ${error.message}`, rounds: [] }))
    child.on('close', (code, signal) => resolve(message ?? { wrong: `it ended with ${signal ?? `code ${code}`}`, rounds: [] }))
  })

const describe = (result: Result, benchmark: Benchmark, change: Change | null): string => {
  if (!result.ok) return `  WRONG: ${result.wrong}\n`
  if (result.skipped !== undefined) return `  skipped: ${result.skipped}\n`
  const rows = Object.entries(result.figures).map(([figure, value]) => {
    const [least, most] = result.spread[figure]
    const changed = change?.figures[figure]
    return [
      figure,
      format(value),
      `${format(least)} … ${format(most)}`,
      describeMark(benchmark.marks?.[figure], value),
      changed === undefined ? '' : `${changed.by >= 0 ? '+' : ''}${(changed.by * 100).toFixed(1)} % from ${format(changed.from)}`,
    ]
  })
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column].length))) ?? []
  const lines = rows.map(
    row => '  ' + row.map((cell, column) => (column === 1 ? cell.padStart(widths[1]) : cell.padEnd(widths[column]))).join('  '),
  )
  const { cpu, cores, node, loadAverage } = result.machine
  const where = `  ${cpu}, ${result.oneCore ? 'one core' : `${cores} cores`}, Node ${node}, load ${loadAverage}, commit ${result.commit}`
  const how = result.size === 'small' ? 'small: the figures mean nothing' : `median, least … most of ${result.rounds} rounds`
  return `${lines.map(line => line.trimEnd()).join('\n')}\n${where}\n  the answer is right; ${how}\n`
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
