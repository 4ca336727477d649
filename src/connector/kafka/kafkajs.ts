import { createRequire } from 'node:module'
import net from 'node:net'
import tls from 'node:tls'
import { EngineError } from '../../base/errors.ts'
import type { ClusterOptions } from './kafka-options.ts'

/**
 * kafkajs as transport: connections, authentication, metadata, versions. Its record codec, consumer and producer are not used. These
 * classes are private to it, but the package is frozen at this version and has no `exports`; another version is refused.
 */
const KAFKAJS_VERSION = '2.2.4'
const load = createRequire(import.meta.url)

/** One request on a connection: its answer, or the error that takes its place, comes by a call. */
interface Entry {
  readonly apiKey: number
  readonly apiName: string
  readonly apiVersion: number
  readonly correlationId: number
  readonly resolve: (answer: { readonly payload: Buffer }) => void
  readonly reject: (error: unknown) => void
}

export interface Connection {
  readonly socket?: net.Socket
  /** Null where nobody logs in. */
  readonly sasl: object | null
  /** Matches answers to requests, and ends those that take too long. */
  readonly requestQueue: {
    push(request: {
      readonly entry: Entry
      readonly expectResponse: true
      readonly requestTimeout: number | null
      readonly sendRequest: () => void
    }): void
  }
  nextCorrelationId(): number
  isConnected(): boolean
  isAuthenticated(): boolean
  authenticate(): Promise<void>
  rejectRequests(error: Error): void
  disconnect(): Promise<unknown>
}

export interface BrokerClient {
  readonly connectionPool: {
    readonly host: string
    readonly port: number
    /** The first for everything but fetches, which have the second for themselves. */
    readonly pool: readonly Connection[]
    getConnection(index: number): Promise<Connection>
  }
  metadata(
    topics: readonly string[],
  ): Promise<{ readonly topicMetadata: readonly { readonly topic: string; readonly isInternal?: boolean }[] }>
}

export interface PartitionMetadata {
  readonly partitionId: number
  readonly leader: number
}

export interface TopicMetadata {
  readonly topic: string
  readonly partitionMetadata: readonly PartitionMetadata[]
}

interface TopicOffsets {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
}

export interface ClusterClient {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  findBroker(node: { readonly nodeId: number }): Promise<BrokerClient>
  removeBroker(address: { readonly host: string; readonly port: number }): void
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number }[]
      readonly fromTimestamp?: number
      readonly fromBeginning?: boolean
    }[],
  ): Promise<readonly TopicOffsets[]>
  readonly targetTopics: Set<string>
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, BrokerClient | undefined>>
    readonly seedBroker: BrokerClient | undefined
    /** Made anew by each refresh. */
    readonly metadata: { readonly topicMetadata: readonly TopicMetadata[] } | null
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

/** Another try may go better. */
export class NotAnswered extends Error {
  readonly retriable = true
}

/** Throws KAFKA_CLIENT_VERSION. */
export const openClient = (options: ClusterOptions): ClusterClient => {
  patch()
  const Cluster = load('kafkajs/src/cluster') as new (options: Readonly<Record<string, unknown>>) => ClusterClient
  const { Kafka, logLevel } = load('kafkajs') as typeof import('kafkajs')
  return new Cluster({
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

/** Ends a broker's connections now. kafkajs would wait for what is under way, and on a dead line that is a request's whole time-out. */
export const hangUp = ({ connectionPool }: BrokerClient): void => {
  for (const connection of connectionPool.pool) {
    connection.rejectRequests(new NotAnswered('the connection was closed'))
    connection.disconnect().catch(() => {})
    connection.socket?.destroy(new Error('closed'))
  }
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
