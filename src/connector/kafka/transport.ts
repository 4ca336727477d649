import { createRequire } from 'node:module'
import net from 'node:net'
import tls from 'node:tls'
import { EngineError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import type { ClusterOptions } from './kafka-options.ts'

/**
 * kafkajs as transport: connections, authentication, metadata, versions. Its record codec, consumer and producer are not used. These
 * classes are private to it, but the package is frozen at this version and has no `exports`; another version is refused.
 */
const KAFKAJS_VERSION = '2.2.4'
const load = createRequire(import.meta.url)

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer; size(): number }>
}

interface Response<T> {
  readonly decode: (payload: Buffer) => Promise<T>
  readonly parse: (decoded: T) => Promise<T>
}

interface Connection {
  readonly socket?: net.Socket
  rejectRequests(error: Error): void
  disconnect(): Promise<unknown>
}

interface BrokerClient {
  readonly connectionPool: {
    readonly host: string
    readonly port: number
    readonly pool: readonly Connection[]
    send<T>(protocol: { readonly request: Request; readonly response: Response<T>; readonly logResponseError: boolean }): Promise<T>
  }
  metadata(
    topics: readonly string[],
  ): Promise<{ readonly topicMetadata: readonly { readonly topic: string; readonly isInternal?: boolean }[] }>
}

export interface PartitionMetadata {
  readonly partitionId: number
  readonly leader: number
}

interface ClusterClient {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  findBroker(node: { readonly nodeId: number }): Promise<BrokerClient>
  removeBroker(address: { readonly host: string; readonly port: number }): void
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[]
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number }[]
      readonly fromTimestamp?: number
      readonly fromBeginning?: boolean
    }[],
  ): Promise<readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>
  readonly targetTopics: Set<string>
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, BrokerClient>>
    readonly seedBroker: BrokerClient | undefined
    withBroker<T>(call: (found: { readonly broker: BrokerClient }) => Promise<T>): Promise<T | null>
  }
}

/** What kafkajs says of its errors. */
export interface KafkaFault {
  readonly name: string
  readonly message: string
  readonly type?: string
  readonly code?: number | string
  readonly retriable?: boolean
}

export const faultOf = (error: unknown): KafkaFault =>
  error instanceof Error ? (error as Error & KafkaFault) : { name: 'Error', message: String(error) }

/** True for what may be gone in a moment: another leader, a connection that broke. */
export const isPassing = (error: unknown): boolean => {
  const { name, retriable, code } = faultOf(error)
  if (name === 'KafkaJSNumberOfRetriesExceeded' && error instanceof Error && error.cause !== undefined) return isPassing(error.cause)
  return retriable === true || /Connection|Timeout|Broker|Metadata|Lock/.test(name) || code === 'ECONNREFUSED' || code === 'ECONNRESET'
}

let patched = false

/** Once per thread: the original re-arms a timer of 1 ms for ever, which only a queue with requests held back needs. */
const patch = (): void => {
  if (patched) return
  const { version } = load('kafkajs/package.json') as { version: string }
  if (version !== KAFKAJS_VERSION) throw new EngineError('KAFKA_CLIENT_VERSION', { version, expected: KAFKAJS_VERSION })
  const queue = load('kafkajs/src/network/requestQueue') as {
    prototype: {
      scheduleCheckPendingRequests(this: {
        throttleCheckTimeoutId: NodeJS.Timeout | null
        pending: unknown[]
        throttledUntil: number
        checkPendingRequests(): void
      }): void
    }
  }
  queue.prototype.scheduleCheckPendingRequests = function () {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      Math.max(this.throttledUntil - Date.now(), 10),
    )
  }
  patched = true
}

interface SocketRequest {
  readonly host: string
  readonly port: number
  readonly ssl?: Readonly<Record<string, unknown>>
  readonly onConnect: () => void
}

/** As kafkajs's own, with TCP_NODELAY: a request waits for nothing. */
const socketFactory = ({ host, port, ssl, onConnect }: SocketRequest): net.Socket => {
  const socket = ssl
    ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 60_000)
  return socket
}

/** Ends a broker's connections now. kafkajs would wait for what is under way, and on a dead line that is a request's whole time-out. */
const hangUp = ({ connectionPool }: BrokerClient): void => {
  for (const connection of connectionPool.pool) {
    connection.rejectRequests(new NotAnswered('the connection was closed'))
    connection.disconnect().catch(() => {})
    connection.socket?.destroy(new Error('closed'))
  }
}

/** Another try may go better. */
class NotAnswered extends Error {
  readonly retriable = true
}

const sleep = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))

export const EARLIEST = -2
export const LATEST = -1

/** A cluster, connected. Calls that meet a passing fault are repeated, with back-off, until the user's patience is over. */
export class KafkaCluster {
  readonly options: ClusterOptions
  readonly #client: ClusterClient
  #closed = false

  constructor(options: ClusterOptions) {
    patch()
    const Cluster = load('kafkajs/src/cluster') as new (options: Readonly<Record<string, unknown>>) => ClusterClient
    const { Kafka, logLevel } = load('kafkajs') as typeof import('kafkajs')
    this.options = options
    this.#client = new Cluster({
      brokers: options.brokers,
      clientId: options.clientId,
      ssl: options.ssl,
      sasl: options.sasl,
      socketFactory,
      logger: new Kafka({ brokers: [...options.brokers], logLevel: logLevel.NOTHING }).logger(),
      connectionTimeout: Math.min(3000, options.patienceMillis),
      authenticationTimeout: 10_000,
      reauthenticationThreshold: 10_000,
      requestTimeout: options.requestTimeoutMillis,
      enforceRequestTimeout: true,
      metadataMaxAge: 300_000,
      retry: { initialRetryTime: 5, multiplier: 1.5, retries: 1, maxRetryTime: 100 },
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      isolationLevel: options.readCommitted ? 1 : 0,
    })
  }

  /** Connects. Rejects with KAFKA_UNREACHABLE when the patience is over, with KAFKA_AUTHENTICATION at once. */
  connect(): Promise<void> {
    return this.patiently(() => this.#client.connect())
  }

  async disconnect(): Promise<void> {
    this.#closed = true
    const { brokers, seedBroker } = this.#client.brokerPool
    for (const broker of new Set([...Object.values(brokers), seedBroker])) if (broker !== undefined) hangUp(broker)
    await this.#client.disconnect().catch(() => {})
  }

  /** Repeats a call while its faults are passing ones. `patience`: millis, the options' own if not given. */
  async patiently<T>(call: () => Promise<T>, patience = this.options.patienceMillis): Promise<T> {
    const end = performance.now() + patience
    for (let wait = 20; ; wait = Math.min(1000, wait * 2)) {
      try {
        return await call()
      } catch (error) {
        const fault = faultOf(error)
        if (error instanceof EngineError) throw error
        if (/SASL|Authentication/i.test(fault.name))
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
        await this.#client.refreshMetadata().catch(() => {})
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

  async refreshMetadata(): Promise<void> {
    await this.#client.refreshMetadata()
  }

  partitionsOf(topic: string): readonly PartitionMetadata[] {
    return this.#client.findTopicPartitionMetadata(topic)
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

  /** Sends one request to a broker and gives the answer's bytes to `decode`. Not repeated. */
  async send<T>(
    nodeId: number,
    apiKey: number,
    apiVersion: number,
    apiName: string,
    payload: Buffer,
    decode: (bytes: Buffer) => T,
  ): Promise<T> {
    const broker = await this.#client.findBroker({ nodeId })
    try {
      return await broker.connectionPool.send({
        request: { apiKey, apiVersion, apiName, encode: async () => ({ buf: payload, buffer: payload, size: () => payload.length }) },
        response: { decode: async bytes => decode(bytes), parse: async decoded => decoded },
        logResponseError: false,
      })
    } catch (error) {
      // A connection that is closed, or a black hole, is made anew by the next call.
      if (/Closed|RequestTimeout/.test(faultOf(error).name)) {
        this.#client.removeBroker(broker.connectionPool)
        hangUp(broker)
      }
      throw error
    }
  }
}

class UnknownTopic extends Error {}
