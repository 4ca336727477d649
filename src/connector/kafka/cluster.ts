import { EngineError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import type { ClusterOptions } from './kafka-options.ts'
import {
  type ClusterClient,
  type Connection,
  faultOf,
  hangUp,
  isPassing,
  NotAnswered,
  openClient,
  type PartitionMetadata,
} from './kafkajs.ts'
import type { WireWriter } from './wire.ts'

const sleep = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))

export const EARLIEST = -2
export const LATEST = -1

const FETCH = 1

/** A cluster, connected. Calls that meet a passing fault are repeated, with back-off, until the user's patience is over. */
export class KafkaCluster {
  readonly options: ClusterOptions
  readonly #client: ClusterClient
  #closed = false
  #known: object | null = null
  #partitions = new Map<string, readonly PartitionMetadata[]>()
  #leaders = new Map<string, number[]>()

  /** Throws KAFKA_CLIENT_VERSION. */
  constructor(options: ClusterOptions) {
    this.options = options
    this.#client = openClient(options)
  }

  /** Connects. Rejects with KAFKA_UNREACHABLE when the patience is over, with KAFKA_AUTHENTICATION at once. */
  connect(): Promise<void> {
    return this.patiently(() => this.#client.connect())
  }

  /** Waits for nothing that is under way: it is rejected. */
  async disconnect(): Promise<void> {
    this.#closed = true
    this.#hangUpAll()
    await this.#client.disconnect().catch(() => {})
  }

  #hangUpAll(): void {
    const { brokers, seedBroker } = this.#client.brokerPool
    for (const broker of new Set([...Object.values(brokers), seedBroker])) if (broker !== undefined) hangUp(broker)
  }

  /** A call of kafkajs's that may connect. One that was under way when we disconnected leaves no connection behind. */
  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new NotAnswered('the connection was closed')
    try {
      return await call()
    } finally {
      if (this.#closed) this.#hangUpAll()
    }
  }

  /** Repeats a call while its faults are passing ones. `patience`: millis, the options' own if not given. */
  async patiently<T>(call: () => Promise<T>, patience = this.options.patienceMillis): Promise<T> {
    const end = performance.now() + patience
    for (let wait = 20; ; wait = Math.min(1000, wait * 2)) {
      try {
        return await this.#call(call)
      } catch (error) {
        const fault = faultOf(error)
        if (error instanceof EngineError) throw error
        if (/SASL|Authentication/i.test(`${fault.name} ${fault.type}`))
          throw new EngineError('KAFKA_AUTHENTICATION', { brokers: this.options.brokers.join(', '), reason: fault.message }, error)
        if (this.#closed || !isPassing(error)) throw error
        if (performance.now() + wait > end) {
          throw new EngineError(
            'KAFKA_UNREACHABLE',
            { brokers: this.options.brokers.join(', '), seconds: patience / 1000, reason: fault.message },
            error,
          )
        }
        await sleep(wait)
        await this.refreshMetadata().catch(() => {})
      }
    }
  }

  /** All topics but Kafka's own. */
  async topics(): Promise<string[]> {
    const { topicMetadata } = await this.patiently(async () => {
      const metadata = await this.#client.brokerPool.withBroker(({ broker }) => broker.metadata([]))
      if (metadata === null) throw new NotAnswered('no broker told its topics')
      return metadata
    })
    return topicMetadata.map(({ topic }) => topic).filter(topic => !topic.startsWith('__'))
  }

  /** Makes topics known to later calls. Rejects with KAFKA_TOPIC_MISSING. */
  async addTopics(topics: readonly string[]): Promise<void> {
    const wanted = topics.filter(topic => !this.#client.targetTopics.has(topic))
    if (wanted.length === 0) return
    try {
      await this.patiently(async () => {
        try {
          await this.#client.addMultipleTargetTopics(wanted)
        } catch (error) {
          if (faultOf(error).type === 'UNKNOWN_TOPIC_OR_PARTITION') throw new UnknownTopic()
          throw error
        }
      })
    } catch (error) {
      if (!(error instanceof UnknownTopic)) throw error
      const there = await this.topics()
      const missing = wanted.find(topic => !there.includes(topic)) ?? wanted[0]
      throw new EngineError(
        'KAFKA_TOPIC_MISSING',
        { topic: missing, candidates: nearest(missing, there).join(', ') || 'none, the cluster has no topics' },
        error,
      )
    }
  }

  /** Stops asking for a topic: the metadata of all is refused while one of them does not exist. */
  forgetTopic(topic: string): void {
    this.#client.targetTopics.delete(topic)
  }

  refreshMetadata(): Promise<void> {
    return this.#call(() => this.#client.refreshMetadata())
  }

  /** As the last metadata had it; none if the topic is not known. */
  partitionsOf(topic: string): readonly PartitionMetadata[] {
    this.#look()
    return this.#partitions.get(topic) ?? []
  }

  /** The broker that leads a partition; −1: none that is known. */
  leaderOf(topic: string, partition: number): number {
    this.#look()
    return this.#leaders.get(topic)?.[partition] ?? -1
  }

  #look(): void {
    const { metadata } = this.#client.brokerPool
    if (metadata === null || metadata === undefined || metadata === this.#known) return
    this.#known = metadata
    this.#partitions = new Map(metadata.topicMetadata.map(({ topic, partitionMetadata }) => [topic, partitionMetadata]))
    this.#leaders = new Map()
    for (const { topic, partitionMetadata } of metadata.topicMetadata) {
      const leaders: number[] = []
      for (const { partitionId, leader } of partitionMetadata) leaders[partitionId] = leader
      this.#leaders.set(topic, leaders)
    }
  }

  /** Offsets of partitions at a time: EARLIEST, LATEST, or millis; then −1 where no record is that late. */
  async offsets(topic: string, partitions: readonly number[], at: number): Promise<Map<number, number>> {
    if (partitions.length === 0) return new Map()
    const request = {
      topic,
      partitions: partitions.map(partition => ({ partition })),
      ...(at === EARLIEST ? { fromBeginning: true } : { fromTimestamp: at }),
    }
    const answer = await this.patiently(async () => {
      const [found] = await this.#client.fetchTopicsOffset([request])
      if (found === undefined || found.partitions.length < partitions.length) throw new NotAnswered(`no leader of ${topic} is known`)
      return found
    })
    return new Map(answer.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  }

  /**
   * Sends one request to a broker. `receive` gets the answer's bytes the moment they are here, within the socket's own call, and what it
   * gives back comes out of the promise; where time counts, it does the work. Not repeated. The request's memory is free again from then
   * on, or once the promise is rejected. `timeoutMillis`: if the broker may take longer than for others.
   */
  async send<T>(nodeId: number, request: WireWriter, receive: (bytes: Buffer) => T, timeoutMillis: number | null = null): Promise<T> {
    const { apiKey } = request
    const connection = this.#connected(nodeId, apiKey) ?? (await this.#call(() => this.#connect(nodeId, apiKey)))
    try {
      return await exchange(connection, request, receive, timeoutMillis)
    } catch (error) {
      // A connection that is closed, or a black hole, is made anew by the next call.
      if (/Closed|RequestTimeout/.test(faultOf(error).name)) this.#drop(nodeId)
      throw error
    }
  }

  /** The connection for such a request, if it is open. */
  #connected(nodeId: number, apiKey: number): Connection | null {
    const connection = this.#client.brokerPool.brokers[nodeId]?.connectionPool.pool[connectionIndex(apiKey)]
    return connection?.isConnected() && (!connection.sasl || connection.isAuthenticated()) ? connection : null
  }

  async #connect(nodeId: number, apiKey: number): Promise<Connection> {
    const { connectionPool } = await this.#client.findBroker({ nodeId })
    const connection = await connectionPool.getConnection(connectionIndex(apiKey))
    if (connection.sasl && !connection.isAuthenticated()) await connection.authenticate()
    return connection
  }

  #drop(nodeId: number): void {
    const broker = this.#client.brokerPool.brokers[nodeId]
    if (broker === undefined) return
    this.#client.removeBroker(broker.connectionPool)
    hangUp(broker)
  }
}

const connectionIndex = (apiKey: number): number => (apiKey === FETCH ? 1 : 0)

const exchange = <T>(
  connection: Connection,
  request: WireWriter,
  receive: (bytes: Buffer) => T,
  requestTimeout: number | null,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const correlationId = connection.nextCorrelationId()
    const { apiKey, apiVersion } = request
    const frame = request.frame(correlationId)
    connection.requestQueue.push({
      entry: {
        apiKey,
        apiVersion,
        apiName: `request ${apiKey}`,
        correlationId,
        resolve: ({ payload }) => {
          try {
            resolve(receive(payload))
          } catch (error) {
            reject(error)
          }
        },
        reject,
      },
      expectResponse: true,
      requestTimeout,
      sendRequest: () => void connection.socket?.write(frame),
    })
  })

class UnknownTopic extends Error {}
