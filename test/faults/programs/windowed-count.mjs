// A program of a user's, in a process of its own so that it can be killed: counts events per second and key from a folder of JSON files
// into another, exactly once. With `joins` it has each event meet those of its key that come up to 300 ms later.
import { col, count, parseTrigger, sum, timestampAdd, WalkwaySession, window } from '../../../dist/index.js'

const {
  input,
  output,
  checkpoint,
  master,
  trigger,
  switches = [],
  finish = false,
  joins = false,
  stopBy = 'stop',
  options = {},
} = JSON.parse(process.argv[2])
const say = (kind, rest = {}) => process.stdout.write(`${JSON.stringify({ kind, ...rest })}\n`)

const spark = WalkwaySession.builder().master(master).create()
spark.streams.addListener({ onQueryProgress: ({ progress }) => say('epoch', { epoch: progress.batchId, mode: progress.mode }) })
const events = spark.readStream
  .schema('time TIMESTAMP, key STRING, value BIGINT')
  .option('maxFilesPerTrigger', 2)
  .json(input)
  .withWatermark('time', '2 seconds')
const totals = events
  .groupBy(window('time', '1 second'), 'key')
  .agg(count('*').alias('events'), sum('value').alias('total'))
  .select('window.start', 'key', 'events', 'total')
const later = events.select(col('time').alias('laterTime'), col('key').alias('laterKey'), col('value').alias('total'))
const pairs = events
  .join(
    later,
    col('key')
      .equalTo(col('laterKey'))
      .and(col('laterTime').gt(col('time')))
      .and(col('laterTime').leq(timestampAdd('MILLISECOND', 300, 'time'))),
    'leftOuter',
  )
  .select(col('time').alias('start'), 'key', col('value').alias('events'), 'total')

const controller = new AbortController()

try {
  const query = await (joins ? pairs : totals).writeStream
    .format('json')
    .outputMode('append')
    .options({ checkpointLocation: checkpoint, ...options })
    .trigger(parseTrigger(trigger))
    .signal(controller.signal)
    .start(output)
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      if (stopBy === 'abort') controller.abort()
      else void Promise.all([query.stop(), query.stop()])
    })
  }
  say('started')
  let next = 0
  const timer = switches.length === 0 ? null : setInterval(() => query.setTrigger(parseTrigger(switches[next++ % switches.length])), 35)
  const settled = query.awaitTermination()
  if (finish) {
    if (timer !== null) clearInterval(timer)
    if (query.trigger.kind === 'availableNow') await settled
    else await Promise.race([query.processAllAvailable(), settled])
    await query.stop()
  }
  await settled
  if (timer !== null) clearInterval(timer)
  say('stopped')
} catch (error) {
  say('failed', { code: error.code, message: String(error) })
  process.exitCode = 1
}
