import { Trigger, WalkwaySession } from 'walkway'
import { EpochWatch } from '../engine/epoch-watch.ts'
import type { Size } from '../kit/benchmark.ts'
import { medianLatency, medianOf } from '../kit/statistics.ts'
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
  const watch = new EpochWatch(query, size === 'full' ? 200 : 10)
  await watch.until(({ length }) => length >= warmup)
  const [cpu, begun] = [process.cpuUsage(), performance.now()]
  await watch.until(({ length }) => length >= warmup + measured)
  const [used, seconds] = [process.cpuUsage(cpu), (performance.now() - begun) / 1000]
  const wrong = await watch.stop(rung.isRight)
  const progresses = watch.epochs.slice(warmup, warmup + measured)
  const latencies = progresses.map(({ latencies }) => latencies.e2eLatencyMs).filter(({ count }) => count > 0)
  return {
    rowsPerSecond: medianOf(progresses.map(({ processedRowsPerSecond }) => processedRowsPerSecond)),
    latency: medianLatency(latencies, 1000),
    cpuSecondsPerSecond: (used.user + used.system) / 1e6 / seconds,
    wrong: latencies.length === 0 ? 'no row was timed' : wrong,
  }
}
