import { col, count, Trigger, WalkwaySession } from 'walkway'
import type { Benchmark } from './kit/benchmark.ts'

/** From `start()` to the first result, inline and with workers. In a process that has done it once, so module loading is not in it. */
export const startup: Benchmark = {
  name: 'startup',
  question: 'How long is it from start() to the first result?',
  rounds: 7,
  warmups: 1,
  marks: { inlineMillis: { atMost: 200 }, oneWorkerMillis: { atMost: 600 }, twoWorkersMillis: { atMost: 600 } },
  run: async () => {
    const [inlineMillis, oneWorkerMillis, twoWorkersMillis] = [
      await firstResult('inline'),
      await firstResult('local[1]'),
      await firstResult('local[2]'),
    ]
    return { wrong: null, figures: { inlineMillis, oneWorkerMillis, twoWorkersMillis } }
  },
}

const firstResult = async (master: string): Promise<number> => {
  const session = WalkwaySession.builder().master(master).create()
  const stream = session.memoryStream('key STRING, amount INT')
  stream.addData([{ key: 'a', amount: 1 }])
  const frame = stream.toDF().filter(col('amount').gt(0)).groupBy('key').agg(count('*').alias('n'))
  const begun = performance.now()
  let resolveFirst: (millis: number) => void = () => {}
  const first = new Promise<number>(resolve => {
    resolveFirst = resolve
  })
  const query = await frame.writeStream
    .outputMode('update')
    .trigger(Trigger.realTime('1 second'))
    .foreach(() => resolveFirst(performance.now() - begun))
    .start()
  const millis = await first
  await query.stop()
  return millis
}
