import { EngineError } from '../../base/errors.ts'
import { type StructType, sameType, typeName } from '../../record/data-type.ts'
import type { SinkConnector } from '../connector.ts'
import { KafkaCluster } from './cluster.ts'
import { headersType } from './headers.ts'
import { kafkaSinkOptions } from './kafka-options.ts'
import { KafkaWriter } from './kafka-writer.ts'

/** `kafka`: columns value, and if they are there key, topic, partition and headers; options topic, kafka.*. */
export const kafkaSink: SinkConnector = {
  name: 'kafka',
  options: ['kafka.*', 'topic'],
  describe: async (options, schema) => {
    const parsed = kafkaSinkOptions(options)
    checkSchema(schema, parsed.topic)
    const cluster = new KafkaCluster(parsed)
    try {
      await cluster.connect()
      if (parsed.topic !== null) await cluster.addTopics([parsed.topic])
    } finally {
      await cluster.disconnect()
    }
    return {
      home: 'eventLoop',
      rows: 'records',
      maxWriters: Number.MAX_SAFE_INTEGER,
      guarantee: 'at-least-once',
      outputModes: ['append', 'update', 'complete'],
      label: `kafka ${parsed.topic ?? 'by the column topic'}`,
    }
  },
  open: context => new KafkaWriter(context),
  committer: () => null,
}

/** Throws KAFKA_BAD_SCHEMA and KAFKA_NO_TOPIC. */
const checkSchema = (schema: StructType, topic: string | null): void => {
  const find = (name: string) => schema.fields.find(f => f.name.toLowerCase() === name)
  const refusal = (column: string, expected: string, actual: string): EngineError =>
    new EngineError('KAFKA_BAD_SCHEMA', { column, expected, actual })
  const value = find('value')
  if (value === undefined) throw refusal('value', 'string or binary', `missing; there are ${schema.fields.map(f => f.name).join(', ')}`)
  for (const [name, kinds] of [
    ['value', ['string', 'binary']],
    ['key', ['string', 'binary']],
    ['topic', ['string']],
    ['partition', ['integer']],
  ] as const) {
    const found = find(name)
    if (found !== undefined && !(kinds as readonly string[]).includes(found.type.kind))
      throw refusal(name, kinds.join(' or '), typeName(found.type))
  }
  const headers = find('headers')
  if (headers !== undefined && !sameType(headers.type, headersType)) throw refusal('headers', typeName(headersType), typeName(headers.type))
  if (topic === null && find('topic') === undefined) throw new EngineError('KAFKA_NO_TOPIC', {})
}
