// Starts and ends many queries of every kind that holds something of the program, and says what of it is still alive. With --expose-gc.
import { callerObjects } from '../../../dist/connector/caller-sinks.js'
import { iterableQueues } from '../../../dist/connector/iterable-source.js'
import { rowLogs } from '../../../dist/connector/memory-source.js'
import { pushQueues } from '../../../dist/connector/push-source.js'
import { Trigger, WalkwaySession } from '../../../dist/index.js'

const [master, countText] = process.argv.slice(2)
const refs = []
const kept = object => {
  refs.push(new WeakRef(object))
  return object
}
const SCHEMA = 'n BIGINT NOT NULL'

const rounds = async session => {
  const memory = session.memoryStream(SCHEMA)
  const push = session.pushStream(SCHEMA)
  kept(memory)
  kept(push)
  const big = () => kept(Array.from({ length: 100 }, (_, n) => ({ n })))
  memory.addData(big())
  const sum = kept({ total: 0 })
  const writers = [
    memory.toDF().writeStream.foreach(kept(row => (sum.total += row.n))),
    memory.toDF().writeStream.foreach(kept({ process: row => (sum.total += row.n) })),
    memory.toDF().writeStream.foreachBatch(kept(async batch => (sum.total += await batch.count()))),
    memory.toDF().writeStream.format('memory').queryName('table'),
    session.fromIterable(kept(big().values()), SCHEMA).writeStream.foreach(kept(row => (sum.total += row.n))),
    session
      .fromIterable(big(), SCHEMA)
      .crossJoin(session.createDataFrame(big(), SCHEMA).withColumnRenamed('n', 'm'))
      .writeStream.foreach(kept(row => (sum.total += row.m))),
  ]
  for (const writer of writers) {
    kept(writer)
    const query = kept(await writer.trigger(Trigger.availableNow()).start())
    await query.awaitTermination()
  }
  const query = kept(
    await push
      .toDF()
      .writeStream.trigger(Trigger.realTime('1 hour'))
      .foreach(kept(row => (sum.total += row.n)))
      .start(),
  )
  push.push({ n: 1 })
  await query.processAllAvailable()
  await query.stop()
  // Never started, and refused.
  kept(session.fromIterable(big(), SCHEMA))
  kept(memory.toDF().writeStream.foreach(kept(() => {})))
  await memory
    .toDF()
    .select('m')
    .writeStream.foreach(kept(() => {}))
    .start()
    .catch(() => {})
  await session.createDataFrame(big(), SCHEMA).collect()
}

const session = WalkwaySession.builder().master(master).create()
for (let i = 0; i < Number(countText); i++) await rounds(session)
const sizes = () => [...Object.values(callerObjects), iterableQueues, rowLogs, pushQueues].reduce((sum, held) => sum + held.size, 0)
const most = sizes()
let alive = []
// What has ended is let go of by and by: ports close, timers run out.
for (let i = 0; i < 100; i++) {
  await new Promise(resolve => setTimeout(resolve, 20))
  globalThis.gc()
  alive = refs.filter(ref => ref.deref() !== undefined)
  // The memory sink's table belongs to the session.
  if (alive.length === 0 && sizes() <= 1) break
}
const whileOpen = { alive: alive.map(ref => ref.deref()?.constructor.name), entries: sizes() }
await session.stop()
console.log(JSON.stringify({ kept: refs.length, most, ...whileOpen }))
