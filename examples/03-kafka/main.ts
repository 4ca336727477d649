import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineError, parseTrigger, WalkwaySession } from 'walkway'
import { isQueryName, kafkaQuery } from './queries.ts'

const USAGE = `node dist-examples/03-kafka/main.js A|B|C MODE IN OUT   a query from one Kafka topic to another, until SIGTERM or Ctrl-C

MODE             realTime, "realTime 1 second", microBatch, "processingTime 1 second", availableNow
KAFKA_BOOTSTRAP  the broker (127.0.0.1:19092)
CHECKPOINT       a folder to keep the query's progress in and to go on from; otherwise a temporary one
MASTER           inline, local (the default), local[2]: where the query runs`

const main = async (): Promise<void> => {
  const [name, mode, from, to] = process.argv.slice(2)
  if (!isQueryName(name) || mode === undefined || from === undefined || to === undefined) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  const { KAFKA_BOOTSTRAP: broker = '127.0.0.1:19092', CHECKPOINT: folder, MASTER: master = 'local' } = process.env
  const checkpoint = folder ?? mkdtempSync(join(tmpdir(), 'walkway-kafka-'))
  if (folder === undefined) process.once('exit', () => rmSync(checkpoint, { recursive: true, force: true }))

  // In one line, which every consumer reads; Spark's default of 76 letters a line is for mail.
  await using session = WalkwaySession.builder().master(master).config('chunkBase64String', false).create()
  const records = session.readStream
    .format('kafka')
    .option('kafka.bootstrap.servers', broker)
    .option('subscribe', from)
    // Used when there is no checkpoint yet: nothing that was sent before the start is missed.
    .option('startingOffsets', 'earliest')
    .load()
  const query = await kafkaQuery(name, records, session)
    .writeStream.format('kafka')
    .option('kafka.bootstrap.servers', broker)
    .option('topic', to)
    .option('checkpointLocation', checkpoint)
    .outputMode('update')
    .trigger(parseTrigger(mode === 'microBatch' ? 'default' : mode))
    .start()
  console.log(`ready: query ${name}, ${mode}, ${from} to ${to}`)

  const stop = new Promise(resolve => process.once('SIGINT', resolve).once('SIGTERM', resolve))
  await Promise.race([stop, query.awaitTermination()])
  const latency = query.latencies?.e2eLatencyMs
  await query.stop()
  const epochs = (query.lastProgress?.batchId ?? -1) + 1
  console.log(`stopped after ${epochs} epochs and ${latency?.count ?? 0} records out`)
  if (latency === undefined || latency.count === 0) return
  const millis = [latency.p50, latency.p99, latency.p999, latency.max].map(value => `${value.toFixed(3)} ms`)
  console.log(`from arrival to Kafka's acknowledgement: p50 ${millis[0]}, p99 ${millis[1]}, p99.9 ${millis[2]}, max ${millis[3]}`)
}

main().catch(error => {
  console.error(error instanceof EngineError ? error.message : error)
  process.exitCode = 1
})
