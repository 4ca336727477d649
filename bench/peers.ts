import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Figures, Outcome } from './kit/benchmark.ts'
import { missingPeers, PEERS } from './kit/peers-folder.ts'

const HARNESS = fileURLToPath(new URL('./harness.js', import.meta.url))
const SECONDS = '8'

/** What an engine says of itself: one line of JSON, the last on its standard output. */
type Line = Readonly<Record<string, unknown>>

const run = (command: string, args: readonly string[]): Promise<Line> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, WARMUP: '8' } })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', code => {
      const line = text.trim().split('\n').at(-1) ?? ''
      if (code === 0 && line.startsWith('{')) resolve(JSON.parse(line) as Line)
      else reject(new Error(`${command} ${args.join(' ')} ended with code ${code}: ${line.slice(0, 200)}`))
    })
  })

const ours = async (name: string): Promise<Figures> =>
  (await run(process.execPath, [HARNESS, name, '--json', '--rounds', '1'])).figures as Figures
const jet = (query: string, cores: string): Promise<Line> => run(`${PEERS}/jet/run`, [query, SECONDS, cores])
const flink = async (query: string): Promise<Line> => run(`${PEERS}/flink/run`, ['inprocess', query, SECONDS])

const numberAt = (line: Line, ...path: readonly string[]): number => {
  const value = path.reduce<unknown>((at, name) => (at as Line | undefined)?.[name], line)
  if (typeof value !== 'number') throw new Error(`no number at ${path.join('.')} in ${JSON.stringify(line).slice(0, 200)}`)
  return value
}

const NEXMARK_EVENTS: Readonly<Record<string, string>> = {
  q0: '30000000',
  q1: '30000000',
  q2: '30000000',
  q5: '10000000',
  q7: '4000000',
  q8: '30000000',
  q12: '10000000',
}

/**
 * The same work on other engines, in turn with ours: `filter-sum` and `sliding-count` on one core by events per CPU-second, `chain-latency`,
 * and NEXMark by CPU micros per event. Needs the folder of peers (beside this repository, or `WALKWAY_PEERS`), a JDK and Maven.
 */
export const peers: Benchmark = {
  name: 'peers',
  question: 'How do Flink and Hazelcast Jet do the same work on this machine?',
  rounds: 3,
  warmups: 0,
  run: async (size): Promise<Outcome> => {
    const missing = size === 'small' ? 'peers have no small size' : missingPeers()
    if (missing !== null) return { wrong: null, skipped: missing, figures: {} }
    const figures: Record<string, number> = {}
    for (const [name, prefix, flinkQuery] of [
      ['filter-sum', 'filterSum', 'filter-sum'],
      ['sliding-count', 'slidingCount', 'sliding-count-sql'],
    ] as const) {
      figures[`${prefix}PerCpuSecond`] = (await ours(name)).eventsPerCpuSecond
      figures[`${prefix}JetPerCpuSecond`] = 1e9 / numberAt(await jet(name, '1'), 'cpuNanosPerRecord')
      figures[`${prefix}FlinkPerCpuSecond`] = numberAt(await flink(flinkQuery), 'pinned', 'perCpuSecond')
    }
    const { plainP50Micros, plainP99Micros } = await ours('chain-latency')
    const [jetLatency, flinkLatency] = [await jet('chain-latency', '2'), await flink('chain-latency')]
    Object.assign(figures, {
      chainLatencyP50Micros: plainP50Micros,
      chainLatencyP99Micros: plainP99Micros,
      chainLatencyJetP50Micros: numberAt(jetLatency, 'latencyMicros', 'p50'),
      chainLatencyJetP99Micros: numberAt(jetLatency, 'latencyMicros', 'p99'),
      chainLatencyFlinkP50Micros: numberAt(flinkLatency, 'unpinned', 'p50'),
      chainLatencyFlinkP99Micros: numberAt(flinkLatency, 'unpinned', 'p99'),
    })
    const nexmark = await ours('nexmark')
    for (const [query, events] of Object.entries(NEXMARK_EVENTS)) {
      figures[`nexmark${query.toUpperCase()}CpuMicrosPerEvent`] = nexmark[`${query}CpuMicrosPerEvent`]
      const line = await run(`${PEERS}/nexmark/run`, [query, events, '1'])
      figures[`nexmark${query.toUpperCase()}FlinkCpuMicrosPerEvent`] = numberAt(line, 'secondHalf', 'cpuMicrosPerEvent')
    }
    return { wrong: null, figures }
  },
}
