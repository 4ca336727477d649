import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin, Kafka as KafkaClass, ProducerRecord } from 'kafkajs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createTopic, deleteTopic, type OwnBroker, startOwnBroker } from '../../support/kafka-broker.ts'
import { pause, Reading, resultOf, until, Writing } from '../../support/kafka-driver.ts'

// Goal: nothing is lost and nothing hangs when the broker dies, the line to it goes dead, or topics change under a reader.
// Reader and writer are driven as a task drives them, without the engine. kafkajs's own clients are the other side.

const { Kafka, CompressionTypes, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')

let broker: OwnBroker | null = null
let admin: Admin
let kafka: KafkaClass
const folders: string[] = []

beforeAll(async () => {
  broker = await startOwnBroker()
  if (broker === null) return
  kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
}, 240_000)

afterAll(async () => {
  await admin?.disconnect()
  await broker?.stop()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

beforeEach(context => {
  if (broker === null) context.skip()
})

let topicCount = 0
const newTopic = async (partitions = 1): Promise<string> => {
  const topic = `faults-${process.pid}-${topicCount++}`
  await createTopic(admin, topic, partitions)
  return topic
}

/**
 * With a producer of its own: kafkajs's would go on asking for topics that a test deletes. Idempotent, since without it a request that
 * one partition of a new topic refuses is sent again to all, and what the others had taken stands in the log twice.
 */
const produce = async (record: ProducerRecord): Promise<void> => {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await producer.send(record)
  await producer.disconnect()
}

const send = (topic: string, values: readonly string[]): Promise<void> =>
  produce({ topic, messages: values.map(value => ({ value, partition: 0 })) })

const overLine = (): string => `127.0.0.1:${broker?.line.port}`
const readBack = async (topic: string, count: number): Promise<string[]> => {
  const reading = await new Reading(overLine(), { subscribe: topic }).open()
  const values = await reading.take(count)
  await reading.close()
  return values
}

const numbered = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => String(from + i))

describe('reading while things break', () => {
  test('a broker that is killed and comes back: reading goes on, in order, nothing twice', async () => {
    const topic = await newTopic()
    const reading = await new Reading(overLine(), { subscribe: topic }).open()
    await send(topic, numbered(0, 100))
    await reading.take(100)
    const restarted = broker?.restart(500)
    await until(() => {
      reading.poll()
      return (broker?.line.port ?? 0) > 0
    }, 'the reader was polled')
    await restarted
    await send(topic, numbered(100, 100))
    expect(await reading.take(200)).toEqual(numbered(0, 200))
    await reading.close()
  })

  test('a line that goes dead without a word is left for another after the request time-out', async () => {
    const topic = await newTopic()
    const reading = await new Reading(overLine(), { subscribe: topic, 'kafka.request.timeout.ms': '1000' }).open()
    await send(topic, ['a'])
    await reading.take(1)
    broker?.line.freeze()
    await send(topic, ['b'])
    expect(await reading.take(2)).toEqual(['a', 'b'])
    await reading.close()
  })

  test('a line that stays cut is a coded error once the patience is over, and closing waits for nothing', async () => {
    const topic = await newTopic()
    const reading = await new Reading(overLine(), { subscribe: topic, 'kafka.default.api.timeout.ms': '1500' }).open()
    broker?.line.cut()
    try {
      expect(await reading.failure()).toMatchObject({ code: 'KAFKA_UNREACHABLE', details: { seconds: 1.5 } })
    } finally {
      broker?.line.restore()
    }
    await reading.close()
  })

  test('closing does not wait for a dead line', async () => {
    const topic = await newTopic()
    const reading = await new Reading(overLine(), { subscribe: topic, 'kafka.request.timeout.ms': '60000' }).open()
    broker?.line.freeze()
    const closing = reading.reader.close()
    // A minute, if it waited for the request; the bound is generous.
    await Promise.race([resultOf(closing), pause(20_000)])
    expect(closing.done).toBe(true)
  })

  test('a topic that is deleted is a coded error, or left out if asked so, while the others go on', async () => {
    const [kept, deleted] = [await newTopic(), await newTopic()]
    const strict = await new Reading(overLine(), { subscribe: `${kept},${deleted}` }).open()
    const lenient = await new Reading(overLine(), { subscribe: `${kept},${deleted}`, failOnDataLoss: 'false' }).open()
    await send(deleted, ['gone soon'])
    await Promise.all([strict.take(1), lenient.take(1)])
    await admin.deleteTopics({ topics: [deleted] })
    expect(await strict.failure()).toMatchObject({ code: 'KAFKA_DATA_LOSS', details: { partition: `${deleted}:0`, wanted: 1 } })
    await until(() => {
      lenient.poll()
      return lenient.reader.position()[`${deleted}:0`] === undefined
    }, 'the partition was left out')
    await send(kept, ['still there'])
    expect(await lenient.take(2)).toEqual(['gone soon', 'still there'])
    expect(await resultOf(lenient.reader.latest(true))).toEqual({ [`${kept}:0`]: 1 })
    await Promise.all([strict.close(), lenient.close()])
  })

  test('records that are deleted before they are read: a coded error with the offsets, or reading goes on behind them', async () => {
    const topic = await newTopic()
    await send(topic, numbered(0, 10))
    const strict = await new Reading(overLine(), { subscribe: topic }).open({ [`${topic}:0`]: 3 })
    expect((await strict.take(7))[0]).toBe('3')
    const other = kafka.admin()
    await other.connect()
    await other.fetchTopicMetadata({ topics: [topic] })
    await other.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    await other.disconnect()
    const late = new Reading(overLine(), { subscribe: topic })
    await expect(late.open({ [`${topic}:0`]: 3 })).rejects.toMatchObject({
      code: 'KAFKA_DATA_LOSS',
      details: { partition: `${topic}:0`, wanted: 3 },
    })
    const lenient = await new Reading(overLine(), { subscribe: topic, failOnDataLoss: 'false' }).open({ [`${topic}:0`]: 3 })
    expect(await lenient.take(4)).toEqual(numbered(6, 4))
    await Promise.all([strict.close(), late.close(), lenient.close()])
  })

  test('a log that is made anew under a reader ends an epoch that it can no longer reach', async () => {
    const topic = await newTopic()
    await send(topic, numbered(0, 10))
    const reading = await new Reading(overLine(), { subscribe: topic, failOnDataLoss: 'false' }).open()
    await reading.take(10)
    await deleteTopic(admin, topic)
    await createTopic(admin, topic, 1)
    reading.reader.limit({ [`${topic}:0`]: 50 })
    await until(() => {
      reading.poll()
      return reading.reader.exhausted()
    }, 'the epoch ended')
    await reading.close()
  })
})

describe('where reading begins', () => {
  test('a first run that dies before its first checkpoint begins again where it began', async () => {
    const topic = await newTopic(2)
    await send(topic, ['before'])
    const folder = join(mkdtempSync(join(tmpdir(), 'walkway-kafka-')), 'sources', '0')
    folders.push(join(folder, '..', '..'))
    const options = { subscribe: topic, startingOffsets: 'latest' }
    const first = await new Reading(overLine(), options, folder).open()
    await first.close()
    expect(readdirSync(folder)).toEqual(['initial-0.json'])
    await send(topic, ['meanwhile'])
    const second = await new Reading(overLine(), options, folder).open()
    expect(await second.take(1)).toEqual(['meanwhile'])
    await second.close()
  })

  test('by time: the first record that is not older, by partition; a time that none reaches is refused or means the end', async () => {
    const topic = await newTopic(2)
    const at = (value: string, partition: number, timestamp: number) => ({ value, partition, timestamp: String(timestamp) })
    await produce({ topic, messages: [at('a', 0, 1000), at('b', 0, 2000), at('c', 0, 3000), at('d', 1, 1500)] })
    const read = async (options: Record<string, string>, count: number) => {
      const reading = new Reading(overLine(), { subscribe: topic, ...options })
      try {
        await reading.open()
        return (await reading.take(count)).sort().join('')
      } finally {
        await reading.close()
      }
    }
    expect(await read({ startingTimestamp: '1500' }, 3)).toBe('bcd')
    expect(await read({ startingOffsetsByTimestamp: `{"${topic}": {"0": 2500, "1": 0}}` }, 2)).toBe('cd')
    await expect(read({ startingTimestamp: '1600' }, 1)).rejects.toMatchObject({ code: 'BAD_OPTION' })
    expect(await read({ startingTimestamp: '1600', startingOffsetsByTimestampStrategy: 'latest' }, 2)).toBe('bc')
  })

  test('a pattern finds topics that are made while it reads', async () => {
    const topic = await newTopic()
    const reading = await new Reading(overLine(), { subscribePattern: `${topic}(-more)?` }).open()
    await send(topic, ['old'])
    await reading.take(1)
    await createTopic(admin, `${topic}-more`, 1)
    await send(`${topic}-more`, ['new'])
    expect(await reading.take(2)).toEqual(['old', 'new'])
    await reading.close()
  })

  test('transactions: what was aborted is never seen, whichever way they are mixed; uncommitted readers see all', async () => {
    const topic = await newTopic()
    const writers = await Promise.all(
      [0, 1].map(async i => {
        const transactional = kafka.producer({ transactionalId: `${topic}-${i}`, maxInFlightRequests: 1, idempotent: true })
        await transactional.connect()
        return transactional
      }),
    )
    const expected: string[] = []
    const all: string[] = []
    for (let round = 0; round < 6; round++) {
      const [one, two] = await Promise.all(writers.map(writer => writer.transaction()))
      for (const [i, transaction] of [one, two, one].entries()) {
        const value = `${round}.${i}`
        all.push(value)
        await transaction.send({ topic, messages: [{ value, partition: 0 }] })
      }
      // One of the two, by turns, is given up, and sometimes ends first.
      const [kept, dropped] = round % 2 === 0 ? [one, two] : [two, one]
      for (const end of round % 3 === 0 ? [() => dropped.abort(), () => kept.commit()] : [() => kept.commit(), () => dropped.abort()])
        await end()
      expected.push(...(kept === one ? [`${round}.0`, `${round}.2`] : [`${round}.1`]))
    }
    await send(topic, ['plain'])
    const committed = await new Reading(overLine(), { subscribe: topic }).open()
    expect(await committed.take(expected.length + 1)).toEqual([...expected, 'plain'])
    const uncommitted = await new Reading(overLine(), { subscribe: topic, 'kafka.isolation.level': 'read_uncommitted' }).open()
    expect(await uncommitted.take(all.length + 1)).toEqual([...all, 'plain'])
    await Promise.all([committed.close(), uncommitted.close(), ...writers.map(writer => writer.disconnect())])
  })
})

describe('writing while things break', () => {
  test('a broker that is killed and comes back gets everything, in order', async () => {
    const topic = await newTopic()
    const writing = await new Writing(overLine(), { topic }).open()
    writing.offer(numbered(0, 100))
    await writing.settle()
    const restarted = broker?.restart(300)
    for (let i = 0; i < 10; i++) {
      writing.offer(numbered(100 + 10 * i, 10))
      await pause(20)
    }
    await restarted
    await writing.settle()
    // At least once: a batch whose acknowledgement was lost may be there again, as a whole.
    const values = await readBack(topic, 200)
    expect([...new Set(values)]).toEqual(numbered(0, 200))
    await resultOf(writing.sink.close())
  })

  test('a line that goes dead is left for another, and what was on its way is sent again', async () => {
    const topic = await newTopic()
    const writing = await new Writing(overLine(), { topic, 'kafka.request.timeout.ms': '1000' }).open()
    writing.offer(['a'])
    await writing.settle()
    broker?.line.freeze()
    writing.offer(['b'])
    writing.offer(['c'])
    await writing.settle()
    expect(await readBack(topic, 3)).toEqual(['a', 'b', 'c'])
    await resultOf(writing.sink.close())
  })

  test('what cannot be delivered in time is a coded error', async () => {
    const topic = await newTopic()
    const writing = await new Writing(overLine(), { topic, 'kafka.delivery.timeout.ms': '1000' }).open()
    broker?.line.cut()
    try {
      writing.offer(['a'])
      await expect(writing.settle()).rejects.toMatchObject({ code: 'KAFKA_DELIVERY_FAILED' })
    } finally {
      broker?.line.restore()
    }
    await resultOf(writing.sink.close())
  })
})

describe('compression, with the broker as the other side', () => {
  const values = Array.from({ length: 300 }, (_, i) => `${i} ${'ab'.repeat(i)}`)

  /** The broker, which is Java, packs what comes into such a topic anew. */
  const packingTopic = async (compression: string): Promise<string> => {
    const topic = `faults-${process.pid}-${topicCount++}`
    await createTopic(admin, topic, 1, { 'compression.type': compression })
    return topic
  }

  test.each(['gzip', 'snappy'])('%s of Java is read; and Java unpacks ours', async compression => {
    const packed = await packingTopic(compression)
    await produce({ topic: packed, messages: values.map(value => ({ value })) })
    expect(await readBack(packed, 300)).toEqual(values)
    const unpacked = await packingTopic('uncompressed')
    const writing = await new Writing(overLine(), { topic: unpacked, 'kafka.compression.type': compression }).open()
    writing.offer(values)
    await writing.settle()
    await resultOf(writing.sink.close())
    expect(await readBack(unpacked, 300)).toEqual(values)
  })

  test('gzip of kafkajs is read', async () => {
    const topic = await newTopic()
    await produce({ topic, compression: CompressionTypes.GZIP, messages: values.map(value => ({ value })) })
    expect(await readBack(topic, 300)).toEqual(values)
  })

  test.each(['lz4', 'zstd'])('%s is refused by its name', async compression => {
    const topic = await packingTopic(compression)
    await produce({ topic, messages: values.map(value => ({ value })) })
    const reading = await new Reading(overLine(), { subscribe: topic }).open()
    expect(await reading.failure()).toMatchObject({ code: 'KAFKA_UNSUPPORTED_CODEC', details: { codec: compression, where: `${topic}:0` } })
    await reading.close()
  })
})
