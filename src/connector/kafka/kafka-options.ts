import { readFileSync } from 'node:fs'
import { EngineError } from '../../base/errors.ts'
import type { ConnectorOptions } from '../connector.ts'
import { booleanOption, choiceOption, numberOption, optionOf, requiredOption } from '../options.ts'
import type { Compression } from './record-batch.ts'

/** Of `node:tls`. A broker's certificate is always checked; the name in it, unless the user does without. */
export interface TlsOptions {
  ca?: string
  cert?: string
  key?: string
  passphrase?: string
  checkServerIdentity?: () => undefined
}

/** How to reach a cluster; what kafkajs takes. */
export interface ClusterOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl: TlsOptions | undefined
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | undefined
  readonly requestTimeoutMillis: number
  /** How long an unreachable broker is tried before the query is told. */
  readonly patienceMillis: number
  readonly readCommitted: boolean
}

/** Options that would break what the engine promises, with the reason, as Spark refuses them. */
const refused: Readonly<Record<string, string>> = {
  'kafka.group.id': 'left out: offsets are kept in the checkpoint, and no consumer group is joined',
  'kafka.auto.offset.reset': 'left out: use startingOffsets',
  'kafka.enable.auto.commit': 'left out: nothing is committed to a group',
  'kafka.key.deserializer': 'left out: keys are bytes; cast them',
  'kafka.value.deserializer': 'left out: values are bytes; cast them',
  'kafka.key.serializer': 'left out: keys are bytes or strings',
  'kafka.value.serializer': 'left out: values are bytes or strings',
  'kafka.interceptor.classes': 'left out: there are no interceptors',
  'kafka.transactional.id': 'left out: transactions are not supported yet',
}

/** Throws MISSING_OPTION and BAD_OPTION. */
const clusterOptions = (options: ConnectorOptions): ClusterOptions => {
  for (const [name, value] of Object.entries(options)) {
    const reason = refused[name.toLowerCase()]
    if (reason !== undefined) throw new EngineError('BAD_OPTION', { option: name, value, expected: reason })
  }
  const brokers = requiredOption(options, 'kafka.bootstrap.servers', 'kafka')
    .split(',')
    .map(broker => broker.trim())
    .filter(broker => broker !== '')
  for (const broker of brokers) {
    if (!/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d+$/.test(broker)) {
      throw new EngineError('BAD_OPTION', {
        option: 'kafka.bootstrap.servers',
        value: broker,
        expected: 'host:port, several separated by commas',
      })
    }
  }
  const protocol = choiceOption(options, 'kafka.security.protocol', 'PLAINTEXT', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'])
  return {
    brokers,
    clientId: optionOf(options, 'kafka.client.id') ?? 'walkway',
    ssl: protocol === 'SSL' || protocol === 'SASL_SSL' ? sslOf(options) : undefined,
    sasl: protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL' ? saslOf(options) : undefined,
    requestTimeoutMillis: numberOption(options, 'kafka.request.timeout.ms', 30_000, 1),
    patienceMillis: numberOption(options, 'kafka.default.api.timeout.ms', 60_000, 1),
    readCommitted:
      choiceOption(options, 'kafka.isolation.level', 'read_committed', ['read_committed', 'read_uncommitted']) === 'read_committed',
  }
}

const sslOf = (options: ConnectorOptions): TlsOptions => {
  const ssl: TlsOptions = {}
  if (optionOf(options, 'kafka.ssl.endpoint.identification.algorithm') === '') ssl.checkServerIdentity = () => undefined
  const file = (option: string, name: 'ca' | 'cert' | 'key'): void => {
    const path = optionOf(options, option)
    if (path === undefined) return
    try {
      ssl[name] = readFileSync(path, 'utf8')
    } catch (error) {
      throw new EngineError('BAD_OPTION', { option, value: path, expected: 'a readable PEM file' }, error)
    }
  }
  file('kafka.ssl.truststore.location', 'ca')
  file('kafka.ssl.keystore.certificate.location', 'cert')
  file('kafka.ssl.keystore.key.location', 'key')
  const password = optionOf(options, 'kafka.ssl.key.password')
  if (password !== undefined) ssl.passphrase = password
  return ssl
}

const saslOf = (options: ConnectorOptions): ClusterOptions['sasl'] => {
  const mechanism = choiceOption(options, 'kafka.sasl.mechanism', 'PLAIN', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).toLowerCase()
  const jaas = optionOf(options, 'kafka.sasl.jaas.config') ?? ''
  const fromJaas = (name: string): string | undefined =>
    new RegExp(`${name}\\s*=\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(jaas)?.[1].replace(/\\(.)/g, '$1')
  const username = optionOf(options, 'kafka.sasl.username') ?? fromJaas('username')
  const password = optionOf(options, 'kafka.sasl.password') ?? fromJaas('password')
  if (username === undefined || password === undefined)
    throw new EngineError('MISSING_OPTION', { option: 'kafka.sasl.jaas.config', format: 'kafka' })
  return { mechanism, username, password }
}

/** Which topics are read. */
export type Subscription =
  | { readonly kind: 'topics'; readonly topics: readonly string[] }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'assign'; readonly partitions: Readonly<Record<string, readonly number[]>> }

type ByPartition = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Where reading begins or ends: everywhere alike, or by partition (−2 earliest, −1 latest). */
export type OffsetChoice = 'earliest' | 'latest' | ByPartition

/** The same by time, and before it: the first record that is not older than so many millis since 1970, everywhere or by partition. */
export type TimeChoice = number | ByPartition | null

export interface KafkaSourceOptions extends ClusterOptions {
  readonly subscription: Subscription
  readonly startingOffsets: OffsetChoice
  readonly startingTimes: TimeChoice
  /** What becomes of a partition without a record that late: an error, or only what is yet to come is read. */
  readonly withoutLater: 'error' | 'latest'
  readonly endingOffsets: OffsetChoice
  readonly endingTimes: TimeChoice
  readonly includeHeaders: boolean
  readonly failOnDataLoss: boolean
  readonly maxOffsetsPerTrigger: number
  readonly maxWaitMillis: number
  readonly partitionFetchBytes: number
}

/** All that is read below; a client's own settings begin with `kafka.`. */
export const kafkaSourceOptionNames: readonly string[] = [
  'kafka.*',
  'subscribe',
  'subscribePattern',
  'assign',
  'startingOffsets',
  'startingTimestamp',
  'startingOffsetsByTimestamp',
  'startingOffsetsByTimestampStrategy',
  'endingOffsets',
  'endingTimestamp',
  'endingOffsetsByTimestamp',
  'failOnDataLoss',
  'maxOffsetsPerTrigger',
  'includeHeaders',
  'minPartitions',
]

export const kafkaSourceOptions = (options: ConnectorOptions, streaming: boolean): KafkaSourceOptions => {
  const endings = ['endingOffsets', 'endingTimestamp', 'endingOffsetsByTimestamp']
  for (const option of streaming ? endings : []) {
    const value = optionOf(options, option)
    if (value !== undefined) throw new EngineError('BAD_OPTION', { option, value, expected: 'left out: a stream has no end' })
  }
  if (optionOf(options, 'minPartitions') !== undefined)
    throw new EngineError('BAD_OPTION', {
      option: 'minPartitions',
      value: String(optionOf(options, 'minPartitions')),
      expected: 'left out: one reader takes all partitions',
    })
  const startingOffsets = offsetsOf(options, 'startingOffsets', streaming ? 'latest' : 'earliest')
  const endingOffsets = offsetsOf(options, 'endingOffsets', 'latest')
  if (!streaming && startingOffsets === 'latest')
    throw new EngineError('BAD_OPTION', { option: 'startingOffsets', value: 'latest', expected: 'something else: a batch would be empty' })
  if (endingOffsets === 'earliest')
    throw new EngineError('BAD_OPTION', { option: 'endingOffsets', value: 'earliest', expected: 'something else: a batch would be empty' })
  for (const [option, offsets, refused, name] of [
    ['startingOffsets', streaming ? 'latest' : startingOffsets, -1, 'latest'],
    ['endingOffsets', endingOffsets, -2, 'earliest'],
  ] as const) {
    if (typeof offsets === 'string' || !Object.values(offsets).some(of => Object.values(of).includes(refused))) continue
    const value = JSON.stringify(offsets)
    throw new EngineError('BAD_OPTION', { option, value, expected: `no ${refused} (${name}) for a batch` })
  }
  const cluster = clusterOptions(options)
  return {
    ...cluster,
    subscription: subscriptionOf(options),
    startingOffsets,
    startingTimes: timesOf(options, 'startingTimestamp', 'startingOffsetsByTimestamp'),
    withoutLater: choiceOption(options, 'startingOffsetsByTimestampStrategy', 'error', ['error', 'latest']),
    endingOffsets,
    endingTimes: timesOf(options, 'endingTimestamp', 'endingOffsetsByTimestamp'),
    includeHeaders: includesHeaders(options),
    failOnDataLoss: booleanOption(options, 'failOnDataLoss', true),
    maxOffsetsPerTrigger: numberOption(options, 'maxOffsetsPerTrigger', Number.POSITIVE_INFINITY, 1),
    // A fetch that waited for longer would look like a broker that does not answer.
    maxWaitMillis: Math.min(numberOption(options, 'kafka.fetch.max.wait.ms', 100, 1), cluster.requestTimeoutMillis / 2),
    partitionFetchBytes: numberOption(options, 'kafka.max.partition.fetch.bytes', 1024 * 1024, 1),
  }
}

const subscriptionOf = (options: ConnectorOptions): Subscription => {
  const [subscribe, pattern, assign] = ['subscribe', 'subscribePattern', 'assign'].map(name => optionOf(options, name))
  if ([subscribe, pattern, assign].filter(value => value !== undefined).length > 1) {
    throw new EngineError('BAD_OPTION', {
      option: 'subscribe',
      value: subscribe ?? '',
      expected: 'only one of subscribe, subscribePattern and assign',
    })
  }
  if (subscribe !== undefined) {
    const topics = subscribe
      .split(',')
      .map(topic => topic.trim())
      .filter(topic => topic !== '')
    if (topics.length === 0)
      throw new EngineError('BAD_OPTION', { option: 'subscribe', value: subscribe, expected: 'topics separated by commas' })
    return { kind: 'topics', topics }
  }
  if (pattern !== undefined) {
    try {
      return { kind: 'pattern', pattern: new RegExp(`^(?:${pattern})$`) }
    } catch (error) {
      throw new EngineError('BAD_OPTION', { option: 'subscribePattern', value: pattern, expected: 'a regular expression' }, error)
    }
  }
  if (assign === undefined) throw new EngineError('MISSING_OPTION', { option: 'subscribe', format: 'kafka' })
  const partitions = parseJson('assign', assign) as Record<string, readonly number[]>
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && value.every(partition => Number.isInteger(partition) && partition >= 0)
  if (!Object.values(partitions).every(isList))
    throw new EngineError('BAD_OPTION', { option: 'assign', value: assign, expected: '{"topic": [0, 1]}' })
  return { kind: 'assign', partitions }
}

const offsetsOf = (options: ConnectorOptions, name: string, otherwise: OffsetChoice): OffsetChoice => {
  const text = optionOf(options, name)?.trim()
  if (text === undefined) return otherwise
  if (text.toLowerCase() === 'earliest' || text.toLowerCase() === 'latest') return text.toLowerCase() as OffsetChoice
  const offsets = parseJson(name, text) as Record<string, Record<string, number>>
  const isMap = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(offset => Number.isSafeInteger(offset) && (offset as number) >= -2)
  if (!Object.values(offsets).every(isMap))
    throw new EngineError('BAD_OPTION', { option: name, value: text, expected: '{"topic": {"0": 23, "1": -2}}' })
  return offsets
}

const timesOf = (options: ConnectorOptions, everywhere: string, byPartition: string): TimeChoice => {
  if (optionOf(options, everywhere) !== undefined) return numberOption(options, everywhere, 0)
  const text = optionOf(options, byPartition)
  if (text === undefined) return null
  const times = parseJson(byPartition, text) as Record<string, Record<string, number>>
  const isMap = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && Object.values(value).every(time => Number.isSafeInteger(time) && (time as number) >= 0)
  if (!Object.values(times).every(isMap))
    throw new EngineError('BAD_OPTION', {
      option: byPartition,
      value: text,
      expected: '{"topic": {"0": 1700000000000}}, millis since 1970',
    })
  return times
}

export const includesHeaders = (options: ConnectorOptions): boolean => booleanOption(options, 'includeHeaders', false)

const parseJson = (option: string, text: string): object => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw new EngineError('BAD_OPTION', { option, value: text, expected: 'JSON' }, error)
  }
  throw new EngineError('BAD_OPTION', { option, value: text, expected: 'a JSON object' })
}

export interface KafkaSinkOptions extends ClusterOptions {
  /** Where all rows go, whatever their column topic says, as in Spark; null: to the topic that the column names. */
  readonly topic: string | null
  readonly compression: Compression
  readonly requestBytes: number
  readonly deliveryMillis: number
}

export const kafkaSinkOptions = (options: ConnectorOptions): KafkaSinkOptions => ({
  ...clusterOptions(options),
  topic: optionOf(options, 'topic') ?? null,
  compression: choiceOption(options, 'kafka.compression.type', 'none', ['none', 'gzip', 'snappy']),
  requestBytes: numberOption(options, 'kafka.max.request.size', 1_000_000, 1024),
  deliveryMillis: numberOption(options, 'kafka.delivery.timeout.ms', 120_000, 1),
})
