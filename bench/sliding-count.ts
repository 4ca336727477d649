import { col, count, type DataFrame, Trigger, window } from 'walkway'
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
  const [events, keys] = [1_250_000, 10]
  // Counts by the number of the window and the key.
  const expected = new Map<number, number>()
  const nameOf = (startMicros: number, key: number): number => (startMicros / SLIDE_MICROS) * keys + key
  // The last event's time is the watermark, and what ends then is over.
  const lastEnd = Math.floor((FIRST_MICROS + events - 1) / SLIDE_MICROS) * SLIDE_MICROS
  for (let id = 0; id < events; id++) {
    const time = FIRST_MICROS + id
    for (let start = time - (time % SLIDE_MICROS); start > time - SIZE_MICROS; start -= SLIDE_MICROS) {
      if (start + SIZE_MICROS > lastEnd) continue
      const name = nameOf(start, keyAt(id, keys))
      expected.set(name, (expected.get(name) ?? 0) + 1)
    }
  }
  const got = new Map<number, number>()
  let doubled = 0
  const running = await query(sessionOf('local[1]').readStream.format(EVENTS).options({ keys, count: events }).load())
    .writeStream.outputMode('append')
    .trigger(Trigger.realTime('100 milliseconds'))
    .foreach(({ window: bounds, key, n }) => {
      const name = nameOf((bounds as { start: Date }).start.getTime() * 1000, key as number)
      if (got.has(name)) doubled++
      got.set(name, n as number)
    })
    .start()
  while (running.recentProgress.reduce((rows, { numInputRows }) => rows + numInputRows, 0) < events) {
    if (running.exception !== null) throw running.exception
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await running.stop()
  if (got.size !== expected.size || doubled > 0) return `${got.size} windows, ${doubled} of them twice: expected ${expected.size}`
  for (const [name, n] of expected) if (got.get(name) !== n) return `window ${name} counts ${got.get(name)}: expected ${n}`
  return null
}
