import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LatencySnapshot } from 'native-free-buffers'
import { col, Trigger, udf, when } from 'walkway'
import { measureRelayFloor } from './engine/relay-floor.ts'
import { sessionOf } from './engine/throughput.ts'
import type { Benchmark, Size } from './kit/benchmark.ts'
import { latencyFigures, medianOf } from './kit/statistics.ts'

const PER_SECOND = 100_000

/**
 * An open-loop source, 100,000 rows a second, on one worker → exchange by key → map → sink on the other: the keys are those that belong
 * there, so every row crosses threads. From the instant when a row was due to the sink; percentiles are the medians of those of seven
 * seconds, the maximum is of all. Without checkpoints and with one a second, beside two bare threads that hand on the number of the last
 * instant in one word.
 */
export const chainLatency: Benchmark = {
  name: 'chain-latency',
  question: 'How long is a row under way through an exchange, with and without checkpoints?',
  rounds: 3,
  warmups: 0,
  marks: { plainP50Micros: { atMost: 10 }, plainP99Micros: { atMost: 100 } },
  run: async size => {
    const floor = await measureRelayFloor(PER_SECOND, size === 'full' ? 10 : 0.2)
    const plain = await measure(size, null)
    const folder = mkdtempSync(join(tmpdir(), 'walkway-bench-'))
    try {
      const checkpointed = await measure(size, folder)
      return {
        wrong: plain.wrong ?? checkpointed.wrong,
        figures: {
          ...latencyFigures('floor', floor),
          ...latencyFigures('plain', plain.latency),
          ...latencyFigures('checkpointed', checkpointed.latency),
        },
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

interface Measured {
  readonly wrong: string | null
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number; readonly max: number }
}

const KEYS = 4
const thread = udf.module(new URL('./engine/thread.js', import.meta.url), 'thread', 'int')

/** Keys whose rows leave the thread of their source: found by asking, since how keys are spread is the engine's own affair. */
const farKeys = async (): Promise<number[]> => {
  const rows = await sessionOf('local[2]')
    .range(64)
    .select(col('id').cast('int').alias('key'), thread('id').alias('from'))
    .repartition(2, 'key')
    .select('key', 'from', thread('key').alias('to'))
    .collect()
  const far = rows.filter(({ from, to }) => from !== to).map(({ key }) => Number(key))
  if (far.length < KEYS) throw new Error(`of 64 keys only ${far.length} change threads`)
  return far.slice(0, KEYS)
}

const measure = async (size: Size, checkpoint: string | null): Promise<Measured> => {
  const [first, ...others] = await farKeys()
  const turn = col('value').mod(KEYS)
  const key = others.reduce((chosen, other, i) => chosen.when(turn.equalTo(i), other), when(turn.equalTo(KEYS - 1), first))
  const query = await sessionOf('local[2]', { idleStrategy: 'spin' })
    .readStream.format('rate')
    .option('rowsPerSecond', PER_SECOND)
    .load()
    .withColumn('key', key)
    .repartition(2, 'key')
    .withColumn('mapped', col('value').plus(1))
    .writeStream.format('noop')
    .outputMode('append')
    .trigger(Trigger.realTime(size === 'full' ? '1 second' : '100 milliseconds'))
    .options(checkpoint === null ? {} : { checkpointLocation: checkpoint })
    .start()
  const epochs = size === 'full' ? [3, 10] : [1, 3]
  while (query.recentProgress.length < epochs[1]) {
    if (query.exception !== null) throw query.exception
    // Seldom: each look takes a core from a thread that spins.
    await new Promise(resolve => setTimeout(resolve, size === 'full' ? 500 : 10))
  }
  await query.stop()
  const measured = query.recentProgress.slice(epochs[0], epochs[1])
  const all = query.recentProgress
  const [rowsIn, rowsOut] = [
    all.reduce((sum, { numInputRows }) => sum + numInputRows, 0),
    all.reduce((sum, { sink }) => sum + sink.numOutputRows, 0),
  ]
  const median = (pick: (latency: LatencySnapshot) => number): number =>
    medianOf(measured.map(({ latencies }) => pick(latencies.e2eLatencyMs) * 1000))
  return {
    wrong: rowsIn === rowsOut && rowsIn > 0 ? null : `${rowsIn} rows went in and ${rowsOut} came out`,
    latency: {
      p50: median(({ p50 }) => p50),
      p90: median(({ p90 }) => p90),
      p99: median(({ p99 }) => p99),
      p999: median(({ p999 }) => p999),
      max: Math.max(...measured.map(({ latencies }) => latencies.e2eLatencyMs.max * 1000)),
    },
  }
}
