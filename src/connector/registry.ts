import { EngineError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { callbackSink, foreachBatchSink, foreachSink, memorySink } from './caller-sinks.ts'
import type { SinkConnector, SourceConnector } from './connector.ts'
import { consoleSink } from './console-sink.ts'
import { jsonSink } from './file-sink.ts'
import { jsonSource, textSource } from './file-source.ts'
import { iterableSource } from './iterable-source.ts'
import { kafkaSink } from './kafka/kafka-sink.ts'
import { kafkaSource } from './kafka/kafka-source.ts'
import { memorySource } from './memory-source.ts'
import { noopSink } from './noop-sink.ts'
import { pushSource } from './push-source.ts'
import { rangeSource } from './range-source.ts'
import { rateSource } from './rate-source.ts'
import { recordSink } from './record-sink.ts'

const sources = new Map<string, SourceConnector>(
  [memorySource, pushSource, iterableSource, rangeSource, rateSource, kafkaSource, jsonSource, textSource].map(source => [
    source.name,
    source,
  ]),
)
const sinks = new Map<string, SinkConnector>(
  [memorySink, callbackSink, foreachSink, foreachBatchSink, consoleSink, noopSink, recordSink, kafkaSink, jsonSink].map(sink => [
    sink.name,
    sink,
  ]),
)

/** The connector of a format. Throws UNKNOWN_FORMAT with the names that there are. */
export const sourceConnector = (format: string): SourceConnector => sources.get(format) ?? unknown('source', format, [...sources.keys()])

export const sinkConnector = (format: string): SinkConnector => sinks.get(format) ?? unknown('sink', format, [...sinks.keys()])

/**
 * Makes a source known under its name, in this thread. A source that runs on workers must be registered there too: see the option `modules`
 * of the session.
 */
export const registerSource = (source: SourceConnector): void => {
  sources.set(source.name, source)
}

/** The same for a sink. */
export const registerSink = (sink: SinkConnector): void => {
  sinks.set(sink.name, sink)
}

const unknown = (kind: string, format: string, names: readonly string[]): never => {
  throw new EngineError('UNKNOWN_FORMAT', { kind, format, candidates: nearest(format, names, names.length).join(', ') })
}
