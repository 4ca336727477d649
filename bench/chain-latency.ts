import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Trigger } from 'walkway'
import { EpochWatch } from './engine/epoch-watch.ts'
import { startFarChain } from './engine/far-chain.ts'
import { measureCrowdedRelayFloor, measureRelayFloor } from './engine/relay-floor.ts'
import type { Benchmark, Size } from './kit/benchmark.ts'
import { latencyFigures, medianLatency, type Percentiles } from './kit/statistics.ts'

const PER_SECOND = 100_000

/**
 * An open-loop source, 100,000 rows a second, on one worker → exchange by key → map → sink on the other: the keys are those that belong
 * there, so every row crosses threads. From the instant when a row was due to the sink; percentiles are the medians of those of seven
 * seconds, the maximum is of all. Without checkpoints and with one a second, beside two bare threads that hand on the number of the last
 * instant in one word, alone and with a third thread that takes what a checkpoint a second takes.
 */
export const chainLatency: Benchmark = {
  name: 'chain-latency',
  question: 'How long is a row under way through an exchange, with and without checkpoints?',
  rounds: 3,
  warmups: 0,
  marks: { plainP50Micros: { atMost: 10 }, plainP99Micros: { atMost: 100 } },
  run: async size => {
    const floorSeconds = size === 'full' ? 10 : 0.2
    const floor = await measureRelayFloor(PER_SECOND, floorSeconds)
    const crowded = await measureCrowdedRelayFloor(PER_SECOND, floorSeconds)
    const plain = await measure(size, null)
    const folder = mkdtempSync(join(tmpdir(), 'walkway-bench-'))
    try {
      const checkpointed = await measure(size, folder)
      return {
        wrong: plain.wrong ?? checkpointed.wrong,
        figures: {
          ...latencyFigures('floor', floor),
          ...latencyFigures('crowdedFloor', crowded),
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
  readonly latency: Percentiles
}

const measure = async (size: Size, checkpoint: string | null): Promise<Measured> => {
  const full = size === 'full'
  const query = await startFarChain(PER_SECOND, Trigger.realTime(full ? '1 second' : '100 milliseconds'), checkpoint)
  const [warmup, end] = full ? [3, 10] : [1, 3]
  const watch = new EpochWatch(query, full ? 500 : 10)
  await watch.until(({ length }) => length >= end)
  const wrong = await watch.stop()
  const measured = watch.epochs.slice(warmup, end).map(({ latencies }) => latencies.e2eLatencyMs)
  return { wrong, latency: medianLatency(measured, 1000) }
}
