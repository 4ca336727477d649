import { expect, test } from 'vitest'
import type { KafkaCluster } from '../../../src/connector/kafka/cluster.ts'
import { Fetcher } from '../../../src/connector/kafka/fetcher.ts'
import { kafkaSourceOptions } from '../../../src/connector/kafka/kafka-options.ts'
import { SourcePartition } from '../../../src/connector/kafka/source-partition.ts'

// Goal: a partition always has somebody who fetches it. Method: a cluster whose leaders change between two looks, and that only notes what
// is sent to whom.

const options = kafkaSourceOptions({ subscribe: 't', 'kafka.bootstrap.servers': 'none:1' }, true)

test('a partition that comes back to a broker at the moment when its poll ends is fetched from it', () => {
  const partition = new SourcePartition('t', 0, 0, Number.POSITIVE_INFINITY, false)
  const sent: number[] = []
  let looks = 0
  const cluster = {
    // The second look, by the poll that the first has begun, finds the partition gone.
    leaderOf: () => (looks++ === 1 ? 2 : 1),
    send: (node: number) => {
      sent.push(node)
      return new Promise(() => {})
    },
  } as unknown as KafkaCluster
  const fetcher = new Fetcher(cluster, options, () => 0, {
    partitions: new Map([[partition.name, partition]]),
    arrived: () => {},
    vanished: () => {},
    failed: () => {},
  })
  fetcher.start()
  expect(sent).toEqual([])
  fetcher.start()
  expect(sent).toEqual([1])
  fetcher.start()
  expect(sent).toEqual([1])
  fetcher.close()
})
