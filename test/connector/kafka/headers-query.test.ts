import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/connector/kafka/batch-builder.ts'
import { col, type DataFrame, decodeKafkaHeaders, encodeKafkaHeaders, lit, udf, WalkwaySession } from '../../../src/index.ts'
import { ModelCluster } from '../../support/kafka-model-broker.ts'

// Goal: headers go in by the helper, through a query, through user functions that take them apart and put them together, and come out the
// same. On a model broker, through the public API, as a batch and as a stream.

const HEADERS = 'array<struct<key string, value binary>>'
const programs = new URL('./programs/trace-headers.mjs', import.meta.url).href

let cluster: ModelCluster
let session: WalkwaySession

beforeEach(async () => {
  cluster = await ModelCluster.start()
  session = WalkwaySession.builder().master('inline').create()
})

afterEach(async () => {
  await session.stop()
  await cluster.close()
})

const options = (more: Record<string, string>) => ({ 'kafka.bootstrap.servers': cluster.bootstrap, ...more })
const table = (topic: string): DataFrame =>
  session.read
    .format('kafka')
    .options(options({ subscribe: topic, includeHeaders: 'true' }))
    .load()
const save = (frame: DataFrame, topic: string): Promise<void> => frame.write.format('kafka').options(options({ topic })).save()

const headersIn = async (topic: string): Promise<unknown[]> =>
  (await table(topic).collect()).map(({ headers }) => headers && decodeKafkaHeaders(headers as Uint8Array))

const trace = { key: 'trace', value: Uint8Array.of(0, 255, 7) }
const nothing = { key: 'zwölf', value: null }

test('headers of a program’s own rows are written, and read as they were given', async () => {
  cluster.create('t')
  const rows = [
    { value: 'two', headers: encodeKafkaHeaders([trace, nothing]) },
    { value: 'none', headers: null },
    { value: 'empty', headers: encodeKafkaHeaders([]) },
  ]
  await save(session.createDataFrame(rows, `value STRING, headers ${HEADERS}`), 't')
  // A record has a list of headers, which may be empty: none and no list are the same to it.
  expect(await headersIn('t')).toEqual([[trace, nothing], null, null])
})

test.each(['batch', 'stream'])('user functions take headers apart and put them together, in a %s', async kind => {
  for (const topic of ['in', 'out']) cluster.create(topic)
  await save(
    session.createDataFrame(
      [
        { value: 'a', headers: encodeKafkaHeaders([trace]) },
        { value: 'b', headers: null },
      ],
      `value STRING, headers ${HEADERS}`,
    ),
    'in',
  )
  const addHop = udf.module(programs, 'addHop', HEADERS)
  const names = udf.module(programs, 'headerNames', 'string')
  const onward = (frame: DataFrame): DataFrame =>
    frame.select(names('headers').alias('key'), 'value', addHop(col('headers'), lit('here')).alias('headers'))
  if (kind === 'batch') await save(onward(table('in')), 'out')
  else {
    const read = session.readStream
      .format('kafka')
      .options(options({ subscribe: 'in', includeHeaders: 'true', startingOffsets: 'earliest' }))
    const query = await onward(read.load())
      .writeStream.format('kafka')
      .options(options({ topic: 'out' }))
      .trigger({ realTime: '50 milliseconds' })
      .start()
    await query.processAllAvailable()
    await query.stop()
  }
  const hop = { key: 'hop', value: new TextEncoder().encode('here') }
  expect(await headersIn('out')).toEqual([[trace, hop], [hop]])
  const keys = (await table('out').collect()).map(({ key }) => key && Buffer.from(key as Uint8Array).toString())
  expect(keys).toEqual(['trace', null])
})

test('headers that another client wrote pass through untouched, byte by byte', async () => {
  const [from] = cluster.create('in')
  cluster.create('out')
  const headers = encodeKafkaHeaders([trace, { key: '', value: new Uint8Array(300) }, nothing])
  const builder = new BatchBuilder()
  const bytes = Buffer.concat([Buffer.from('v'), headers])
  builder.append(1_700_000_000_000, bytes, 0, -1, 0, 1, 1, headers.length)
  cluster.append(from, builder.finish('none'))
  await save(table('in').select('value', 'headers'), 'out')
  const [row] = await table('out').collect()
  expect(new Uint8Array(row.headers as Uint8Array)).toEqual(headers)
})

test('a column headers of another type is refused by its name', async () => {
  cluster.create('t')
  const frame = session.createDataFrame([{ value: 'a', headers: new Uint8Array(3) }], 'value STRING, headers BINARY')
  await expect(save(frame, 't')).rejects.toMatchObject({ code: 'KAFKA_BAD_SCHEMA', details: { column: 'headers' } })
})
