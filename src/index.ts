export { Column, type ColumnOrLiteral, type ColumnOrName, type Literal } from './api/column.ts'
export type { OptionValue } from './api/configurable.ts'
export { DataFrame, type Row } from './api/data-frame.ts'
export {
  abs,
  asc,
  avg,
  base64,
  ceil,
  coalesce,
  col,
  column,
  concat,
  count,
  countDistinct,
  currentTimestamp,
  desc,
  first,
  floor,
  fromJson,
  greatest,
  hash,
  isnan,
  isnull,
  last,
  least,
  length,
  lit,
  lower,
  max,
  mean,
  min,
  not,
  nullif,
  rand,
  round,
  struct,
  substring,
  sum,
  sumDistinct,
  timestampAdd,
  timestampMicros,
  timestampMillis,
  timestampSeconds,
  toJson,
  trim,
  unbase64,
  unixMicros,
  unixMillis,
  unixSeconds,
  upper,
  when,
  window,
  windowTime,
  xxhash64,
} from './api/functions.ts'
export { GroupedData } from './api/grouped-data.ts'
export { MemoryStream } from './api/memory-stream.ts'
export { PushStream } from './api/push-stream.ts'
export { DataFrameReader, DataStreamReader } from './api/reader.ts'
export { SessionBuilder, WalkwaySession } from './api/session.ts'
export { StreamingQuery, type StreamingQueryStatus } from './api/streaming-query.ts'
export { type StreamingQueryListener, StreamingQueryManager } from './api/streams.ts'
export { parseTrigger, Trigger, type TriggerOptions } from './api/trigger.ts'
export { type UdfOptions, type UserDefinedFunction, udf } from './api/udf.ts'
export { DataFrameWriter, DataStreamWriter } from './api/writer.ts'
export { ManualClock, type WaitableClock } from './base/clock.ts'
export { durationMillis } from './base/duration.ts'
export { EngineError, type ErrorCode, errorCodes } from './base/errors.ts'
export type { ForeachWriter, RowCallback } from './connector/caller-sinks.ts'
export type {
  ColumnReader,
  ConnectorOptions,
  Guarantee,
  Home,
  ObjectReader,
  ObjectWriterSink,
  RecordReader,
  RecordWriterSink,
  SinkCommitter,
  SinkConnector,
  SinkContext,
  SinkDescription,
  SinkToken,
  SinkWriter,
  SourceConnector,
  SourceContext,
  SourceDescription,
  SourceOffset,
  SourceReader,
} from './connector/connector.ts'
export { Ticket } from './connector/connector.ts'
export { decodeKafkaHeaders, encodeKafkaHeaders, type KafkaHeader } from './connector/kafka/headers.ts'
export { registerSink, registerSource } from './connector/registry.ts'
export type { QueryIdle, QueryProgress, SourceProgress, StateOperatorProgress } from './coordinator/progress.ts'
export { parseSchema, parseType } from './expression/parse-type.ts'
// For connectors whose rows are columns or records, and for programs that read them as FlatBuffers.
export type { BytesColumn, ColumnBatch, LongColumn, NumberArray, NumberColumn } from './record/column-batch.ts'
export { type DataType, type Field, type StructType, typeName } from './record/data-type.ts'
export { standalone, toFbs } from './record/flatbuffers-schema.ts'
export { RecordBuffer } from './record/record-buffer.ts'
export { RowLayout } from './record/row-layout.ts'
export { RowView } from './record/row-view.ts'
export { RowWriter } from './record/row-writer.ts'
