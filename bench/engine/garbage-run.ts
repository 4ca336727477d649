import { writeSync } from 'node:fs'
import { col, count, Trigger, window } from 'walkway'
import { EVENTS } from './events.ts'
import { sessionOf } from './throughput.ts'

/**
 * A process of its own for `garbage`, which is started with `--trace-gc`: runs the query and writes lines that say between which of V8's own
 * lines it measured, and over how many events. Arguments: events to warm up with, events to measure.
 */
const [warmup, measured] = process.argv.slice(2).map(Number)

const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

const query = await sessionOf('local[2]')
  .readStream.format(EVENTS)
  .option('keys', 1000)
  .load()
  .withWatermark('ts', 0)
  .filter(col('value').lt(0.5))
  .groupBy(window(col('ts'), '1 second'), col('key'))
  .agg(count('*').alias('n'))
  .writeStream.format('noop')
  .outputMode('append')
  .trigger(Trigger.realTime('1 second'))
  .start()

let [rowsIn, rowsOut, epoch] = [0, 0, -1]
const readProgress = (): void => {
  for (const progress of query.recentProgress) {
    if (progress.batchId <= epoch) continue
    epoch = progress.batchId
    rowsIn += progress.numInputRows
    rowsOut += progress.sink.numOutputRows
  }
}

const reach = async (events: number): Promise<void> => {
  for (readProgress(); rowsIn < events; readProgress()) {
    if (query.exception !== null) throw query.exception
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

await reach(warmup)
const begin = rowsIn
say('MEASURE begins')
const begun = performance.now()
await reach(begin + measured)
say(`MEASURE ends ${rowsIn - begin} ${(performance.now() - begun) / 1000}`)
await query.stop()
if (query.exception !== null) throw query.exception
readProgress()
say(`MEASURE rows ${rowsIn} ${rowsOut}`)
