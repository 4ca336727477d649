import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LatencySnapshot } from 'native-free-buffers'
import { nowMicros } from '../kit/clock.ts'
import { medianLatency, type Percentiles } from '../kit/statistics.ts'
import { runThreads } from '../kit/threads.ts'
import type { Relay } from './relay-floor-worker.ts'

/**
 * The least that a row through two threads can take here: one thread only looks at the clock and stores how many instants have passed,
 * the other only waits for that word to change. From the instant to when the other thread saw it, open loop, so a stall of either counts
 * for all instants that fall into it. Percentiles are the medians of those of whole seconds after the first three, the maximum is of all.
 */
export const measureRelayFloor = async (perSecond: number, seconds: number): Promise<Percentiles> => {
  const word = new SharedArrayBuffer(4)
  const start = nowMicros() + 200_000
  const sides = [true, false].map((isFirst): Relay => ({ word, isFirst, start, perSecond, seconds }))
  const [, snapshots] = await runThreads<Relay, LatencySnapshot[]>(new URL('./relay-floor-worker.js', import.meta.url), sides)
  const warm = snapshots.slice(Math.min(3, snapshots.length - 1))
  return medianLatency(warm)
}

/** The same beside a third thread that does no more than a checkpoint a second does: what checkpoints cost where both cores spin. */
export const measureCrowdedRelayFloor = async (perSecond: number, seconds: number): Promise<Percentiles> => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-floor-'))
  const third = new Worker(new URL('./third-thread-worker.js', import.meta.url), { workerData: join(folder, 'synced') })
  try {
    await once(third, 'online')
    return await measureRelayFloor(perSecond, seconds)
  } finally {
    await third.terminate()
    rmSync(folder, { recursive: true, force: true })
  }
}
