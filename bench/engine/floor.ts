import { HISTOGRAM_BYTES, Histogram } from 'native-free-buffers'
import type { Figures } from '../kit/benchmark.ts'
import { latencyFigures } from '../kit/statistics.ts'
import { runThreads } from '../kit/threads.ts'

/**
 * The platform's own stalls: two threads do nothing but read the clock, and note how long they were away between two looks. What no engine
 * on this machine can be better than.
 */
export const measureFloor = async (millis: number): Promise<Figures> => {
  const buffers = [0, 1].map(() => new SharedArrayBuffer(HISTOGRAM_BYTES))
  await runThreads(
    new URL('./floor-worker.js', import.meta.url),
    buffers.map(buffer => ({ buffer, millis })),
  )
  const gaps = new Histogram()
  for (const buffer of buffers) gaps.merge(new Histogram(buffer))
  return latencyFigures('floor', gaps.snapshot())
}
