import { col, count, type DataFrame, window } from 'walkway'
import { EVENTS, FIRST_MICROS, keyAt } from './engine/events.ts'
import { measureThroughput, sessionOf } from './engine/throughput.ts'
import type { Benchmark } from './kit/benchmark.ts'

const KEYS = 10_000
const [SIZE_MICROS, SLIDE_MICROS] = [1_000_000, 100_000]

const query = (events: DataFrame): DataFrame =>
  events
    .withWatermark('ts', 0)
    .groupBy(window(col('ts'), '1 second', '100 milliseconds'), col('key'))
    .agg(count('*').alias('n'))

/**
 * generator, events 1 µs apart in event time → count by 10,000 keys in windows of 1 s sliding by 100 ms → nowhere, one worker, the whole
 * process on one core.
 */
export const slidingCount: Benchmark = {
  name: 'sliding-count',
  question: 'How many events a second does one core count by key in sliding windows?',
  rounds: 3,
  warmups: 0,
  oneCore: true,
  marks: { eventsPerSecond: { atLeast: 6e6 } },
  run: async size => {
    const wrong = await checkCounts()
    if (wrong !== null) return { wrong, figures: {} }
    const events = sessionOf('local[1]').readStream.format(EVENTS).option('keys', KEYS).load()
    const { figures, rowsIn, rowsOut } = await measureThroughput(query(events), 'append', size)
    const least = Math.floor((rowsIn - 1) / SLIDE_MICROS) * KEYS * 0.99 - KEYS
    return {
      wrong: size === 'full' && rowsOut < least ? `${rowsOut} windows came out of ${rowsIn} events: expected ${least} or more` : null,
      figures,
    }
  },
}

/** All windows of the first events that are over, against a plain loop. */
const checkCounts = async (): Promise<string | null> => {
  const [events, keys] = [1_200_000, 10]
  const expected = new Map<string, number>()
  for (let id = 0; id < events; id++) {
    const time = FIRST_MICROS + id
    for (let start = time - (time % SLIDE_MICROS); start > time - SIZE_MICROS; start -= SLIDE_MICROS) {
      const name = `${start / 1000}/${keyAt(id, keys)}`
      expected.set(name, (expected.get(name) ?? 0) + 1)
    }
  }
  const frame = sessionOf('local[1]').read.format(EVENTS).options({ keys, count: events }).load()
  const rows = await query(frame).collect()
  if (rows.length !== expected.size) return `${rows.length} windows: expected ${expected.size}`
  for (const { window: bounds, key, n } of rows) {
    const name = `${(bounds as { start: Date }).start.getTime()}/${key}`
    if (expected.get(name) !== n) return `window ${name} counts ${n}: expected ${expected.get(name)}`
  }
  return null
}
