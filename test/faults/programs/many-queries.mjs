/**
 * Short queries of every kind, one after another in one session: master, how many. Batches, streams that end by themselves, streams that
 * are stopped, plans that are only looked at, queries that are refused, and such as die.
 */
import { col, count, Trigger, udf, WalkwaySession } from '../../../dist/index.js'
import { held, isSampled, print } from './held.mjs'

const [master, queriesText] = process.argv.slice(2)
const queries = Number(queriesText)
const session = WalkwaySession.builder().master(master).create()
const ROWS = 100
const throws = udf(() => {
  throw new Error('told to fail')
}, 'bigint')

const failed = promise =>
  promise.then(
    () => Promise.reject(new Error('it should have failed')),
    () => {},
  )
const check = (rows, wanted) => {
  if (rows !== wanted) throw new Error(`${rows} rows, not ${wanted}`)
}
const numbers = () => session.memoryStream('n BIGINT NOT NULL')
const filled = () => {
  const stream = numbers()
  stream.addData(Array.from({ length: ROWS }, (_, n) => ({ n })))
  return stream.toDF()
}

const kinds = [
  async () =>
    check((await session.range(ROWS).filter(col('id').mod(2).equalTo(0)).groupBy('id').agg(count('*')).collect()).length, ROWS / 2),
  async () => {
    const rows = []
    const query = await filled()
      .writeStream.foreach(row => void rows.push(row))
      .trigger(Trigger.availableNow())
      .start()
    await query.awaitTermination()
    check(rows.length, ROWS)
  },
  async () => {
    const stream = session.pushStream('n BIGINT NOT NULL')
    const rows = []
    const query = await stream
      .toDF()
      .writeStream.foreach(row => void rows.push(row))
      .trigger(Trigger.realTime('1 hour'))
      .start()
    for (let n = 0; n < ROWS; n++) stream.push({ n })
    await query.processAllAvailable()
    await query.stop()
    check(rows.length, ROWS)
  },
  async () => {
    const query = await filled().writeStream.format('memory').queryName('numbers').trigger(Trigger.availableNow()).start()
    await query.awaitTermination()
    check((await session.table('numbers').collect()).length, ROWS)
  },
  () => failed(session.range(ROWS).select(throws().alias('n')).collect()),
  () => failed(filled().select('m').writeStream.format('noop').start()),
  async () => {
    const query = await filled().select(throws().alias('n')).writeStream.format('noop').start()
    await failed(query.awaitTermination())
  },
  async () => {
    const joined = filled().join(session.range(ROWS).withColumnRenamed('id', 'n'), 'n')
    const query = await joined.writeStream.format('noop').trigger(Trigger.availableNow()).start()
    await query.awaitTermination()
    check(
      query.recentProgress.reduce((all, { sink }) => all + sink.numOutputRows, 0),
      ROWS,
    )
  },
]

for (let i = 0; i < queries; i++) {
  await kinds[i % kinds.length]()
  if (isSampled(i, queries, kinds.length)) print(await held())
}
await session.stop()
print({ queries, active: session.streams.active.length })
