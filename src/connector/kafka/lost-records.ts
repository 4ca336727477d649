import { EngineError } from '../../base/errors.ts'
import { EARLIEST, type KafkaCluster, LATEST } from './cluster.ts'
import type { KafkaSourceOptions } from './kafka-options.ts'
import { NotAnswered } from './kafkajs.ts'
import { codeName, fetchRecords, fetchRequest, OFFSET_OUT_OF_RANGE } from './requests.ts'
import { partitionName } from './source-partition.ts'

/**
 * Where to go on reading partitions of a topic: where it is wanted, unless the log has let go of that, or has been cut off or made anew.
 * Then that is KAFKA_DATA_LOSS, or with failOnDataLoss=false the log's beginning.
 */
export const stillThere = async (
  cluster: KafkaCluster,
  options: KafkaSourceOptions,
  topic: string,
  wanted: ReadonlyMap<number, number>,
): Promise<Map<number, number>> => {
  const partitions = [...wanted.keys()]
  const [earliest, latest] = await Promise.all([EARLIEST, LATEST].map(at => cluster.offsets(topic, partitions, at)))
  const found = new Map<number, number>()
  for (const [partition, offset] of wanted) {
    const [first, last] = [earliest.get(partition) ?? 0, latest.get(partition) ?? 0]
    const isThere = offset >= first && (offset <= last || (await isInLog(cluster, options, topic, partition, offset)))
    if (!isThere && options.failOnDataLoss) {
      throw new EngineError('KAFKA_DATA_LOSS', {
        partition: partitionName(topic, partition),
        wanted: offset,
        first: `${first}, the last ${last}`,
      })
    }
    found.set(partition, isThere ? offset : first)
  }
  return found
}

/**
 * Whether the log reaches as far as an offset. The end that a broker tells of may be nearer: a leader that is new does not know yet how
 * much its followers have, and a transaction that is open hides what follows. What it says to a fetch is right.
 */
const isInLog = (cluster: KafkaCluster, options: KafkaSourceOptions, topic: string, partition: number, offset: number): Promise<boolean> =>
  cluster.patiently(() => {
    const limits = { maxWaitMillis: 0, maxBytes: 1, partitionBytes: 1, readCommitted: options.readCommitted }
    const parts = [{ topic, partition, fetchAt: offset }]
    return fetchRecords(cluster, cluster.leaderOf(topic, partition), fetchRequest(options.clientId), parts, limits, ([answer]) => {
      if (answer?.errorCode === 0) return true
      if (answer?.errorCode === OFFSET_OUT_OF_RANGE) return false
      throw new NotAnswered(`${partitionName(topic, partition)}: ${codeName(answer?.errorCode ?? -1)}`)
    })
  })
