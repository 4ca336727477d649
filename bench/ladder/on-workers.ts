import { type StreamingQuery, Trigger, WalkwaySession } from 'walkway'
import type { Size } from '../kit/benchmark.ts'
import { medianOf } from '../kit/statistics.ts'
import type { Rung } from './rungs.ts'
import { type Climb, LOADS, type Step } from './steps.ts'

/** More than any rung can take: the source is always behind, so the query runs as fast as it can. */
const ALWAYS_BEHIND = 1e9

interface Epochs {
  readonly warmup: number
  readonly measured: number
  readonly trigger: string
}

const EPOCHS: Readonly<Record<Size, Epochs>> = {
  full: { warmup: 3, measured: 4, trigger: '1 second' },
  small: { warmup: 1, measured: 2, trigger: '100 milliseconds' },
}

/** The peak of a rung on two workers, then its latencies at each load, with one idle strategy. */
export const climbOnWorkers = async (rung: Rung, idleStrategy: string, size: Size): Promise<Climb> => {
  const session = WalkwaySession.builder().master('local[2]').config('idleStrategy', idleStrategy).create()
  const peak = (await run(session, rung, ALWAYS_BEHIND, size)).rowsPerSecond
  const steps: Step[] = []
  for (const load of LOADS) {
    const { latency, cpuSecondsPerSecond, wrong } = await run(session, rung, Math.max(1, Math.round(peak * load)), size)
    steps.push({ load, latency, cpuSecondsPerSecond, wrong })
  }
  await session.stop()
  return { peak, steps }
}

interface Run extends Omit<Step, 'load'> {
  readonly rowsPerSecond: number
}

const run = async (session: WalkwaySession, rung: Rung, rowsPerSecond: number, size: Size): Promise<Run> => {
  const { warmup, measured, trigger } = EPOCHS[size]
  const query = await rung
    .query(session, rowsPerSecond)
    .writeStream.format('noop')
    .outputMode(rung.outputMode)
    .trigger(Trigger.realTime(trigger))
    .start()
  await epochsOf(query, warmup, size)
  const [cpu, begun] = [process.cpuUsage(), performance.now()]
  await epochsOf(query, warmup + measured, size)
  const [used, seconds] = [process.cpuUsage(cpu), (performance.now() - begun) / 1000]
  const progresses = query.recentProgress.slice(warmup, warmup + measured)
  await query.stop()
  const all = query.recentProgress
  const [rowsIn, rowsOut] = [
    all.reduce((sum, { numInputRows }) => sum + numInputRows, 0),
    all.reduce((sum, { sink }) => sum + sink.numOutputRows, 0),
  ]
  const latencies = progresses.map(({ latencies }) => latencies.e2eLatencyMs).filter(({ count }) => count > 0)
  const median = (pick: (latency: (typeof latencies)[number]) => number): number =>
    latencies.length === 0 ? 0 : 1000 * medianOf(latencies.map(pick))
  return {
    rowsPerSecond: medianOf(progresses.map(({ processedRowsPerSecond }) => processedRowsPerSecond)),
    latency: {
      p50: median(({ p50 }) => p50),
      p90: median(({ p90 }) => p90),
      p99: median(({ p99 }) => p99),
      p999: median(({ p999 }) => p999),
      max: 1000 * Math.max(0, ...latencies.map(({ max }) => max)),
    },
    cpuSecondsPerSecond: (used.user + used.system) / 1e6 / seconds,
    wrong: latencies.length > 0 && rung.isRight(rowsIn, rowsOut) ? null : `${rowsOut} rows came out of ${rowsIn}`,
  }
}

/** Waits until the query has ended so many epochs. Looks seldom: each look takes a core from a thread that spins. */
const epochsOf = async (query: StreamingQuery, count: number, size: Size): Promise<void> => {
  while (query.recentProgress.length < count) {
    if (query.exception !== null) throw query.exception
    await new Promise(resolve => setTimeout(resolve, size === 'full' ? 200 : 10))
  }
}
