import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { col, count, type StreamingQuery, Trigger, window } from 'walkway'
import { measureFloor } from './engine/floor.ts'
import { GROWING_KEYS } from './engine/growing-keys.ts'
import { sessionOf } from './engine/throughput.ts'
import type { Benchmark, Figures, Size } from './kit/benchmark.ts'

/** Keys, and rows a second. */
const SIZES: Readonly<Record<Size, readonly [number, number]>> = { full: [10_000_000, 200_000], small: [30_000, 100_000] }

/**
 * State grows from nothing to 10 M keys at 200,000 rows a second, each a new key, with a checkpoint every second, on one worker. Then the
 * query starts again from that checkpoint, and rows of another day let all of it go. The longest that a row was under way, beside the
 * platform's own worst stall; bytes a key in the process and in the store; the time from `start()` to the first row; what memory is left.
 */
export const growth: Benchmark = {
  name: 'growth',
  question: 'Does state grow to 10 M keys without stalls, come back soon, and give its memory back?',
  rounds: 1,
  warmups: 0,
  run: async size => {
    const [keys, perSecond] = SIZES[size]
    const folder = mkdtempSync(join(tmpdir(), 'walkway-bench-'))
    try {
      const floor = await measureFloor(size === 'full' ? 10_000 : 100)
      const grown = await grow(folder, keys, perSecond, size)
      if (grown.wrong !== null) return grown
      const closed = await close(folder, keys, perSecond, size)
      return { wrong: closed.wrong, figures: { ...floor, ...grown.figures, ...closed.figures } }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

const start = (checkpointLocation: string, keys: number, rowsPerSecond: number, size: Size, closes: boolean): Promise<StreamingQuery> =>
  sessionOf('local[1]', {}, new URL('./engine/growing-keys.js', import.meta.url))
    .readStream.format(GROWING_KEYS)
    .options({ keys, rowsPerSecond, closes })
    .load()
    .withWatermark('ts', 0)
    // What reads the event time stays above the watermark, which the rows of another day must move.
    .filter(col('key').lt(keys).or(col('ts').isNull()))
    .groupBy(window(col('ts'), '1 day'), col('key'))
    .agg(count('*').alias('n'))
    .writeStream.format('noop')
    .outputMode('update')
    .trigger(Trigger.realTime(size === 'full' ? '1 second' : '100 milliseconds'))
    .options({ checkpointLocation })
    .start()

/** Waits until the query's progress, looked at as a whole, is as it should be. Returns what it looked at. */
const until = async <T>(query: StreamingQuery, look: (progress: Progress) => T | null): Promise<T> => {
  for (;;) {
    if (query.exception !== null) throw query.exception
    const { lastProgress } = query
    const found = lastProgress === null ? null : look(lastProgress)
    if (found !== null) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

type Progress = NonNullable<StreamingQuery['lastProgress']>

const stateOf = (progress: Progress): Progress['stateOperators'][number] => progress.stateOperators[0]

const grow = async (folder: string, keys: number, perSecond: number, size: Size): Promise<{ wrong: string | null; figures: Figures }> => {
  const before = process.memoryUsage.rss()
  const query = await start(folder, keys, perSecond, size, false)
  const last = await until(query, progress => (stateOf(progress).numRowsTotal >= keys ? progress : null))
  const after = process.memoryUsage.rss()
  const progresses = query.recentProgress
  await query.stop()
  const rowsIn = progresses.reduce((sum, { numInputRows }) => sum + numInputRows, 0)
  // The first epochs meet cold code.
  const warm = progresses.slice(size === 'full' ? 3 : 0).filter(({ numInputRows }) => numInputRows > 0)
  const worst = (pick: (latency: Progress['latencies']['e2eLatencyMs']) => number): number =>
    1000 * Math.max(0, ...warm.map(({ latencies }) => pick(latencies.e2eLatencyMs)))
  return {
    wrong:
      stateOf(last).numRowsTotal === keys && rowsIn === keys
        ? null
        : `${stateOf(last).numRowsTotal} keys of ${rowsIn} rows: expected ${keys}`,
    figures: {
      growingP50Micros: worst(({ p50 }) => p50),
      growingP90Micros: worst(({ p90 }) => p90),
      growingP99Micros: worst(({ p99 }) => p99),
      growingP999Micros: worst(({ p999 }) => p999),
      growingMaxMicros: worst(({ max }) => max),
      storeBytesPerKey: stateOf(last).memoryUsedBytes / keys,
      processBytesPerKey: (after - before) / keys,
      grownProcessMegabytes: after / 1e6,
    },
  }
}

const close = async (folder: string, keys: number, perSecond: number, size: Size): Promise<{ wrong: string | null; figures: Figures }> => {
  const [begun, cpu] = [performance.now(), process.cpuUsage()]
  const query = await start(folder, keys, perSecond, size, true)
  const first = await until(query, progress => (progress.numInputRows > 0 ? performance.now() : null))
  const used = process.cpuUsage(cpu)
  const last = await until(query, progress => (stateOf(progress).numRowsTotal === 0 ? progress : null))
  const removed = query.recentProgress.reduce((sum, progress) => sum + stateOf(progress).numRowsRemoved, 0)
  const { rss, seconds } = await settled(size === 'full' ? 60 : 1)
  await query.stop()
  return {
    wrong: removed === keys ? null : `${removed} keys were let go: expected ${keys}`,
    figures: {
      recoverySeconds: (first - begun) / 1000,
      recoveryCpuSeconds: (used.user + used.system) / 1e6,
      emptyStoreBytes: stateOf(last).memoryUsedBytes,
      emptyProcessMegabytes: rss / 1e6,
      emptySeconds: seconds,
    },
  }
}

/** Threads give memory back when their collector next runs: the least that the process holds within some seconds, and when. */
const settled = async (seconds: number): Promise<{ rss: number; seconds: number }> => {
  let least = { rss: process.memoryUsage.rss(), seconds: 0 }
  for (let second = 1; second <= seconds; second++) {
    await new Promise(resolve => setTimeout(resolve, 1000))
    const rss = process.memoryUsage.rss()
    if (rss < 0.95 * least.rss) least = { rss, seconds: second }
  }
  return least
}
