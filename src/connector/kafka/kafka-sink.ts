import { EngineError } from '../../base/errors.ts'
import { type StructType, sameType, typeName } from '../../record/data-type.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import { RowView } from '../../record/row-view.ts'
import type { RecordWriterSink, SinkConnector, SinkContext, SinkToken } from '../connector.ts'
import { Ticket } from '../connector.ts'
import { ticketOf } from '../promise-ticket.ts'
import { headersType } from './headers.ts'
import { type KafkaSinkOptions, kafkaSinkOptions } from './kafka-options.ts'
import { partitionOfKey } from './murmur2.ts'
import { BatchBuilder, RecordCursor } from './record-batch.ts'
import { codeName, isPassingCode, MESSAGE_TOO_LARGE, produceRecords, RECORD_LIST_TOO_LARGE } from './requests.ts'
import { isPassing, KafkaCluster } from './transport.ts'

/** Rows that wait to be sent; beyond that the sink takes no more until some have been acknowledged. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024
/** The most of one request, however many partitions it is for: brokers close the connection on one of 100 MB. */
const MOST_REQUEST_BYTES = 8 * 1024 * 1024

/** An epoch whose rows are not all acknowledged yet. */
interface Preparation {
  remaining: number
  readonly ticket: Ticket<SinkToken>
}

interface Batch {
  readonly bytes: Buffer
  readonly rows: number
  /** What its rows count for in the bytes that wait. */
  readonly charge: number
  readonly waiting: Preparation[]
  failingSince: number
}

interface Partition {
  readonly topic: string
  readonly partition: number
  builder: BatchBuilder | null
  charge: number
  /** Full ones, oldest first. */
  readonly batches: Batch[]
  /** The first is on its way, perhaps to a broker that leads no more: it is sent nowhere else until that is settled. */
  isSending: boolean
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
  readonly #headersLeaf: number
  readonly #topics = new Map<string, Topic>()
  readonly #loading = new Set<string>()
  /** Brokers with a request under way. */
  readonly #busy = new Set<number>()
  #wake: () => void = () => {}
  #failure: unknown = null
  #closed = false
  #waitingBytes = 0
  #turn = 0
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
    this.#topicLeaf = this.#options.topic === null ? leaf('topic') : -1
    this.#headersLeaf = leaf('headers')
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
    const headersLength = isNull(this.#headersLeaf) ? 0 : view.bytesLength(this.#headersLeaf)
    const headersOffset = headersLength === 0 ? 0 : view.bytesOffset(this.#headersLeaf)
    const bytes = BatchBuilder.recordBytes(keyLength, valueLength, headersLength)
    const { requestBytes } = this.#options
    if (bytes + 61 > requestBytes) throw new EngineError('KAFKA_RECORD_TOO_LARGE', { topic: name, bytes, limit: requestBytes })
    if (partition.builder !== null && partition.builder.size + bytes > requestBytes) this.#seal(partition)
    partition.builder ??= new BatchBuilder()
    partition.builder.append(millis, rows.u8, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength)
    partition.charge += bytes
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
    partition.batches.push(this.#batch(builder, partition.charge, []))
    partition.builder = null
    partition.charge = 0
  }

  #batch(builder: BatchBuilder, charge: number, waiting: Preparation[]): Batch {
    return { bytes: builder.finish(this.#options.compression), rows: builder.count, charge, waiting, failingSince: 0 }
  }

  /** A topic may take less than a request: its two halves go instead. Throws KAFKA_RECORD_TOO_LARGE for a single record. */
  #split(partition: Partition): void {
    const batch = partition.batches[0]
    if (batch.rows === 1) {
      const { topic } = partition
      throw new EngineError('KAFKA_RECORD_TOO_LARGE', { topic, bytes: batch.bytes.length, limit: 'its max.message.bytes' })
    }
    const halves = [new BatchBuilder(), new BatchBuilder()]
    const cursor = new RecordCursor(batch.bytes, 0, [], `${partition.topic}:${partition.partition}`)
    for (let i = 0; cursor.next(); i++) {
      const { timestampMillis, bytes, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength } = cursor
      const half = halves[2 * i < batch.rows ? 0 : 1]
      half.append(timestampMillis, bytes, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength)
    }
    for (const preparation of batch.waiting) preparation.remaining++
    partition.batches.splice(0, 1, ...halves.map(half => this.#batch(half, batch.charge / 2, [...batch.waiting])))
  }

  async #load(name: string): Promise<void> {
    this.#loading.add(name)
    try {
      await this.#cluster.addTopics([name])
      const partitions = this.#cluster
        .partitionsOf(name)
        .map(
          ({ partitionId }): Partition => ({
            topic: name,
            partition: partitionId,
            builder: null,
            charge: 0,
            batches: [],
            isSending: false,
          }),
        )
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
        if (partition.isSending || (partition.builder === null && partition.batches.length === 0)) continue
        const leader = this.#leaderOf(partition)
        if (this.#busy.has(leader)) continue
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition])
      }
      topic.sticky = (topic.sticky + (byLeader.size > 0 ? 1 : 0)) % Math.max(1, topic.partitions.length)
    }
    for (const [leader, partitions] of byLeader) {
      this.#busy.add(leader)
      sent = true
      const picked = this.#pick(partitions)
      for (const partition of picked) partition.isSending = true
      void this.#request(leader, picked)
        .catch(error => this.#fail(error))
        .finally(() => {
          for (const partition of picked) partition.isSending = false
          this.#busy.delete(leader)
          // At once, not when the task comes round to it: this is the time between two requests.
          if (!this.#closed && this.#failure === null) this.#send()
          this.#wake()
        })
    }
    return sent
  }

  /** Those whose oldest batches fit into one request, by turns. */
  #pick(partitions: readonly Partition[]): Partition[] {
    const picked: Partition[] = []
    let bytes = 0
    this.#turn++
    for (let i = 0; i < partitions.length && bytes < MOST_REQUEST_BYTES; i++) {
      const partition = partitions[(this.#turn + i) % partitions.length]
      if (partition.batches.length === 0) this.#seal(partition)
      bytes += partition.batches[0].bytes.length
      picked.push(partition)
    }
    return picked
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
        else if (code === MESSAGE_TOO_LARGE || code === RECORD_LIST_TOO_LARGE) this.#split(partition)
        else if (code === undefined || isPassingCode(code)) faults.push([partition, code === undefined ? 'no answer' : codeName(code)])
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
    this.#waitingBytes -= batch.charge
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
  const headers = find('headers')
  if (headers !== undefined && !sameType(headers.type, headersType)) throw refusal('headers', typeName(headersType), typeName(headers.type))
  if (topic === null && find('topic') === undefined) throw new EngineError('KAFKA_NO_TOPIC', {})
}

/** `kafka`: columns value, and if they are there key, topic, partition and headers; options topic, kafka.*. */
export const kafkaSink: SinkConnector = {
  name: 'kafka',
  options: ['kafka.*', 'topic'],
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
