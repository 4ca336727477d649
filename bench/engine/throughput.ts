import { type DataFrame, Trigger, WalkwaySession } from 'walkway'
import type { Figures, Size } from '../kit/benchmark.ts'
import { medianOf } from '../kit/statistics.ts'

const EVENTS_MODULE = new URL('./events.js', import.meta.url)

/** A session whose workers know the sources of `module`. */
export const sessionOf = (master: string, config: Readonly<Record<string, string>> = {}, module = EVENTS_MODULE): WalkwaySession => {
  let builder = WalkwaySession.builder().master(master).modules(module)
  for (const [name, value] of Object.entries(config)) builder = builder.config(name, value)
  return builder.create()
}

/** What a run over an endless source did. */
export interface Throughput {
  readonly figures: Figures
  readonly rowsIn: number
  readonly rowsOut: number
}

/**
 * Runs a query from an endless source to nowhere, in real time with an epoch a second. Events a second in each epoch after the warm-up, the
 * median of them; and events per second of CPU time of the whole process, which other work on the machine shifts less.
 */
export const measureThroughput = async (
  frame: DataFrame,
  outputMode: 'append' | 'update',
  size: Size,
  options: Readonly<Record<string, string>> = {},
): Promise<Throughput> => {
  const [warmupSeconds, seconds] = size === 'full' ? [4, 6] : [0.2, 0.3]
  let [rowsIn, rowsOut, epochs] = [0, 0, 0]
  const query = await frame.writeStream
    .format('noop')
    .outputMode(outputMode)
    .trigger(Trigger.realTime(size === 'full' ? '1 second' : '100 milliseconds'))
    .options(options)
    .start()
  const sleep = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))
  await sleep(warmupSeconds * 1000)
  const before = query.recentProgress.length
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await sleep(seconds * 1000)
  // On a busy machine a short run may not see an epoch end.
  while (query.recentProgress.length === before && query.isActive) await sleep(50)
  const used = process.cpuUsage(cpu)
  const elapsed = (performance.now() - begun) / 1000
  const measured = query.recentProgress.slice(before)
  await query.stop()
  if (query.exception !== null) throw query.exception
  for (const progress of query.recentProgress) {
    rowsIn += progress.numInputRows
    rowsOut += progress.sink.numOutputRows
    epochs++
  }
  if (epochs > 99) throw new Error('more epochs than are remembered')
  const eventsPerSecond = medianOf(measured.map(({ processedRowsPerSecond }) => processedRowsPerSecond))
  return {
    rowsIn,
    rowsOut,
    figures: { eventsPerSecond, eventsPerCpuSecond: (eventsPerSecond * elapsed * 1e6) / (used.user + used.system) },
  }
}
