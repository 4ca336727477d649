import type { SourceConnector } from '../connector.ts'
import { KafkaCluster } from './cluster.ts'
import { kafkaSourceOptionNames, kafkaSourceOptions } from './kafka-options.ts'
import { KafkaReader } from './kafka-reader.ts'
import { sourceColumns } from './source-columns.ts'
import { subscribedPartitions, subscriptionLabel } from './subscription.ts'

/** `kafka`: options as Spark's connector has them; see docs/CONNECTORS.md. */
export const kafkaSource: SourceConnector = {
  name: 'kafka',
  options: kafkaSourceOptionNames,
  schema: sourceColumns,
  describe: async (options, _schema, streaming) => {
    const parsed = kafkaSourceOptions(options, streaming)
    const cluster = new KafkaCluster(parsed)
    try {
      await cluster.connect()
      await subscribedPartitions(cluster, parsed)
    } finally {
      await cluster.disconnect()
    }
    return {
      schema: sourceColumns(options),
      home: 'eventLoop',
      rows: 'records',
      maxReaders: 1,
      replayable: true,
      label: `kafka ${subscriptionLabel(parsed)}`,
    }
  },
  open: context => new KafkaReader(context),
}
