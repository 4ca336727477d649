// Prints rows by the console sink, once as a batch and once as a stream of two epochs, with the options given.
import { WalkwaySession } from '../../../dist/index.js'

const [master, optionsText] = process.argv.slice(2)
const options = JSON.parse(optionsText)
const session = WalkwaySession.builder().master(master).create()
const SCHEMA = 'name STRING, price DOUBLE, at TIMESTAMP, bytes BINARY, day DATE, pair STRUCT<a: INT, b: STRING>'
const row = n => ({
  name: `a name of more than twenty letters ${n}`,
  price: n,
  at: new Date(Date.UTC(2027, 0, 4, 12, 0, n)),
  bytes: new Uint8Array([1, 171]),
  day: '2027-01-04',
  pair: { a: n, b: 'x' },
})
await session
  .createDataFrame([row(1), { name: 'é' }, {}], SCHEMA)
  .write.format('console')
  .options(options)
  .save()
const stream = session.memoryStream('n INT')
const query = await stream.toDF().writeStream.format('console').options(options).trigger({ kind: 'default' }).start()
for (const count of [3, 0, 1]) {
  stream.addData(Array.from({ length: count }, (_, n) => ({ n })))
  await query.processAllAvailable()
}
await session.stop()
