import type { KafkaCluster } from './cluster.ts'
import type { AbortedTransaction } from './record-cursor.ts'
import { WireReader, WireWriter } from './wire.ts'

/** The two requests that carry records, by the versions that kafkajs speaks too: Fetch 11 and Produce 7. */
export const fetchRequest = (clientId: string): WireWriter => new WireWriter(1, 11, clientId)
export const produceRequest = (clientId: string): WireWriter => new WireWriter(0, 7, clientId)

export interface FetchPart {
  readonly topic: string
  readonly partition: number
  /** Where to begin. */
  readonly fetchAt: number
}

export interface FetchLimits {
  readonly maxWaitMillis: number
  readonly maxBytes: number
  readonly partitionBytes: number
  readonly readCommitted: boolean
}

export interface FetchedPart {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStart: number
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches as they stand in the log; the last may be cut off. A view of the whole answer. */
  readonly records: Buffer
}

const byTopic = <T extends { readonly topic: string }>(parts: readonly T[]): Map<string, T[]> => {
  const topics = new Map<string, T[]>()
  for (const part of parts) {
    const own = topics.get(part.topic)
    if (own === undefined) topics.set(part.topic, [part])
    else own.push(part)
  }
  return topics
}

/** A long poll: answers when there is something, or after `maxWaitMillis`. `receive` is called the moment the answer is here. */
export const fetchRecords = <T>(
  cluster: KafkaCluster,
  nodeId: number,
  request: WireWriter,
  parts: readonly FetchPart[],
  limits: FetchLimits,
  receive: (parts: FetchedPart[]) => T,
): Promise<T> => {
  request
    .restart()
    .int32(-1)
    .int32(limits.maxWaitMillis)
    .int32(1)
    .int32(limits.maxBytes)
    .int8(limits.readCommitted ? 1 : 0)
    .int32(0)
    .int32(-1)
  const topics = byTopic(parts)
  request.int32(topics.size)
  for (const [topic, own] of topics) {
    request.string(topic).int32(own.length)
    for (const { partition, fetchAt } of own) request.int32(partition).int32(-1).int64(fetchAt).int64(-1).int32(limits.partitionBytes)
  }
  request.int32(0).string('')
  return cluster.send(nodeId, request, bytes => receive(readFetched(new WireReader(bytes))))
}

const readFetched = (r: WireReader): FetchedPart[] => {
  r.int32()
  const error = r.int16()
  r.int32()
  const answers = r.list(() => {
    const topic = r.string()
    return r.list((): FetchedPart => {
      const partition = r.int32()
      const errorCode = r.int16()
      const highWatermark = r.int64()
      r.int64()
      const logStart = r.int64()
      const aborted = r.list(() => ({ producerId: r.bigint64(), firstOffset: r.int64() }))
      r.int32()
      return { topic, partition, errorCode: error === 0 ? errorCode : error, highWatermark, logStart, aborted, records: r.bytes() }
    })
  })
  return answers.flat()
}

export interface ProducePart {
  readonly topic: string
  readonly partition: number
  readonly batch: Uint8Array
}

/**
 * Sends at most one batch a partition; answers when all in-sync replicas have them. `receive` is called the moment the answer is here, with
 * the error code of each partition by `topic:partition`.
 */
export const produceRecords = <T>(
  cluster: KafkaCluster,
  nodeId: number,
  request: WireWriter,
  parts: readonly ProducePart[],
  timeoutMillis: number,
  receive: (codes: ReadonlyMap<string, number>) => T,
): Promise<T> => {
  request.restart().string(null).int16(-1).int32(timeoutMillis)
  const topics = byTopic(parts)
  request.int32(topics.size)
  for (const [topic, own] of topics) {
    request.string(topic).int32(own.length)
    for (const { partition, batch } of own) request.int32(partition).bytes(batch)
  }
  return cluster.send(nodeId, request, bytes => receive(readProduced(new WireReader(bytes))))
}

const readProduced = (r: WireReader): Map<string, number> => {
  const codes = new Map<string, number>()
  r.list(() => {
    const topic = r.string()
    r.list(() => {
      const partition = r.int32()
      codes.set(`${topic}:${partition}`, r.int16())
      r.int64()
      r.int64()
      r.int64()
    })
  })
  return codes
}

/** Error codes that another try, perhaps at another broker, may mend: leader changes, time-outs, too few replicas, and the like. */
const passing = new Set([3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 56, 72, 74, 75, 76, 77, 78, 100])
export const isPassingCode = (code: number): boolean => passing.has(code)
export const OFFSET_OUT_OF_RANGE = 1
export const UNKNOWN_TOPIC = 3
export const MESSAGE_TOO_LARGE = 10
export const RECORD_LIST_TOO_LARGE = 18

const names: Readonly<Record<number, string>> = {
  1: 'OFFSET_OUT_OF_RANGE',
  2: 'CORRUPT_MESSAGE',
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  10: 'MESSAGE_TOO_LARGE',
  17: 'INVALID_TOPIC',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  87: 'INVALID_RECORD',
}
export const codeName = (code: number): string => names[code] ?? `error ${code}`
