import { EngineError } from '../../base/errors.ts'
import type { StructType } from '../../record/data-type.ts'
import { typeName } from '../../record/data-type.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import { RowView } from '../../record/row-view.ts'
import type { RecordWriterSink, SinkConnector, SinkContext, SinkToken } from '../connector.ts'
import { Ticket } from '../connector.ts'
import { ticketOf } from '../promise-ticket.ts'
import { type KafkaSinkOptions, kafkaSinkOptions } from './kafka-options.ts'
import { partitionOfKey } from './murmur2.ts'
import { BatchBuilder } from './record-batch.ts'
import { codeName, isPassingCode, MESSAGE_TOO_LARGE, produceRecords } from './requests.ts'
import { isPassing, KafkaCluster } from './transport.ts'

/** Rows that wait to be sent; beyond that the sink takes no more until some have been acknowledged. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024

/** An epoch whose rows are not all acknowledged yet. */
interface Preparation {
  remaining: number
  readonly ticket: Ticket<SinkToken>
}

interface Batch {
  readonly bytes: Buffer
  readonly rows: number
  readonly waiting: Preparation[]
  failingSince: number
}

interface Partition {
  readonly topic: string
  readonly partition: number
  builder: BatchBuilder | null
  /** Full ones, oldest first; the first may be on its way. */
  readonly batches: Batch[]
}

interface Topic {
  readonly partitions: readonly Partition[]
  /** Where rows without a key go until the next request. */
  sticky: number
}

/**
 * Writes to Kafka, at least once: what comes while a request is under way goes into the next, so nothing waits for a timer. One request at
 * a time for each broker, so a partition keeps its order when one is repeated.
 */
class KafkaWriter implements RecordWriterSink {
  readonly rows = 'records'
  readonly #options: KafkaSinkOptions
  readonly #clock: () => number
  readonly #cluster: KafkaCluster
  readonly #view: RowView
  readonly #keyLeaf: number
  readonly #valueLeaf: number
  readonly #topicLeaf: number
  readonly #partitionLeaf: number
  readonly #topics = new Map<string, Topic>()
  readonly #loading = new Set<string>()
  /** Brokers with a request under way. */
  readonly #busy = new Set<number>()
  #wake: () => void = () => {}
  #failure: unknown = null
  #closed = false
  #waitingBytes = 0
  #offered = 0
  #acknowledged = 0

  constructor(context: SinkContext) {
    this.#options = kafkaSinkOptions(context.options)
    this.#clock = context.clock
    this.#cluster = new KafkaCluster(this.#options)
    const layout = RowLayout.of(context.schema)
    const leaf = (name: string): number => layout.leaves.findIndex(({ path }) => path.length === 1 && path[0].toLowerCase() === name)
    this.#view = new RowView(layout)
    this.#keyLeaf = leaf('key')
    this.#valueLeaf = leaf('value')
    this.#topicLeaf = leaf('topic')
    this.#partitionLeaf = leaf('partition')
  }

  open(): Ticket<void> {
    return ticketOf(
      this.#cluster.connect().then(async () => {
        if (this.#options.topic !== null) await this.#load(this.#options.topic)
      }),
    )
  }

  onReady(wake: () => void): void {
    this.#wake = wake
  }

  beginEpoch(): void {}

  offer(rows: RecordBuffer): void {
    if (this.#failure !== null) throw this.#failure
    const millis = Math.floor(this.#clock() / 1000)
    while (this.#waitingBytes < MOST_WAITING_BYTES) {
      const p = rows.next()
      if (p < 0) break
      this.#view.at(rows, p)
      if (this.#append(rows, millis)) continue
      rows.back()
      break
    }
    this.#send()
  }

  step(): boolean {
    if (this.#failure !== null) throw this.#failure
    return this.#send()
  }

  prepare(): Ticket<SinkToken> {
    const preparation: Preparation = { remaining: 0, ticket: new Ticket<SinkToken>() }
    for (const { partitions } of this.#topics.values()) {
      for (const partition of partitions) {
        this.#seal(partition)
        for (const batch of partition.batches) batch.waiting.push(preparation)
        preparation.remaining += partition.batches.length
      }
    }
    if (preparation.remaining === 0) preparation.ticket.complete(null)
    this.#send()
    return preparation.ticket
  }

  offeredCount(): number {
    return this.#offered
  }

  acknowledgedCount(): number {
    return this.#acknowledged
  }

  close(): Ticket<void> {
    this.#closed = true
    return ticketOf(this.#cluster.disconnect())
  }

  /** False: the topic's partitions are not known yet. */
  #append(rows: RecordBuffer, millis: number): boolean {
    const view = this.#view
    const hasTopic = this.#topicLeaf >= 0 && !view.isNull(this.#topicLeaf)
    const name = hasTopic ? view.string(this.#topicLeaf) : this.#options.topic
    if (name === null) throw new EngineError('KAFKA_NO_TOPIC', {})
    const topic = this.#topics.get(name)
    if (topic === undefined) {
      if (!this.#loading.has(name)) void this.#load(name).catch(error => this.#fail(error))
      return false
    }
    const isNull = (leaf: number): boolean => leaf < 0 || view.isNull(leaf)
    const keyLength = isNull(this.#keyLeaf) ? -1 : view.bytesLength(this.#keyLeaf)
    const keyOffset = keyLength < 0 ? 0 : view.bytesOffset(this.#keyLeaf)
    const valueLength = isNull(this.#valueLeaf) ? -1 : view.bytesLength(this.#valueLeaf)
    const valueOffset = valueLength < 0 ? 0 : view.bytesOffset(this.#valueLeaf)
    const partition = topic.partitions[this.#choose(topic, name, rows.u8, keyOffset, keyLength)]
    const bytes = BatchBuilder.recordBytes(keyLength, valueLength)
    const { requestBytes } = this.#options
    if (bytes + 61 > requestBytes) throw new EngineError('KAFKA_RECORD_TOO_LARGE', { topic: name, bytes, limit: requestBytes })
    if (partition.builder !== null && partition.builder.size + bytes > requestBytes) this.#seal(partition)
    partition.builder ??= new BatchBuilder()
    partition.builder.append(millis, rows.u8, keyOffset, keyLength, valueOffset, valueLength)
    this.#waitingBytes += bytes
    this.#offered++
    return true
  }

  #choose(topic: Topic, name: string, u8: Uint8Array, keyOffset: number, keyLength: number): number {
    const count = topic.partitions.length
    if (this.#partitionLeaf >= 0 && !this.#view.isNull(this.#partitionLeaf)) {
      const partition = this.#view.int32(this.#partitionLeaf)
      if (partition < 0 || partition >= count) throw new EngineError('KAFKA_NO_PARTITION', { topic: name, partition, count })
      return partition
    }
    return keyLength < 0 ? topic.sticky : partitionOfKey(u8, keyOffset, keyLength, count)
  }

  #seal(partition: Partition): void {
    const { builder } = partition
    if (builder === null) return
    partition.builder = null
    partition.batches.push({ bytes: builder.finish(this.#options.compression), rows: builder.count, waiting: [], failingSince: 0 })
  }

  async #load(name: string): Promise<void> {
    this.#loading.add(name)
    try {
      await this.#cluster.addTopics([name])
      const partitions = this.#cluster
        .partitionsOf(name)
        .map(({ partitionId }): Partition => ({ topic: name, partition: partitionId, builder: null, batches: [] }))
        .sort((a, b) => a.partition - b.partition)
      this.#topics.set(name, { partitions, sticky: 0 })
    } finally {
      this.#loading.delete(name)
      this.#wake()
    }
  }

  /** Sends to every broker that has nothing under way what waits for it. True if something was sent. */
  #send(): boolean {
    let sent = false
    const byLeader = new Map<number, Partition[]>()
    for (const topic of this.#topics.values()) {
      for (const partition of topic.partitions) {
        if (partition.builder === null && partition.batches.length === 0) continue
        const leader = this.#leaderOf(partition)
        if (this.#busy.has(leader)) continue
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition])
      }
      topic.sticky = (topic.sticky + (byLeader.size > 0 ? 1 : 0)) % Math.max(1, topic.partitions.length)
    }
    for (const [leader, partitions] of byLeader) {
      this.#busy.add(leader)
      sent = true
      for (const partition of partitions) if (partition.batches.length === 0) this.#seal(partition)
      void this.#request(leader, partitions)
        .catch(error => this.#fail(error))
        .finally(() => {
          this.#busy.delete(leader)
          this.#wake()
        })
    }
    return sent
  }

  #leaderOf({ topic, partition }: Partition): number {
    return this.#cluster.partitionsOf(topic).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
  }

  async #request(leader: number, partitions: readonly Partition[]): Promise<void> {
    let faults: [Partition, unknown][] = []
    try {
      if (leader < 0) throw new Error('no leader is known')
      const codes = await produceRecords(
        this.#cluster,
        leader,
        partitions.map(({ topic, partition, batches }) => ({ topic, partition, batch: batches[0].bytes })),
        this.#options.requestTimeoutMillis,
      )
      for (const partition of partitions) {
        // A partition that is missing from the answer was not written: kafkajs calls that success.
        const code = codes.get(`${partition.topic}:${partition.partition}`)
        if (code === 0) this.#acknowledge(partition)
        else if (code === MESSAGE_TOO_LARGE) {
          throw new EngineError('KAFKA_RECORD_TOO_LARGE', {
            topic: partition.topic,
            bytes: partition.batches[0].bytes.length,
            limit: 'its max.message.bytes',
          })
        } else if (code === undefined || isPassingCode(code)) faults.push([partition, code === undefined ? 'no answer' : codeName(code)])
        else throw this.#undelivered(partition, codeName(code))
      }
    } catch (error) {
      if (this.#closed) return
      if (error instanceof EngineError || (leader >= 0 && !isPassing(error))) throw error
      faults = partitions.map(partition => [partition, error])
    }
    if (faults.length === 0) return
    const now = performance.now()
    for (const [partition, reason] of faults) {
      const [batch] = partition.batches
      if (batch.failingSince === 0) batch.failingSince = now
      else if (now - batch.failingSince > this.#options.deliveryMillis) throw this.#undelivered(partition, reason)
    }
    await new Promise(resolve => setTimeout(resolve, 50))
    await this.#cluster.refreshMetadata().catch(() => {})
  }

  #acknowledge(partition: Partition): void {
    const batch = partition.batches.shift()
    if (batch === undefined) return
    this.#acknowledged += batch.rows
    // Builders count the most that a record can take, batches what it took: all is well once nothing is waiting.
    this.#waitingBytes = this.#acknowledged === this.#offered ? 0 : Math.max(0, this.#waitingBytes - batch.bytes.length)
    for (const preparation of batch.waiting) if (--preparation.remaining === 0) preparation.ticket.complete(null)
  }

  #undelivered(partition: Partition, reason: unknown): EngineError {
    return new EngineError(
      'KAFKA_DELIVERY_FAILED',
      {
        partition: `${partition.topic}:${partition.partition}`,
        seconds: this.#options.deliveryMillis / 1000,
        reason: reason instanceof Error ? reason.message : String(reason),
      },
      reason,
    )
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure ??=
      error instanceof EngineError
        ? error
        : new EngineError('KAFKA_DELIVERY_FAILED', { partition: 'unknown', seconds: 0, reason: String(error) }, error)
    this.#wake()
  }
}

/** Throws KAFKA_BAD_SCHEMA and KAFKA_NO_TOPIC. */
const checkSchema = (schema: StructType, topic: string | null): void => {
  const find = (name: string) => schema.fields.find(f => f.name.toLowerCase() === name)
  const refusal = (column: string, expected: string, actual: string): EngineError =>
    new EngineError('KAFKA_BAD_SCHEMA', { column, expected, actual })
  const value = find('value')
  if (value === undefined) throw refusal('value', 'string or binary', `missing; there are ${schema.fields.map(f => f.name).join(', ')}`)
  for (const [name, kinds] of [
    ['value', ['string', 'binary']],
    ['key', ['string', 'binary']],
    ['topic', ['string']],
    ['partition', ['integer']],
  ] as const) {
    const found = find(name)
    if (found !== undefined && !(kinds as readonly string[]).includes(found.type.kind))
      throw refusal(name, kinds.join(' or '), typeName(found.type))
  }
  if (find('headers') !== undefined)
    throw refusal('headers', 'left out: headers are not supported yet', typeName(find('headers')?.type ?? { kind: 'null' }))
  if (topic === null && find('topic') === undefined) throw new EngineError('KAFKA_NO_TOPIC', {})
}

/** `kafka`: columns value, and if they are there key, topic and partition; options topic, kafka.*. */
export const kafkaSink: SinkConnector = {
  name: 'kafka',
  describe: async (options, schema) => {
    const parsed = kafkaSinkOptions(options)
    checkSchema(schema, parsed.topic)
    const cluster = new KafkaCluster(parsed)
    try {
      await cluster.connect()
      if (parsed.topic !== null) await cluster.addTopics([parsed.topic])
    } finally {
      await cluster.disconnect()
    }
    return {
      home: 'eventLoop',
      rows: 'records',
      maxWriters: Number.MAX_SAFE_INTEGER,
      guarantee: 'at-least-once',
      outputModes: ['append', 'update', 'complete'],
      label: `kafka ${parsed.topic ?? 'by the column topic'}`,
    }
  },
  open: context => new KafkaWriter(context),
  committer: () => null,
}
