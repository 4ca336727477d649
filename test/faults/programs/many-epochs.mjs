/**
 * A windowed count that is given a row an epoch, so many epochs: master, output mode, epochs, folders of checkpoint and output, how many
 * state files are too many.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { count, Trigger, WalkwaySession, window } from '../../../dist/index.js'
import { held, isSampled, print } from './held.mjs'

const [master, mode, epochsText, checkpoint, output, stateFiles] = process.argv.slice(2)
const epochs = Number(epochsText)
const session = WalkwaySession.builder().master(master).create()
const stream = session.pushStream('time TIMESTAMP NOT NULL, key STRING NOT NULL')
const query = await stream
  .toDF()
  .withWatermark('time', '1 second')
  .groupBy(window('time', '1 second'), 'key')
  .agg(count('*').alias('events'))
  .select('window.start', 'key', 'events')
  .writeStream.format('json')
  .outputMode(mode)
  .options({ checkpointLocation: checkpoint, durability: 'process' })
  .trigger(Trigger.processingTime(0))
  .start(output)

const filesIn = (...path) => readdirSync(join(...path)).length
// Merges take their time beside all that: what is too many now must have become fewer a hundred epochs later.
const isTooMany = () => filesIn(checkpoint, 'state') >= Number(stateFiles)
for (let epoch = 0, sampled = 0; epoch < epochs || (isTooMany() && epoch < epochs + 100); ) {
  stream.push({ time: new Date(Date.UTC(2024, 0, 1) + epoch * 100), key: `k${epoch % 5}` })
  await query.processAllAvailable()
  // Now and then an epoch runs without a row.
  epoch = (query.lastProgress?.batchId ?? 0) + 1
  for (; sampled < Math.min(epoch, epochs); sampled++) if (isSampled(sampled, epochs)) print(await held(checkpoint, output))
}
const folders = Object.fromEntries(['offsets', 'commits', 'state'].map(name => [name, filesIn(checkpoint, name)]))
const end = { ...folders, metadata: filesIn(output, '_spark_metadata'), output: filesIn(output) }
await query.stop()
print({ ...end, failure: query.exception === null ? null : String(query.exception) })
