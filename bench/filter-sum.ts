import { col, type DataFrame, sum, Trigger } from 'walkway'
import { EVENTS, keyAt, valueAt } from './engine/events.ts'
import { measureThroughput, sessionOf } from './engine/throughput.ts'
import type { Benchmark } from './kit/benchmark.ts'

const KEYS = 1000

const query = (events: DataFrame): DataFrame => events.filter(col('value').lt(0.5)).groupBy('key').agg(sum('value').alias('sum'))

/** generator → keep half → running sum by 1,000 keys → nowhere, one worker, the whole process on one core. */
export const filterSum: Benchmark = {
  name: 'filter-sum',
  question: 'How many events a second does one core filter and sum by key?',
  rounds: 3,
  warmups: 0,
  oneCore: true,
  marks: { eventsPerSecond: { atLeast: 12e6 } },
  run: async size => {
    const wrong = await checkSums()
    if (wrong !== null) return { wrong, figures: {} }
    const events = sessionOf('local[1]').readStream.format(EVENTS).option('keys', KEYS).load()
    const { figures, rowsIn, rowsOut } = await measureThroughput(query(events), 'update', size)
    let kept = 0
    for (let id = 0; id < rowsIn; id++) if (valueAt(id) < 0.5) kept++
    return { wrong: rowsOut === kept ? null : `${rowsOut} rows came out of ${rowsIn} events: expected ${kept}`, figures }
  },
}

/** The sums of the first events, against a plain loop. */
const checkSums = async (): Promise<string | null> => {
  const count = 100_000
  const expected = new Float64Array(KEYS)
  for (let id = 0; id < count; id++) if (valueAt(id) < 0.5) expected[keyAt(id, KEYS)] += valueAt(id)
  const got = new Float64Array(KEYS)
  const events = sessionOf('local[1]').readStream.format(EVENTS).options({ keys: KEYS, count }).load()
  const running = await query(events)
    .writeStream.outputMode('update')
    .trigger(Trigger.realTime('100 milliseconds'))
    .foreach(row => {
      got[row.key as number] = row.sum as number
    })
    .start()
  while (!reached(running.recentProgress, count)) {
    if (running.exception !== null) throw running.exception
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await running.stop()
  for (let key = 0; key < KEYS; key++) {
    if (Math.abs(got[key] - expected[key]) > 1e-6) return `the sum of key ${key} is ${got[key]}: expected ${expected[key]}`
  }
  return null
}

const reached = (progresses: readonly { readonly numInputRows: number }[], count: number): boolean =>
  progresses.reduce((rows, { numInputRows }) => rows + numInputRows, 0) >= count
