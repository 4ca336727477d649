import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin, Kafka as KafkaClass, Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeKafkaHeaders } from '../../../src/connector/kafka/headers.ts'
import { type DataFrame, type Row, Trigger, type TriggerOptions, WalkwaySession } from '../../../src/index.ts'
import { createTopic, deleteTopic, type KafkaBroker, startBroker } from '../../support/kafka-broker.ts'
import { codeOf, until } from '../../support/masters.ts'

// Goal: the connector on a real broker, through the public API. kafkajs's own producer and admin are the other side.

const { Kafka, CompressionTypes, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')

let broker: KafkaBroker | null = null
let kafka: KafkaClass
let admin: Admin
let producer: Producer
const session = WalkwaySession.builder().master('inline').create()
const folders: string[] = []

beforeAll(async () => {
  broker = await startBroker()
  if (broker === null) return
  kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await admin.connect()
  await producer.connect()
}, 240_000)

afterAll(async () => {
  await session.stop()
  await producer?.disconnect()
  await admin?.disconnect()
  await broker?.stop()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

let topicCount = 0
const newTopic = async (partitions = 2): Promise<string> => {
  const topic = `walkway-${process.pid}-${Date.now()}-${topicCount++}`
  await createTopic(admin, topic, partitions)
  return topic
}

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-kafka-test-'))
  folders.push(folder)
  return folder
}

const server = (): string => broker?.bootstrap ?? ''

const stream = (topic: string, options: Record<string, string> = {}): DataFrame =>
  session.readStream
    .format('kafka')
    .options({ 'kafka.bootstrap.servers': server(), subscribe: topic, startingOffsets: 'earliest', ...options })
    .load()

const table = (topic: string, options: Record<string, string> = {}): DataFrame =>
  session.read
    .format('kafka')
    .options({ 'kafka.bootstrap.servers': server(), subscribe: topic, ...options })
    .load()

const text = (value: unknown): string | null => (value === null ? null : Buffer.from(value as Uint8Array).toString())

const send = (topic: string, values: readonly string[], partition = 0): Promise<unknown> =>
  producer.send({ topic, messages: values.map(value => ({ value, partition })) })

/** Starts a query that collects values, runs `body`, and stops it. */
const running = async (
  frame: DataFrame,
  trigger: TriggerOptions,
  checkpoint: string | null,
  body: (rows: Row[], wait: () => Promise<void>) => Promise<void>,
) => {
  const rows: Row[] = []
  let writer = frame.writeStream
    .outputMode('append')
    .trigger(trigger)
    .foreach(row => rows.push(row))
  if (checkpoint !== null) writer = writer.option('checkpointLocation', checkpoint)
  const query = await writer.start()
  try {
    await body(rows, () => query.processAllAvailable())
  } finally {
    await query.stop()
  }
  if (query.exception !== null) throw query.exception
}

describe('Kafka source', () => {
  test('a batch reads what is there, with every column', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic()
    await producer.send({
      topic,
      messages: [
        { key: 'k', value: 'first', partition: 0, timestamp: '1700000000123' },
        { key: null, value: null, partition: 1, timestamp: '1700000000456' },
      ],
    })
    const rows = await table(topic).collect()
    expect(
      rows.map(row => [
        text(row.key),
        text(row.value),
        row.topic,
        row.partition,
        row.offset,
        (row.timestamp as Date).getTime(),
        row.timestampType,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['k', 'first', topic, 0, 0, 1700000000123, 0],
        [null, null, topic, 1, 0, 1700000000456, 0],
      ]),
    )
    expect(rows).toHaveLength(2)
  })

  test('a batch keeps to startingOffsets and endingOffsets by partition', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic()
    await send(topic, ['a', 'b', 'c', 'd'])
    const offsets = {
      startingOffsets: JSON.stringify({ [topic]: { 0: 1, 1: -2 } }),
      endingOffsets: JSON.stringify({ [topic]: { 0: 3, 1: -1 } }),
    }
    expect((await table(topic, offsets).collect()).map(({ value }) => text(value))).toEqual(['b', 'c'])
  })

  test.each(['gzip', 'none'] as const)('%s batches of another client are read', async compression => {
    if (broker === null) return
    const topic = await newTopic(1)
    const values = Array.from({ length: 500 }, (_, i) => `${i}-${'x'.repeat(i)}`)
    await producer.send({
      topic,
      compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
      messages: values.map(value => ({ value })),
    })
    expect((await table(topic).collect()).map(({ value }) => text(value))).toEqual(values)
  })

  test.each([{ realTime: '50 milliseconds' }, { processingTime: 0 }] as const)(
    'a restart with %o goes on where it stopped, with nothing lost or doubled',
    async trigger => {
      if (broker === null) return
      const topic = await newTopic()
      const checkpoint = newFolder()
      for (let run = 0; run < 3; run++) {
        const values = Array.from({ length: 200 }, (_, i) => `${run}/${i}`)
        await running(stream(topic), trigger, checkpoint, async (rows, wait) => {
          await send(topic, values.slice(0, 100), 0)
          await send(topic, values.slice(100), 1)
          await wait()
          expect(rows.map(({ value }) => text(value)).sort()).toEqual([...values].sort())
        })
      }
    },
  )

  test('maxOffsetsPerTrigger bounds each micro-batch', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic(1)
    await send(
      topic,
      Array.from({ length: 100 }, (_, i) => String(i)),
    )
    const sizes: number[] = []
    const query = await stream(topic, { maxOffsetsPerTrigger: '30' })
      .writeStream.trigger(Trigger.availableNow())
      .foreachBatch(async batch => {
        sizes.push(await batch.count())
      })
      .start()
    await query.awaitTermination()
    expect(sizes).toEqual([30, 30, 30, 10])
  })

  test('a partition that is added while the query runs is read from its beginning', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic(1)
    await running(stream(topic), { realTime: '50 milliseconds' }, null, async (rows, wait) => {
      await send(topic, ['before'])
      await wait()
      await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
      const late = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
      await late.connect()
      await late.send({ topic, messages: [{ value: 'after', partition: 1 }] })
      await late.disconnect()
      await until(() => rows.length >= 2)
      expect(rows.map(({ value }) => text(value))).toEqual(['before', 'after'])
    })
  })

  test('a topic that is not there is refused at the start, with the nearest names', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic()
    await expect(stream(`${topic}x`).writeStream.format('noop').start()).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
      details: { candidates: expect.stringContaining(topic) as string },
    })
  })

  test('records that the log has let go of are a coded error, or are passed over if asked so', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic(1)
    const checkpoint = newFolder()
    await running(stream(topic), { realTime: '50 milliseconds' }, checkpoint, async (_, wait) => {
      await send(topic, ['a', 'b'])
      await wait()
    })
    // Made anew, the topic begins at 0 again, and what is next in the checkpoint is not there.
    await deleteTopic(admin, topic)
    await createTopic(admin, topic, 1)
    await send(topic, ['e'])
    expect(
      await codeOf(
        running(stream(topic), { realTime: '50 milliseconds' }, checkpoint, async (_, wait) => {
          await wait()
        }),
      ),
    ).toBe('KAFKA_DATA_LOSS')
    await running(stream(topic, { failOnDataLoss: 'false' }), { realTime: '50 milliseconds' }, checkpoint, async rows => {
      await until(() => rows.length >= 1)
      expect(rows.map(({ value }) => text(value))).toEqual(['e'])
    })
  })
})

describe('Kafka sink', () => {
  const written = async (topic: string) => (await table(topic).collect()).map(row => [text(row.key), text(row.value), row.partition])

  test.each(['none', 'gzip', 'snappy'])('rows come back as they were sent, compression %s', async compression => {
    if (broker === null) return
    const topic = await newTopic(3)
    const rows = Array.from({ length: 1000 }, (_, i) => ({
      key: i % 10 === 0 ? null : `key-${i % 37}`,
      value: i % 11 === 0 ? null : `v${'y'.repeat(i)}`,
    }))
    await session
      .createDataFrame(rows, 'key STRING, value STRING')
      .write.format('kafka')
      .options({ 'kafka.bootstrap.servers': server(), topic, 'kafka.compression.type': compression })
      .save()
    const back = await written(topic)
    expect(back.map(([key, value]) => `${key}=${value}`).sort()).toEqual(rows.map(({ key, value }) => `${key}=${value}`).sort())
    // Rows of one key stay in one partition.
    const partitions = new Map<unknown, Set<unknown>>()
    for (const [key, , partition] of back) if (key !== null) partitions.set(key, (partitions.get(key) ?? new Set()).add(partition))
    expect([...partitions.values()].every(({ size }) => size === 1)).toBe(true)
  })

  test('the option topic wins over the column, as in Spark; the column partition wins over the key', async context => {
    if (broker === null) return context.skip()
    const [first, second] = [await newTopic(2), await newTopic(2)]
    const rows = [
      { key: 'same', value: 'a', topic: second, partition: 1 },
      { key: 'same', value: 'b', topic: first, partition: 0 },
    ]
    const write = (options: Record<string, string>) =>
      session
        .createDataFrame(rows, 'key STRING, value STRING, topic STRING, partition INT')
        .write.format('kafka')
        .options({ 'kafka.bootstrap.servers': server(), ...options })
        .save()
    await write({})
    expect(await written(second)).toEqual([['same', 'a', 1]])
    expect(await written(first)).toEqual([['same', 'b', 0]])
    const third = await newTopic(2)
    await write({ topic: third })
    expect((await written(third)).sort()).toEqual([
      ['same', 'a', 1],
      ['same', 'b', 0],
    ])
    expect(await written(first)).toHaveLength(1)
  })

  test('headers of another client pass through a query as they are, and none is null', async context => {
    if (broker === null) return context.skip()
    const [source, target] = [await newTopic(1), await newTopic(1)]
    const headers = { trace: Buffer.from([0, 255, 7]), zwölf: 'text' }
    await producer.send({ topic: source, messages: [{ value: 'with', headers }, { value: 'without' }] })
    const read = (topic: string) => table(topic, { includeHeaders: 'true' })
    await read(source)
      .select('value', 'headers')
      .write.format('kafka')
      .options({ 'kafka.bootstrap.servers': server(), topic: target })
      .save()
    const rows = await read(target).collect()
    expect(rows.map(row => text(row.value))).toEqual(['with', 'without'])
    expect(decodeKafkaHeaders(rows[0].headers as Uint8Array)).toEqual([
      { key: 'trace', value: Uint8Array.of(0, 255, 7) },
      { key: 'zwölf', value: new TextEncoder().encode('text') },
    ])
    expect(rows[1].headers).toBeNull()
    // And kafkajs reads them too.
    const consumer = kafka.consumer({ groupId: target })
    await consumer.connect()
    await consumer.subscribe({ topic: target, fromBeginning: true })
    const seen = await new Promise<unknown>(resolve => {
      void consumer.run({ eachMessage: async ({ message }) => resolve(message.headers) })
    })
    await consumer.disconnect()
    expect(seen).toMatchObject({ trace: Buffer.from([0, 255, 7]), zwölf: Buffer.from('text') })
  })

  test('a topic that takes less than we would send gets smaller batches; a single record that it refuses is a coded error', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic(1)
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value: '20000' }] }],
    })
    const write = (rows: Row[]) =>
      session.createDataFrame(rows, 'value STRING').write.format('kafka').options({ 'kafka.bootstrap.servers': server(), topic }).save()
    const values = Array.from({ length: 200 }, (_, i) => `${i}:${'z'.repeat(1000)}`)
    await write(values.map(value => ({ value })))
    expect((await table(topic).collect()).map(({ value }) => text(value))).toEqual(values)
    expect(await codeOf(write([{ value: 'x'.repeat(30_000) }]))).toBe('KAFKA_RECORD_TOO_LARGE')
  })

  test('what cannot be sent is refused by a code', async context => {
    if (broker === null) return context.skip()
    const topic = await newTopic(1)
    const write = (rows: Row[], schema: string, options: Record<string, string>): Promise<string> =>
      codeOf(
        session
          .createDataFrame(rows, schema)
          .write.format('kafka')
          .options({ 'kafka.bootstrap.servers': server(), ...options })
          .save(),
      )
    expect(await write([{ value: 'x'.repeat(1_100_000) }], 'value STRING', { topic })).toBe('KAFKA_RECORD_TOO_LARGE')
    expect(await write([{ value: 'x' }], 'value STRING', {})).toBe('KAFKA_NO_TOPIC')
    expect(await write([{ other: 'x' }], 'other STRING', { topic })).toBe('KAFKA_BAD_SCHEMA')
    expect(await write([{ value: 1 }], 'value INT', { topic })).toBe('KAFKA_BAD_SCHEMA')
    expect(await write([{ value: 'x', partition: 7 }], 'value STRING, partition INT', { topic })).toBe('KAFKA_NO_PARTITION')
    expect(await write([{ value: 'x' }], 'value STRING', { topic: `${topic}-not` })).toBe('KAFKA_TOPIC_MISSING')
  })
})
