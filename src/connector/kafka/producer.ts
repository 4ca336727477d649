import { EngineError, reasonOf } from '../../base/errors.ts'
import { type SinkToken, Ticket } from '../connector.ts'
import { BuilderPool } from './batch-builder.ts'
import { KafkaCluster } from './cluster.ts'
import type { KafkaSinkOptions } from './kafka-options.ts'
import { isPassing } from './kafkajs.ts'
import { codeName, isPassingCode, MESSAGE_TOO_LARGE, produceRecords, produceRequest, RECORD_LIST_TOO_LARGE } from './requests.ts'
import { type Preparation, SinkPartition } from './sink-partition.ts'
import type { WireWriter } from './wire.ts'

/** The most of one request, however many partitions it is for: brokers close the connection on one of 100 MB. */
const MOST_REQUEST_BYTES = 8 * 1024 * 1024
/** How old the knowledge of a topic's partitions must be before a partition that is missing is looked for. */
const RELOAD_MILLIS = 1000

export interface SinkTopic {
  readonly partitions: readonly SinkPartition[]
  /** Where rows without a key go until the next request. */
  sticky: number
  readonly loadedAt: number
}

/**
 * Sends batches: what comes while a request is under way goes into the next, so nothing waits for a timer. One request at a time for each
 * broker, so a partition keeps its order when one is repeated.
 */
export class KafkaProducer {
  readonly #options: KafkaSinkOptions
  readonly #cluster: KafkaCluster
  readonly #topics = new Map<string, SinkTopic>()
  readonly #loading = new Set<string>()
  readonly #pool = new BuilderPool()
  /** Brokers with a request under way. */
  readonly #busy = new Set<number>()
  /** The memory of each broker's requests. */
  readonly #requests = new Map<number, WireWriter>()
  readonly #settled: () => void
  #turn = 0
  #failure: unknown = null
  #closed = false
  /** Bytes of rows that are not acknowledged. */
  waitingBytes = 0
  acknowledgedRows = 0

  /** `settled` is called when rows have been acknowledged, a topic is known, or something has failed. */
  constructor(options: KafkaSinkOptions, settled: () => void) {
    this.#options = options
    this.#cluster = new KafkaCluster(options)
    this.#settled = settled
  }

  /** Rejects with KAFKA_UNREACHABLE, KAFKA_AUTHENTICATION and KAFKA_TOPIC_MISSING. */
  async open(): Promise<void> {
    await this.#cluster.connect()
    if (this.#options.topic !== null) await this.#load(this.#options.topic)
  }

  close(): Promise<void> {
    this.#closed = true
    return this.#cluster.disconnect()
  }

  /** Throws what ended it. */
  check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Null: it is not known yet; `settled` is called when it is. With `wanted`, a partition that was not there a while ago is looked for. */
  topic(name: string, wanted = 0): SinkTopic | null {
    const topic = this.#topics.get(name)
    if (topic !== undefined && (wanted < topic.partitions.length || performance.now() - topic.loadedAt < RELOAD_MILLIS)) return topic
    if (!this.#loading.has(name)) void this.#load(name).catch(error => this.#fail(error))
    return null
  }

  /** Everything that was added is acknowledged when the ticket is done. */
  prepare(): Ticket<SinkToken> {
    const preparation: Preparation = { remaining: 0, ticket: new Ticket<SinkToken>() }
    for (const { partitions } of this.#topics.values()) for (const partition of partitions) partition.prepare(preparation)
    if (preparation.remaining === 0) preparation.ticket.complete(null)
    this.send()
    return preparation.ticket
  }

  /** Sends to every broker that has nothing under way what waits for it. True if something was sent. */
  send(): boolean {
    if (this.waitingBytes === 0 || this.#closed || this.#failure !== null) return false
    const now = performance.now()
    const byLeader = new Map<number, SinkPartition[]>()
    for (const topic of this.#topics.values()) {
      for (const partition of topic.partitions) {
        if (partition.isSending || partition.isEmpty || partition.pausedUntil > now) continue
        const leader = this.#cluster.leaderOf(partition.topic, partition.partition)
        if (this.#busy.has(leader)) continue
        const others = byLeader.get(leader)
        if (others === undefined) byLeader.set(leader, [partition])
        else others.push(partition)
      }
      topic.sticky = (topic.sticky + (byLeader.size > 0 ? 1 : 0)) % Math.max(1, topic.partitions.length)
    }
    for (const [leader, partitions] of byLeader) this.#sendTo(leader, this.#pick(partitions))
    return byLeader.size > 0
  }

  /** Those whose oldest batches fit into one request, by turns. */
  #pick(partitions: readonly SinkPartition[]): SinkPartition[] {
    const picked: SinkPartition[] = []
    let bytes = 0
    this.#turn++
    for (let i = 0; i < partitions.length && bytes < MOST_REQUEST_BYTES; i++) {
      const partition = partitions[(this.#turn + i) % partitions.length]
      bytes += partition.first().bytes.length
      picked.push(partition)
    }
    return picked
  }

  #sendTo(leader: number, partitions: readonly SinkPartition[]): void {
    this.#busy.add(leader)
    for (const partition of partitions) partition.isSending = true
    const settle = (): void => {
      for (const partition of partitions) partition.isSending = false
      this.#busy.delete(leader)
      // At once, not when the task comes round to it: this is the time between two requests.
      this.send()
      this.#settled()
    }
    this.#request(leader, partitions, settle).catch(error => {
      if (this.#closed) return
      try {
        if (error instanceof EngineError || (leader >= 0 && !isPassing(error))) throw error
        for (const partition of partitions) this.#postpone(partition, error)
      } catch (fault) {
        this.#fail(fault)
      }
      settle()
    })
  }

  #request(leader: number, partitions: readonly SinkPartition[], settle: () => void): Promise<void> {
    if (leader < 0) return Promise.reject(new Error('no leader is known'))
    let request = this.#requests.get(leader)
    if (request === undefined) {
      request = produceRequest(this.#options.clientId)
      this.#requests.set(leader, request)
    }
    const parts = partitions.map(one => ({ topic: one.topic, partition: one.partition, batch: one.first().bytes }))
    return produceRecords(this.#cluster, leader, request, parts, this.#options.requestTimeoutMillis, codes => {
      for (const partition of partitions) {
        const code = codes.get(`${partition.topic}:${partition.partition}`)
        if (code === 0) this.#acknowledge(partition)
        else if (code === MESSAGE_TOO_LARGE || code === RECORD_LIST_TOO_LARGE) partition.split()
        // A partition that is missing from the answer was not written: kafkajs calls that success.
        else if (code === undefined || isPassingCode(code)) this.#postpone(partition, code === undefined ? 'no answer' : codeName(code))
        else throw this.#undelivered(partition, codeName(code))
      }
      settle()
    })
  }

  #acknowledge(partition: SinkPartition): void {
    const { rows, charge } = partition.acknowledge()
    this.acknowledgedRows += rows
    this.waitingBytes -= charge
  }

  /** Tried again in a while; longer the longer it fails. Throws KAFKA_DELIVERY_FAILED once that is too long. */
  #postpone(partition: SinkPartition, reason: unknown): void {
    const now = performance.now()
    if (partition.failingSince === 0) partition.failingSince = now
    else if (now - partition.failingSince > this.#options.deliveryMillis) throw this.#undelivered(partition, reason)
    const pause = Math.min(1000, Math.max(50, (now - partition.failingSince) / 2))
    partition.pausedUntil = now + pause
    // A timer may be early by a part of a millisecond.
    setTimeout(() => void this.#retry(), pause + 1)
  }

  async #retry(): Promise<void> {
    if (this.#closed || this.#failure !== null) return
    await this.#cluster.refreshMetadata().catch(() => {})
    this.send()
  }

  async #load(name: string): Promise<void> {
    this.#loading.add(name)
    try {
      await this.#cluster.addTopics([name])
      const before = this.#topics.get(name)
      if (before !== undefined) await this.#cluster.refreshMetadata()
      const { compression } = this.#options
      const partitions = this.#cluster
        .partitionsOf(name)
        .map(({ partitionId }) => before?.partitions[partitionId] ?? new SinkPartition(name, partitionId, compression, this.#pool))
        .sort((a, b) => a.partition - b.partition)
      this.#topics.set(name, { partitions, sticky: 0, loadedAt: performance.now() })
    } finally {
      this.#loading.delete(name)
      this.#settled()
    }
  }

  #undelivered({ topic, partition }: SinkPartition, reason: unknown): EngineError {
    const text = reasonOf(reason)
    const seconds = this.#options.deliveryMillis / 1000
    return new EngineError('KAFKA_DELIVERY_FAILED', { partition: `${topic}:${partition}`, seconds, reason: text }, reason)
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure ??=
      error instanceof EngineError
        ? error
        : new EngineError('KAFKA_DELIVERY_FAILED', { partition: 'unknown', seconds: 0, reason: String(error) }, error)
    this.#settled()
  }
}
