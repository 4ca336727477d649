import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin, Kafka as KafkaClass, Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WalkwaySession } from '../../src/index.ts'
import { createTopic, type KafkaBroker, startBroker } from '../support/kafka-broker.ts'
import { startExample } from './run-example.ts'

// Goal: the three queries from topic to topic lose nothing, in both modes and over a restart. Method: the example as a user starts it,
// stopped and started again on its checkpoint; kafkajs's producer on one side, a batch over the output topic on the other.

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')
const RECORDS = 300
const SENT = Date.now() - 60_000

let broker: KafkaBroker | null = null
let kafka: KafkaClass
let admin: Admin
let producer: Producer
const session = WalkwaySession.builder().master('inline').create()

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
})

/** Values in the output topic, decoded. */
const valuesIn = async (topic: string): Promise<string[]> => {
  const rows = await session.read
    .format('kafka')
    .options({ 'kafka.bootstrap.servers': broker?.bootstrap ?? '', subscribe: topic })
    .load()
    .collect()
  return rows.map(({ value }) => Buffer.from(Buffer.from(value as Uint8Array).toString(), 'base64').toString())
}

/** What must have come out when records `from` to `to` have gone in, of those that came out. Each value is sent twice with one timestamp. */
const missing = (query: string, out: readonly string[], to: number): string[] => {
  const there = new Set(out)
  const values = Array.from({ length: to }, (_, i) => `value ${i}`)
  return values.map(value => (query === 'B' ? `2,${value}` : value)).filter(value => !there.has(value))
}

const cases = ['A', 'B', 'C'].flatMap(query => ['realTime', 'microBatch'].map(mode => [query, mode] as const))

test.for(cases)('query %s, %s', async ([query, mode], context) => {
  if (broker === null) return context.skip()
  const [from, to] = ['in', 'out'].map(end => `walkway-${query}-${mode}-${end}-${process.pid}-${Date.now()}`)
  for (const topic of [from, to]) await createTopic(admin, topic, 4)
  const folder = mkdtempSync(join(tmpdir(), 'walkway-kafka-example-'))
  try {
    const env = { KAFKA_BOOTSTRAP: broker.bootstrap, CHECKPOINT: folder }
    for (const half of [0, 1]) {
      const example = startExample('03-kafka/main.js', [query, mode, from, to], env)
      await example.printed('ready:')
      const messages = Array.from({ length: RECORDS }, (_, i) => {
        const n = half * RECORDS + i
        return { key: `${n}`, value: `value ${n}`, timestamp: `${SENT + n}` }
      })
      await producer.send({ topic: from, messages: [...messages, ...messages] })
      // C leaves out one record in 10,000, by chance; that it is a value of both sendings happens once in 100 million.
      for (let look = 0; look < 200 && missing(query, await valuesIn(to), (half + 1) * RECORDS).length > 0; look++) {
        await new Promise(resolve => setTimeout(resolve, 50))
      }
      example.signal('SIGTERM')
      expect(await example.ended, example.output()).toBe(0)
      expect(example.output()).toContain('stopped after')
    }
    const out = await valuesIn(to)
    expect(missing(query, out, 2 * RECORDS)).toEqual([])
    // Two clean stops: nothing came twice. In real time B tells of each count on the way.
    const most =
      query === 'B' && mode === 'microBatch'
        ? [2 * RECORDS, 4 * RECORDS]
        : query === 'C'
          ? [4 * RECORDS - 20, 4 * RECORDS]
          : [4 * RECORDS, 4 * RECORDS]
    expect(out.length).toBeGreaterThanOrEqual(most[0])
    expect(out.length).toBeLessThanOrEqual(most[1])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a topic that is not there is told of by its code', async context => {
  if (broker === null) return context.skip()
  const lost = startExample('03-kafka/main.js', ['A', 'realTime', 'no-such-topic', 'nor-this'], { KAFKA_BOOTSTRAP: broker.bootstrap })
  expect(await lost.ended).toBe(1)
  expect(lost.output()).toContain('[KAFKA_TOPIC_MISSING] There is no Kafka topic no-such-topic')
})
