import { EngineError } from '../../base/errors.ts'
import { EARLIEST, type KafkaCluster, LATEST } from './cluster.ts'
import type { KafkaSourceOptions, OffsetChoice, TimeChoice } from './kafka-options.ts'
import { partitionName } from './source-partition.ts'

/** What the subscription means now. `tolerant`: topics and partitions that are gone are left out. */
export const subscribedPartitions = async (
  cluster: KafkaCluster,
  { subscription }: KafkaSourceOptions,
  tolerant = false,
): Promise<Map<string, readonly number[]>> => {
  const subscribed =
    subscription.kind === 'topics'
      ? subscription.topics
      : subscription.kind === 'assign'
        ? Object.keys(subscription.partitions)
        : (await cluster.topics()).filter(topic => subscription.pattern.test(topic))
  const topics: string[] = []
  if (!tolerant) {
    await cluster.addTopics(subscribed)
    topics.push(...subscribed)
  } else {
    for (const topic of subscribed) {
      try {
        await cluster.addTopics([topic])
        topics.push(topic)
      } catch (error) {
        if (!(error instanceof EngineError && error.code === 'KAFKA_TOPIC_MISSING')) throw error
      }
    }
  }
  return new Map(
    topics.map(topic => {
      const there = cluster.partitionsOf(topic).map(({ partitionId }) => partitionId)
      if (subscription.kind !== 'assign') return [topic, there.sort((a, b) => a - b)]
      const wanted = subscription.partitions[topic]
      if (tolerant) return [topic, wanted.filter(partition => there.includes(partition))]
      const missing = wanted.find(partition => !there.includes(partition))
      if (missing !== undefined)
        throw new EngineError('KAFKA_TOPIC_MISSING', {
          topic: partitionName(topic, missing),
          candidates: there.map(partition => partitionName(topic, partition)).join(', '),
        })
      return [topic, wanted]
    }),
  )
}

/** Offsets where reading begins or ends, by partition. Rejects with BAD_OPTION. */
export const chosenOffsets = async (
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
  which: 'starting' | 'ending',
  choice: OffsetChoice,
  times: TimeChoice,
  withoutLater: 'error' | 'latest',
): Promise<Map<number, number>> => {
  if (times !== null) return offsetsByTime(cluster, topic, partitions, `${which}OffsetsByTimestamp`, times, withoutLater)
  if (typeof choice === 'string') return cluster.offsets(topic, partitions, choice === 'earliest' ? EARLIEST : LATEST)
  const chosen = new Map<number, number>()
  for (const partition of partitions) {
    const offset = choice[topic]?.[String(partition)]
    if (offset === undefined)
      throw new EngineError('BAD_OPTION', {
        option: `${which}Offsets`,
        value: JSON.stringify(choice),
        expected: `an offset for ${partitionName(topic, partition)} too`,
      })
    chosen.set(partition, offset >= 0 ? offset : ((await cluster.offsets(topic, [partition], offset)).get(partition) ?? 0))
  }
  return chosen
}

const offsetsByTime = async (
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
  option: string,
  times: number | Exclude<TimeChoice, number | null>,
  withoutLater: 'error' | 'latest',
): Promise<Map<number, number>> => {
  const chosen = new Map<number, number>()
  for (const partition of partitions) {
    const time = typeof times === 'number' ? times : times[topic]?.[String(partition)]
    const refuse = (expected: string): never => {
      throw new EngineError('BAD_OPTION', { option, value: JSON.stringify(times), expected })
    }
    if (time === undefined) return refuse(`a time for ${partitionName(topic, partition)} too`)
    let offset = (await cluster.offsets(topic, [partition], time)).get(partition) ?? -1
    if (offset < 0) {
      if (withoutLater === 'error')
        return refuse(`a time that a record of ${partitionName(topic, partition)} reaches, or startingOffsetsByTimestampStrategy latest`)
      offset = (await cluster.offsets(topic, [partition], LATEST)).get(partition) ?? 0
    }
    chosen.set(partition, offset)
  }
  return chosen
}

/** For `explain`. */
export const subscriptionLabel = ({ subscription }: KafkaSourceOptions): string =>
  subscription.kind === 'topics'
    ? subscription.topics.join(', ')
    : subscription.kind === 'pattern'
      ? String(subscription.pattern)
      : JSON.stringify(subscription.partitions)
