// Runs queries of every kind, stops the session, and must then end by itself. Says when the session has been stopped.
import { Trigger, WalkwaySession } from '../../../dist/index.js'

const [master, how] = process.argv.slice(2)
const session = WalkwaySession.builder().master(master).create()
const stream = session.memoryStream('n BIGINT NOT NULL')
const push = session.pushStream('n BIGINT NOT NULL')
const endless = (async function* () {
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, 1))
    yield { n: 1 }
  }
})()
const frames = [stream.toDF(), push.toDF(), session.readStream.format('rate').load(), session.fromIterable(endless, 'n BIGINT')]
const triggers = [{ kind: 'default' }, Trigger.realTime('1 hour'), Trigger.processingTime('1 hour'), Trigger.realTime('1 hour')]
const queries = []
for (const [i, frame] of frames.entries()) {
  queries.push(
    await frame.writeStream
      .trigger(triggers[i])
      .foreach(() => {})
      .start(),
  )
}
stream.addData({ n: 1 })
push.push({ n: 1 })
await queries[0].processAllAvailable()
if (how === 'fail') {
  const bad = await session
    .memoryStream('n BIGINT NOT NULL')
    .toDF()
    .writeStream.foreach(() => {})
    .start()
  queries.push(bad)
  push.push({ n: 'wrong' })
  await queries[1].awaitTermination().catch(() => {})
}
await session.range(10).collect()
await session.stop()
console.log('stopped')
