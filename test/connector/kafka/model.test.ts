import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BatchBuilder } from '../../../src/connector/kafka/batch-builder.ts'
import { crc32c } from '../../../src/connector/kafka/crc32c.ts'
import { pause, Reading, resultOf, until, Writing } from '../../support/kafka-driver.ts'
import { ModelCluster, type ModelPartition } from '../../support/kafka-model-broker.ts'

// Goal: what a single real broker cannot be brought to do, on a model cluster of two: leaders that move, logs that lose their end, batches
// as the log cleaner leaves them, partitions that fail alone. Reader and writer are driven as a task drives them.

let cluster: ModelCluster

beforeEach(async () => {
  cluster = await ModelCluster.start(2)
})

afterEach(() => cluster.close())

interface Marks {
  readonly attributes?: number
  readonly producerId?: bigint
  /** As the log cleaner leaves it: the offsets are there, the records are not. */
  readonly emptied?: boolean
}

/** A batch of text values, with what only brokers and transactional producers write. */
const batchOf = (values: readonly (string | null)[], { attributes = 0, producerId = -1n, emptied = false }: Marks = {}): Buffer => {
  const builder = new BatchBuilder()
  for (const value of values) {
    const bytes = Buffer.from(value ?? '')
    builder.append(1_700_000_000_000, bytes, 0, -1, 0, value === null ? -1 : bytes.length)
  }
  let batch = Buffer.from(builder.finish('none'))
  if (emptied) {
    batch = batch.subarray(0, 61)
    batch.writeInt32BE(49, 8)
    batch.writeInt32BE(0, 57)
  }
  return sealed(batch, attributes, producerId)
}

const sealed = (batch: Buffer, attributes: number, producerId: bigint): Buffer => {
  batch.writeInt16BE(attributes, 21)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17)
  return batch
}

const TRANSACTIONAL = 16
const CONTROL = 32

/** The marker that ends a transaction. Its key: version 0, type 0 for an abort, 1 for a commit. */
const marker = (producerId: bigint, commits: boolean): Buffer => {
  const builder = new BatchBuilder()
  builder.append(1_700_000_000_000, Uint8Array.of(0, 0, 0, commits ? 1 : 0, 0, 0, 0, 0, 0, 0), 0, 4, 4, 6)
  return sealed(Buffer.from(builder.finish('none')), TRANSACTIONAL | CONTROL, producerId)
}

const numbered = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => String(from + i))

const read = (options: Record<string, string>): Promise<Reading> =>
  new Reading(cluster.bootstrap, { 'kafka.fetch.max.wait.ms': '20', ...options }).open()

describe('leaders', () => {
  test('a partition that moves to another broker is read on there: nothing lost, nothing twice', async () => {
    const [partition] = cluster.create('t', 1, () => 0)
    const reading = await read({ subscribe: 't' })
    for (let move = 0; move < 5; move++) {
      cluster.append(partition, batchOf(numbered(move * 20, 10)))
      await reading.take(move * 20 + 5)
      partition.leader = (move + 1) % 2
      cluster.changed()
      cluster.append(partition, batchOf(numbered(move * 20 + 10, 10)))
    }
    expect(await reading.take(100)).toEqual(numbered(0, 100))
    expect(reading.reader.position()).toEqual({ 't:0': 100 })
    await reading.close()
  })

  test('the other partitions are read while one has no leader that serves it', async () => {
    const [sick, sound] = cluster.create('t', 2, () => 0)
    cluster.fault = (_, __, ___, partition) => (partition === 0 ? 5 : 0)
    const reading = await read({ subscribe: 't' })
    cluster.append(sick, batchOf(['sick']))
    cluster.append(sound, batchOf(['sound']))
    expect(await reading.take(1)).toEqual(['sound'])
    cluster.fault = () => 0
    expect(await reading.take(2)).toEqual(['sound', 'sick'])
    await reading.close()
  })

  test('a partition that fails for longer than the patience is a coded error, though its broker answers', async () => {
    cluster.create('t', 2)
    cluster.fault = (_, __, ___, partition) => (partition === 1 ? 6 : 0)
    const reading = await read({ subscribe: 't', 'kafka.default.api.timeout.ms': '300' })
    expect(await reading.failure()).toMatchObject({ code: 'KAFKA_UNREACHABLE', details: { seconds: 0.3 } })
    await reading.close()
  })

  test('a partition that comes while its broker’s others have all that they may hold is read in the epoch at hand', async () => {
    const [full] = cluster.create('t-1', 1, () => 0)
    // More than is fetched ahead, and more than the epochs read: nothing of it is ever used up.
    cluster.append(full, batchOf([...numbered(0, 10), 'x'.repeat(5_000_000)]))
    const reading = await read({ subscribePattern: 't-.*', maxOffsetsPerTrigger: '4' })
    const epoch = async (): Promise<void> => {
      reading.reader.limit(await resultOf(reading.reader.latest(false)))
      await until(() => {
        reading.poll()
        return reading.reader.exhausted()
      }, 'the epoch ended')
    }
    await epoch()
    expect(reading.values).toEqual(numbered(0, 4))
    const [fresh] = cluster.create('t-2', 1, () => 0)
    cluster.append(fresh, batchOf(numbered(100, 20)))
    for (let i = 0; i < 3; i++) await epoch()
    expect(reading.values).toContain('100')
    await reading.close()
  })

  test('a pause that ends between two looks at the clock ends', async () => {
    cluster.create('t', 1, () => 0)
    cluster.fault = () => 6
    const now = performance.now.bind(performance)
    let looks = 0
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + looks++ * 7)
    try {
      const reading = await read({ subscribe: 't', 'kafka.default.api.timeout.ms': '3000' })
      expect(await reading.failure()).toMatchObject({ code: 'KAFKA_UNREACHABLE' })
      await reading.close()
    } finally {
      spy.mockRestore()
    }
  })

  test('what nobody may read is a coded error at once', async () => {
    cluster.create('t')
    cluster.fault = () => 29
    const reading = await read({ subscribe: 't' })
    expect(await reading.failure()).toMatchObject({ code: 'SOURCE_FAILED', details: { reason: 'TOPIC_AUTHORIZATION_FAILED' } })
    await reading.close()
  })

  test('a broker that dies is left for the one that leads now, and what was on its way is sent again, in order', async () => {
    const [partition] = cluster.create('t', 1, () => 0)
    const writing = await new Writing(cluster.bootstrap, { topic: 't' }).open()
    const reading = await read({ subscribe: 't' })
    writing.offer(numbered(0, 10))
    await writing.settle()
    await cluster.kill(0)
    writing.offer(numbered(10, 10))
    partition.leader = 1
    writing.offer(numbered(20, 10))
    await writing.settle()
    expect(await reading.take(30)).toEqual(numbered(0, 30))
    expect(cluster.log.some(({ kind, node }) => kind === 'produce' && node === 1)).toBe(true)
    await Promise.all([reading.close(), resultOf(writing.sink.close())])
  })

  test('rows of other partitions are delivered while one cannot be, and its own follow', async () => {
    const partitions = cluster.create('t', 2, () => 0)
    const writing = await new Writing(cluster.bootstrap, { topic: 't' }).open()
    cluster.fault = (request, _, __, partition) => (request === 'produce' && partition === 0 ? 19 : 0)
    // Murmur2 sends these keys to partition 0 and 1.
    writing.offer(['a'], 'key-0')
    writing.offer(['b'], 'key-1')
    writing.offer(['c'], 'key-2')
    await until(() => {
      writing.step()
      return partitions[1].batches.length > 0
    }, 'the other partition got its rows')
    expect(partitions[0].batches).toEqual([])
    cluster.fault = () => 0
    await writing.settle()
    const reading = await read({ subscribe: 't' })
    expect((await reading.take(3)).sort()).toEqual(['a', 'b', 'c'])
    await Promise.all([reading.close(), resultOf(writing.sink.close())])
  })

  test('what is refused for good is a coded error at once, with its partition', async () => {
    cluster.create('t')
    const writing = await new Writing(cluster.bootstrap, { topic: 't' }).open()
    cluster.fault = request => (request === 'produce' ? 87 : 0)
    writing.offer(['a'])
    await expect(writing.settle()).rejects.toMatchObject({
      code: 'KAFKA_DELIVERY_FAILED',
      details: { partition: 't:0', reason: 'INVALID_RECORD' },
    })
    await resultOf(writing.sink.close())
  })

  test('a partition added to the sink’s topic is found when a row asks for it; one that is not there is refused', async () => {
    const partitions = cluster.create('t')
    const writing = await new Writing(cluster.bootstrap, { topic: 't' }, ['partition']).open()
    writing.offerRows([{ key: null, value: 'a', partition: 0 }])
    await writing.settle()
    partitions.push({ leader: 1, logStart: 0, batches: [], aborted: [] })
    await pause(1100)
    writing.offerRows([{ key: null, value: 'b', partition: 1 }])
    await writing.settle()
    expect(partitions[1].batches).toHaveLength(1)
    const refused = async (): Promise<void> => {
      writing.offerRows([{ key: null, value: 'c', partition: 2 }])
      await writing.settle()
    }
    await expect(refused()).rejects.toMatchObject({ code: 'KAFKA_NO_PARTITION', details: { partition: 2, count: 2 } })
    await resultOf(writing.sink.close())
  })
})

describe('logs that lose records', () => {
  const trim = (partition: ModelPartition, to: number): void => {
    partition.logStart = to
    partition.batches = partition.batches.filter(({ last }) => last >= to)
    cluster.changed()
  }

  test('a log cut off below what was read is a coded error, or is read from its beginning', async () => {
    const [partition] = cluster.create('t')
    for (let i = 0; i < 3; i++) cluster.append(partition, batchOf(numbered(10 * i, 10)))
    const strict = await read({ subscribe: 't' })
    const lenient = await read({ subscribe: 't', failOnDataLoss: 'false' })
    await Promise.all([strict.take(30), lenient.take(30)])
    partition.batches.splice(1)
    cluster.changed()
    expect(await strict.failure()).toMatchObject({ code: 'KAFKA_DATA_LOSS', details: { wanted: 30, first: '0, the last 10' } })
    expect((await lenient.take(40)).slice(30)).toEqual(numbered(0, 10))
    expect(lenient.reader.position()).toEqual({ 't:0': 10 })
    await Promise.all([strict.close(), lenient.close()])
  })

  test('an epoch ends at once where the log was trimmed while rows of it still waited', async () => {
    const [partition] = cluster.create('t')
    cluster.append(partition, batchOf(numbered(0, 10)))
    const reading = new Reading(cluster.bootstrap, { subscribe: 't', failOnDataLoss: 'false', 'kafka.fetch.max.wait.ms': '20' })
    await reading.open()
    // Rows 0 to 9 are fetched, and wait; what follows them goes away before it is.
    await until(() => cluster.log.some(({ parts }) => parts === 't:0@10'), 'the first rows were fetched')
    partition.batches.push({ base: 10, last: 19, bytes: Buffer.alloc(0) })
    trim(partition, 50)
    reading.reader.limit({ 't:0': 20 })
    await until(() => {
      reading.poll()
      return reading.reader.exhausted()
    }, 'the epoch ended')
    expect(reading.values).toEqual(numbered(0, 10))
    expect(reading.reader.position()).toEqual({ 't:0': 20 })
    reading.reader.limit(null)
    cluster.append(partition, batchOf(['later']))
    expect((await reading.take(11)).at(-1)).toBe('later')
    expect(reading.reader.position()).toEqual({ 't:0': 51 })
    await reading.close()
  })

  test('a leader that does not know yet how far its log goes has lost nothing', async () => {
    const [partition] = cluster.create('t')
    cluster.append(partition, batchOf(numbered(0, 10)))
    partition.knownEnd = 4
    const reading = await new Reading(cluster.bootstrap, { subscribe: 't', 'kafka.fetch.max.wait.ms': '20' }).open({ 't:0': 8 })
    expect(await reading.take(2)).toEqual(['8', '9'])
    await reading.close()
  })
})

describe('batches', () => {
  test('what the log cleaner has emptied is passed over, markers too, and the position is behind it', async () => {
    const [partition] = cluster.create('t')
    cluster.append(partition, batchOf(['a']))
    cluster.append(partition, batchOf(['gone', 'gone'], { emptied: true }))
    cluster.append(partition, batchOf(['gone'], { emptied: true, attributes: TRANSACTIONAL | CONTROL, producerId: 7n }))
    cluster.append(partition, batchOf(['b']), 5)
    cluster.append(partition, batchOf(['gone', 'gone', 'gone'], { emptied: true }))
    const reading = await read({ subscribe: 't' })
    expect(await reading.take(2)).toEqual(['a', 'b'])
    await until(() => {
      reading.poll()
      return reading.reader.position()['t:0'] === 13
    }, 'the position is behind the last batch')
    reading.reader.limit({ 't:0': 13 })
    expect(reading.reader.exhausted()).toBe(true)
    await reading.close()
  })

  test('an epoch that ends within an emptied batch, or a gap, ends', async () => {
    const [partition] = cluster.create('t')
    cluster.append(partition, batchOf(['a']))
    cluster.append(partition, batchOf(numbered(0, 8), { emptied: true }))
    const reading = await read({ subscribe: 't' })
    reading.reader.limit({ 't:0': 5 })
    await until(() => {
      reading.poll()
      return reading.reader.exhausted()
    }, 'the epoch ended')
    expect(reading.reader.position()).toEqual({ 't:0': 5 })
    await reading.close()
  })

  test('of two transactions that overlap, the aborted one is left out up to its marker and not beyond', async () => {
    const [partition] = cluster.create('t')
    const part = (value: string, producerId: bigint): void =>
      cluster.append(partition, batchOf([value], { attributes: TRANSACTIONAL, producerId }))
    part('kept 1', 1n)
    part('dropped 1', 2n)
    part('kept 2', 1n)
    part('dropped 2', 2n)
    cluster.append(partition, marker(1n, true))
    part('dropped 3', 2n)
    cluster.append(partition, marker(2n, false))
    part('kept 3', 2n)
    cluster.append(partition, marker(2n, true))
    cluster.append(partition, batchOf([null, 'plain']))
    partition.aborted.push({ producerId: 2n, firstOffset: 1 })
    const reading = await read({ subscribe: 't' })
    expect(await reading.take(5)).toEqual(['kept 1', 'kept 2', 'kept 3', 'null', 'plain'])
    await reading.close()
  })

  test('a batch larger than a fetch’s bounds comes through although another partition is never empty', async () => {
    const [busy, large] = cluster.create('t', 2, () => 0)
    const options = { subscribe: 't', 'kafka.max.partition.fetch.bytes': '1000' }
    cluster.append(large, batchOf(['x'.repeat(50_000)]))
    for (let i = 0; i < 1000; i++) cluster.append(busy, batchOf([`${i} ${'y'.repeat(900)}`]))
    const reading = await read(options)
    await until(() => {
      reading.poll()
      return cluster.log.some(({ parts }) => parts.includes('t:1@1'))
    }, 'the large one came')
    // A fetch brings one batch of the other; it did not have to be read to its end before.
    expect(cluster.log.findIndex(({ parts }) => parts.includes('t:1@1'))).toBeLessThan(20)
    await reading.close()
  })

  test('gzip of many blocks, and records of several megabytes, come whole', async () => {
    const [partition] = cluster.create('t')
    const values = [`first ${'a'.repeat(3_000_000)}`, 'second', `third ${'b'.repeat(5_000_000)}`]
    const plain = batchOf(values)
    const packed = Buffer.concat([plain.subarray(0, 61), gzipSync(plain.subarray(61, 2_000_000)), gzipSync(plain.subarray(2_000_000))])
    packed.writeInt32BE(packed.length - 12, 8)
    cluster.append(partition, sealed(packed, 1, -1n))
    cluster.append(partition, batchOf(values))
    const reading = await read({ subscribe: 't' })
    const found = await reading.take(6)
    expect(found.map(value => [value.length, value.slice(0, 8)])).toEqual(
      [...values, ...values].map(value => [value.length, value.slice(0, 8)]),
    )
    await reading.close()
  })

  test('rubbish is a coded error with its place', async () => {
    const [partition] = cluster.create('t')
    const batch = batchOf(['a'])
    batch[batch.length - 2] ^= 1
    cluster.append(partition, batchOf(['good']))
    cluster.append(partition, batch)
    const reading = await read({ subscribe: 't' })
    expect(await reading.failure()).toMatchObject({ code: 'KAFKA_BAD_DATA', details: { where: 't:0', offset: 1 } })
    await reading.close()
  })
})

describe('closing', () => {
  test('while fetches and requests are under way, and nothing of ours is asked for afterwards', async () => {
    const [partition] = cluster.create('t')
    const reading = await new Reading(cluster.bootstrap, { subscribe: 't', 'kafka.fetch.max.wait.ms': '60000' }).open()
    const writing = await new Writing(cluster.bootstrap, { topic: 't' }).open()
    cluster.fault = request => (request === 'produce' ? 19 : 0)
    writing.offer(['a'])
    await until(() => cluster.log.some(({ kind }) => kind === 'produce'), 'a request was sent')
    await Promise.all([reading.close(), resultOf(writing.sink.close())])
    const asked = cluster.log.length
    cluster.append(partition, batchOf(['late']))
    await pause(300)
    expect(reading.poll()).toBe(0)
    expect(cluster.log.length).toBe(asked)
  })

  test('while it opens, before any broker has answered', async () => {
    cluster.create('t')
    await cluster.kill(0)
    await cluster.kill(1)
    const reading = new Reading(cluster.bootstrap, { subscribe: 't' })
    const opening = reading.reader.open(null)
    await pause(50)
    await reading.close()
    await until(() => opening.done, 'the opening ended')
    expect(opening.error).toBeDefined()
    await Promise.all([cluster.revive(0), cluster.revive(1)])
  })
})
