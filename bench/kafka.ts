import { spawn } from 'node:child_process'
import { chosenEngines, engines, listOf, withBroker } from './kafka/engines.ts'
import type { Benchmark, Figures, Outcome } from './kit/benchmark.ts'
import { missingPeers, PEERS } from './kit/peers-folder.ts'

/** A line of the peers' `compare`: one engine at one rate. Latencies in millis. */
interface Line {
  readonly engine: string
  readonly query: string
  readonly rate: number
  readonly sent: number
  readonly received: number
  readonly doubled: number
  readonly cpuSeconds: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Query C leaves one record in 10,000 without a partner. */
const LEAST_OF_C = 0.999

/**
 * Queries A, B and C from topic to topic, at fixed rates, with a checkpoint every second, by the peers' own `compare`: Walkway in turn with
 * Flink, with Spark's real-time mode where `KAFKA_ENGINES` names it, and for A with the meter alone and a bare kafkajs echo. `KAFKA_QUERIES`
 * ("A B C"), `KAFKA_RATES` ("1000 5000"), and `compare`'s own `WARMUP` and `SECONDS_MEASURED` choose the rest.
 */
export const kafka: Benchmark = {
  name: 'kafka',
  question: 'How long does a record take from topic to topic, beside a bare echo and other engines?',
  rounds: 3,
  warmups: 0,
  run: async (size): Promise<Outcome> => {
    const missing = size === 'small' ? 'peers have no small size' : missingPeers()
    if (missing !== null) return { wrong: null, skipped: missing, figures: {} }
    const lines = await withBroker(compareAll)
    return {
      wrong: lines.map(wrongIn).find(wrong => wrong !== null) ?? null,
      figures: Object.assign({}, ...lines.map(figuresOf)) as Figures,
    }
  },
}

/** The meter alone and the echo, which copies what it reads, stand beside A. */
const ONLY_FOR_A = ['meter', 'echo']

const compareAll = async (): Promise<Line[]> => {
  const lines: Line[] = []
  const chosen = chosenEngines()
  for (const query of listOf('KAFKA_QUERIES', 'A B C'))
    lines.push(...(await compare(query, query === 'A' ? chosen : chosen.filter(name => !ONLY_FOR_A.includes(name)))))
  return lines
}

const compare = (query: string, names: readonly string[]): Promise<Line[]> =>
  new Promise((resolve, reject) => {
    const rates = listOf('KAFKA_RATES', '1000 5000')
    const args = [query, rates.join(' '), '1', ...names.map(name => `${name}=${engines[name]}`)]
    const child = spawn(`${PEERS}/compare`, args, { stdio: ['ignore', 'pipe', 2] })
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', chunk => {
      text += chunk
      process.stderr.write(chunk)
    })
    child.on('error', reject)
    child.on('close', code => {
      const lines = text.trim().split('\n')
      if (code !== 0 || lines.length !== rates.length * names.length)
        reject(new Error(`compare ended with code ${code} and ${lines.length} lines`))
      else resolve(lines.map(line => JSON.parse(line) as Line))
    })
  })

/** Only our own answer is ours to hold to; what others lost or doubled stands among the figures. */
const wrongIn = ({ engine, query, rate, sent, received, doubled }: Line): string | null => {
  const least = query === 'C' ? sent * LEAST_OF_C : sent
  if (engine !== 'walkway' || (received >= least && doubled === 0)) return null
  return `${query} at ${rate}/s: ${sent} records sent, ${received} received, ${doubled} doubled`
}

const figuresOf = ({ engine, query, rate, sent, received, doubled, cpuSeconds, p50, p90, p99, p999, max }: Line): Figures => {
  const prefix = `${engine}${query}${rate}`
  return {
    [`${prefix}P50Millis`]: p50,
    [`${prefix}P90Millis`]: p90,
    [`${prefix}P99Millis`]: p99,
    [`${prefix}P999Millis`]: p999,
    [`${prefix}MaxMillis`]: max,
    [`${prefix}CpuSeconds`]: cpuSeconds,
    ...(engine === 'walkway' ? {} : { [`${prefix}Missing`]: sent - received, [`${prefix}Doubled`]: doubled }),
  }
}
