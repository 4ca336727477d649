/**
 * A keyed, windowed query at a steady rate with a checkpoint every second, for as long as it is told: master, rows a second, seconds,
 * checkpoint folder. Each second one line of JSON on standard output: what the process holds.
 */
import { col, count, sum, Trigger, WalkwaySession, window } from '../../../dist/index.js'
import { held, print } from './held.mjs'

const [master, rowsPerSecond, seconds, checkpoint] = process.argv.slice(2)
const session = WalkwaySession.builder().master(master).create()
const query = await session.readStream
  .format('rate')
  .option('rowsPerSecond', rowsPerSecond)
  .load()
  .withWatermark('timestamp', '1 second')
  .groupBy(window('timestamp', '1 second'), col('value').mod(5000).alias('key'))
  .agg(count('*').alias('events'), sum('value').alias('total'))
  .writeStream.format('noop')
  .outputMode('append')
  .option('checkpointLocation', checkpoint)
  .trigger(Trigger.realTime('1 second'))
  .start()

for (let second = 0; second < Number(seconds) && query.isActive; second++) {
  await new Promise(resolve => setTimeout(resolve, 1000))
  print(await held(checkpoint))
}
await query.stop()
await session.stop()
const rows = query.recentProgress.reduce((all, { numInputRows }) => all + numInputRows, 0)
print({ rows, failure: query.exception === null ? null : String(query.exception) })
