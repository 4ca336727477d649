import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Trigger } from 'walkway'
import { EpochWatch, type Progress } from './engine/epoch-watch.ts'
import { startFarChain } from './engine/far-chain.ts'
import type { Benchmark, Size } from './kit/benchmark.ts'
import { medianOf } from './kit/statistics.ts'

interface Plan {
  readonly realTime: Trigger
  readonly warmup: number
  readonly steady: number
  readonly switches: number
  readonly lookMillis: number
}

const PLANS: Readonly<Record<Size, Plan>> = {
  full: { realTime: Trigger.realTime('1 second'), warmup: 3, steady: 6, switches: 8, lookMillis: 200 },
  small: { realTime: Trigger.realTime('100 milliseconds'), warmup: 1, steady: 2, switches: 2, lookMillis: 10 },
}

/** A checkpoint every second: rows whose mode changes under way, at 50,000 a second, open loop. */
const PER_SECOND = 50_000

/**
 * A query in real time goes over to micro-batches and back, again and again. The rows of a whole real-time epoch that begins with a switch,
 * those that waited for it among them, beside those of epochs without one.
 */
export const switches: Benchmark = {
  name: 'switch',
  question: 'How long is a row under way while the mode changes, and while it does not?',
  rounds: 3,
  warmups: 0,
  marks: { switchAgainstSteady: { atMost: 3 } },
  run: async size => {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-bench-'))
    try {
      const plan = PLANS[size]
      const query = await startFarChain(PER_SECOND, plan.realTime, folder)
      const watch = new EpochWatch(query, plan.lookMillis)
      await watch.until(({ length }) => length >= plan.warmup + plan.steady)
      const steady = watch.epochs.slice(plan.warmup)
      const switched: Progress[] = []
      for (let i = 0; i < plan.switches; i++) {
        query.setTrigger(Trigger.processingTime(0))
        await watch.until(epochs => epochs.at(-1)?.mode === 'microBatch')
        query.setTrigger(plan.realTime)
        await watch.until(epochs => epochs.at(-1)?.mode === 'realTime')
        switched.push(watch.epochs[watch.epochs.findLastIndex(({ mode }) => mode === 'microBatch') + 1])
      }
      const wrong = await watch.stop()
      const inBatches = watch.epochs.filter(({ mode }) => mode === 'microBatch')
      const p99 = (progresses: readonly Progress[]): number =>
        medianOf(progresses.filter(each => each.numInputRows > 0).map(({ latencies }) => latencies.e2eLatencyMs.p99)) * 1000
      const max = (progresses: readonly Progress[]): number =>
        Math.max(...progresses.map(({ latencies }) => latencies.e2eLatencyMs.max)) * 1000
      return {
        wrong,
        figures: {
          steadyP99Micros: p99(steady),
          steadyMaxMicros: max(steady),
          switchP99Micros: p99(switched),
          switchMaxMicros: max(switched),
          microBatchP99Micros: p99(inBatches),
          switchAgainstSteady: p99(switched) / p99(steady),
        },
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
