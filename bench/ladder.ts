import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Outcome, Size } from './kit/benchmark.ts'
import { type OneCpu, oneCpu } from './kit/one-cpu.ts'
import { latencyFigures } from './kit/statistics.ts'
import { chains, rungs } from './ladder/rungs.ts'
import type { Climb } from './ladder/steps.ts'

const CLIMB = fileURLToPath(new URL('./ladder/climb.js', import.meta.url))
const IDLE_STRATEGIES: Readonly<Record<Size, readonly string[]>> = { full: ['spin', 'adaptive', 'park'], small: ['adaptive'] }

/**
 * Each rung at 10, 50 and 80 % of its own peak, open loop, with each idle strategy, on all cores and with one CPU: a chain on the caller's
 * thread and the same by RxJS, one hop, a count by key, windows of 10 s by 10 ms. Figures are named by rung, idle strategy, CPUs and load;
 * `CpuSeconds` are of the whole process, a second. Kafka to Kafka is the benchmark `kafka`, whose rates can be chosen.
 */
export const ladder: Benchmark = {
  name: 'ladder',
  question: 'What are the latencies at 10, 50 and 80 % of the peak, from one function call to windows on workers?',
  rounds: 1,
  warmups: 0,
  run: async size => {
    const one = size === 'full' ? oneCpu() : null
    try {
      const outcomes = [climbAll(size, 'AllCpus', [])]
      if (one !== null) outcomes.push(climbAll(size, one.how === 'quota' ? 'OneCpuQuota' : 'OneCore', one.prefix))
      return {
        wrong: outcomes.map(({ wrong }) => wrong).find(wrong => wrong !== null) ?? null,
        figures: Object.assign({}, ...outcomes.map(({ figures }) => figures)),
      }
    } finally {
      one?.close()
    }
  },
}

const climbAll = (size: Size, cpus: string, prefix: OneCpu['prefix']): Outcome => {
  const figures: Record<string, number> = {}
  let wrong: string | null = null
  const climb = (name: string, rung: string, idleStrategy: string): void => {
    process.stderr.write(`  ${rung}, ${cpus}\n`)
    const [command, ...args] = [...prefix, process.execPath, CLIMB, name, idleStrategy, size]
    const { peak, steps } = JSON.parse(execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })) as Climb
    figures[`${rung}${cpus}PeakPerSecond`] = peak
    for (const { load, latency, cpuSecondsPerSecond, wrong: inStep } of steps) {
      const prefix = `${rung}${cpus}Load${load * 100}`
      Object.assign(figures, latencyFigures(prefix, latency), { [`${prefix}CpuSeconds`]: cpuSecondsPerSecond })
      if (inStep !== null) wrong ??= `${prefix}: ${inStep}`
    }
  }
  for (const name of Object.keys(chains)) climb(name, name, 'spin')
  for (const name of Object.keys(rungs)) {
    for (const idleStrategy of IDLE_STRATEGIES[size])
      climb(name, `${name}${idleStrategy[0].toUpperCase()}${idleStrategy.slice(1)}`, idleStrategy)
  }
  return { wrong, figures }
}
