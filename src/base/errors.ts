/** What becomes of a query that meets the fault: the user must change something, the same step is tried again, or the query restarts. */
export type Fate = 'user' | 'retry' | 'restart'

export type ErrorDetails = Readonly<Record<string, string | number | bigint | boolean>>

interface ErrorEntry {
  readonly fate: Fate
  /** Names in braces are replaced by the details. It says what is wrong, the value, and the way out. */
  readonly message: string
}

/** Every code that Walkway gives to a user. Stable: a code is never reused or renamed. Sorted by name within each block. */
const table = {
  // Plans and expressions
  AMBIGUOUS_COLUMN: {
    fate: 'user',
    message: 'Column {column} is ambiguous: it stands in the schema {count} times. Rename one of them first.',
  },
  BAD_ARGUMENT: { fate: 'user', message: '{argument} is {value}: expected {expected}.' },
  BAD_DURATION: {
    fate: 'user',
    message: 'Not a duration: {text}. Write a number and a unit, as in 10 seconds, 1 hour 30 minutes, or interval 5 days.',
  },
  BAD_ESCAPE: {
    fate: 'user',
    message: 'LIKE: {escape} does not escape correctly. The escape character, one character, stands only before %, _ or itself.',
  },
  BAD_LITERAL: {
    fate: 'user',
    message: 'The literal {value} cannot be used: {reason}. Use null, a boolean, a number, a bigint, a string, a Date or a Uint8Array.',
  },
  BAD_OPTION: { fate: 'user', message: 'Option {option} is {value}: expected {expected}.' },
  BAD_TRIGGER: {
    fate: 'user',
    message: 'Not a trigger: {text}. There are: realTime 1 second, processingTime 1 second, availableNow, once, default.',
  },
  BAD_TRIGGER_INTERVAL: { fate: 'user', message: 'Trigger {trigger} with an interval of {interval}: it must be {expected}.' },
  BAD_TYPE: {
    fate: 'user',
    message: 'Not a type or schema: {text} ({reason}). Write types as Spark does: BIGINT, DECIMAL(10,2), STRUCT<a: INT>.',
  },
  BAD_WINDOW: {
    fate: 'user',
    message:
      'A window of {size} ms, sliding by {slide} ms, starting at {start} ms: the size must be positive, the slide positive and at most the size, the start nearer to 0 than the slide.',
  },
  DATATYPE_MISMATCH: {
    fate: 'user',
    message: '{expression}: expected {expected}, but {argument} is of type {actual}. Cast it, or use another function.',
  },
  GROUP_BY_AGGREGATE: {
    fate: 'user',
    message: 'groupBy({expression}): an aggregate is computed of groups, so it cannot make them. Group its result in a second step.',
  },
  INVALID_WHERE_CONDITION: {
    fate: 'user',
    message: 'filter: there is an aggregate in the condition {expression}. Compute it with agg first, then filter its result.',
  },
  JOIN_WITHOUT_EQUALITY: {
    fate: 'user',
    message: 'A join of a stream ({type}) needs at least one equality between its sides. Add one to its condition.',
  },
  MISSING_AGGREGATION: {
    fate: 'user',
    message: '{expression} stands beside aggregates but not in groupBy. Group by it too, or aggregate it, as in first({expression}).',
  },
  MISSING_GROUP_BY: {
    fate: 'user',
    message: '{expression} stands beside aggregates over all rows. Group by it with groupBy, or aggregate it, as in first({expression}).',
  },
  MISSING_OPTION: { fate: 'user', message: 'Format {format} needs the option {option}. Give it with option(…).' },
  MISSING_SCHEMA: { fate: 'user', message: 'Format {format} needs a schema. Give it with schema(…).' },
  MISSING_SINK: {
    fate: 'user',
    message: 'The query has no sink. Say where its rows go: format(…), foreach(…), foreachBatch(…), or format(noop) to drop them.',
  },
  MISSING_WATERMARK: { fate: 'user', message: '{operation} needs a watermark: call withWatermark on the input first.' },
  MULTIPLE_WINDOWS: {
    fate: 'user',
    message: '{count} window expressions that differ in one select or groupBy: only one is possible. Use two steps.',
  },
  NEGATIVE_DELAY: {
    fate: 'user',
    message: 'A watermark delay of {delay} ms: it must not be negative. Use 0 seconds to wait for no late row.',
  },
  NESTED_AGGREGATE_FUNCTION: {
    fate: 'user',
    message: '{expression}: an aggregate inside an aggregate. Compute the inner one first, in an agg of its own.',
  },
  NO_STREAMING_SOURCE: { fate: 'user', message: 'The query has no streaming source. Use readStream, or write instead of writeStream.' },
  NUM_COLUMNS_MISMATCH: {
    fate: 'user',
    message: 'union: the first input has {first} columns, another has {other}. Select as many of each.',
  },
  PATH_NOT_FOUND: { fate: 'user', message: 'There are no files at {path}. Correct the path, or write them first.' },
  QUERY_NAME_IN_USE: {
    fate: 'user',
    message: 'A query named {name} is running in this session already. Stop it first, or give another queryName.',
  },
  SCHEMA_NOT_INFERRED: { fate: 'user', message: 'The type of column {column} cannot be told from the rows: {reason}. Give a schema.' },
  TABLE_NOT_FOUND: { fate: 'user', message: 'There is no table {name}. A query with format memory makes one under its queryName.' },
  UDF_FREE_VARIABLE: {
    fate: 'user',
    message:
      'User function {name} uses {variables} from outside, which does not exist on another thread. Pass it as udf(fn, type, { bindings }), or use udf.module.',
  },
  UDF_NOT_FOUND: { fate: 'user', message: 'User function {name} is not exported by {url}. Check the URL and the name of the export.' },
  UDF_UNSUPPORTED: { fate: 'user', message: 'User function {name} cannot be used: {reason}. Write it as a plain function.' },
  UNKNOWN_FORMAT: { fate: 'user', message: 'There is no {kind} named {format}. There are: {candidates}.' },
  UNKNOWN_OPTION: { fate: 'user', message: '{where} has no option {option}. Did you mean one of: {candidates}?' },
  UNRESOLVED_COLUMN: { fate: 'user', message: 'There is no column {column}. Did you mean one of: {candidates}?' },
  UNRESOLVED_ROUTINE: { fate: 'user', message: 'There is no function {name}. Did you mean one of: {candidates}?' },
  UNSUPPORTED_OUTPUT_MODE: { fate: 'user', message: 'Output mode {mode} is not possible: {reason}.' },
  WATERMARK_REDEFINED: { fate: 'user', message: 'withWatermark({column}): the input has a watermark already. Keep one of the two.' },
  WATERMARK_TYPE: {
    fate: 'user',
    message: 'withWatermark({column}): expected a timestamp or a window, but it is {actual}. Cast it to timestamp.',
  },
  WRONG_NUM_ARGS: { fate: 'user', message: '{name} takes {expected} arguments, but got {actual}.' },
  // Checkpoints
  CHECKPOINT_DAMAGED: {
    fate: 'user',
    message: 'The checkpoint file {path} is damaged: {reason}. Restore it from a copy, or start anew with another checkpointLocation.',
  },
  CHECKPOINT_FAILED: {
    fate: 'retry',
    message: 'The checkpoint could not be written to {path}: {reason}. The query goes on from the last one once that is mended.',
  },
  CHECKPOINT_INCOMPATIBLE: {
    fate: 'user',
    message:
      'The checkpoint at {path} belongs to another query: {what} was {before}, and is {now}. Use another checkpointLocation, or undo the change.',
  },
  CHECKPOINT_IN_USE: {
    fate: 'user',
    message: 'The checkpoint at {path} is in use by process {pid}. Stop that query first, or use another checkpointLocation.',
  },
  // Kafka
  KAFKA_AUTHENTICATION: {
    fate: 'user',
    message: 'The Kafka brokers {brokers} refuse the credentials: {reason}. Check kafka.security.protocol and kafka.sasl.*.',
  },
  KAFKA_BAD_DATA: { fate: 'user', message: 'Kafka {where}, offset {offset}: {what}. Check the broker’s disk.' },
  KAFKA_BAD_SCHEMA: {
    fate: 'user',
    message: 'The Kafka sink’s column {column} must be {expected}, but it is {actual}. Cast or rename it.',
  },
  KAFKA_CLIENT_VERSION: {
    fate: 'user',
    message: 'kafkajs {version} is installed, but its private parts are known of {expected} only. Install that.',
  },
  KAFKA_DATA_LOSS: {
    fate: 'user',
    message:
      'Kafka {partition} no longer holds offset {wanted}, which is next; the first is {first}. Set failOnDataLoss to false to go on without what is lost.',
  },
  KAFKA_DELIVERY_FAILED: {
    fate: 'restart',
    message:
      'Records for Kafka {partition} could not be delivered within {seconds} s: {reason}. Raise kafka.delivery.timeout.ms to try longer.',
  },
  KAFKA_NO_PARTITION: {
    fate: 'user',
    message: 'Kafka topic {topic} has no partition {partition}: it has {count}. Correct the column partition.',
  },
  KAFKA_NO_TOPIC: { fate: 'user', message: 'No topic to write to: set the option topic, or add a column topic that is not null.' },
  KAFKA_RECORD_TOO_LARGE: {
    fate: 'user',
    message:
      'A record of {bytes} bytes for Kafka topic {topic}: at most {limit} are possible. Raise kafka.max.request.size and the topic’s limit.',
  },
  KAFKA_TOPIC_MISSING: {
    fate: 'user',
    message: 'There is no Kafka topic {topic}. Names like it: {candidates}. Create it, or correct the name.',
  },
  KAFKA_UNREACHABLE: {
    fate: 'restart',
    message:
      'The Kafka brokers {brokers} could not be reached for {seconds} s: {reason}. Check kafka.bootstrap.servers, or raise kafka.default.api.timeout.ms to try longer.',
  },
  KAFKA_UNSUPPORTED_CODEC: {
    fate: 'user',
    message: 'Kafka {where} is compressed with {codec}, which is not supported. Use gzip, snappy or none.',
  },
  // Run time
  ARITHMETIC_OVERFLOW: { fate: 'user', message: '{operation} overflows {type}. Cast an operand to a wider type.' },
  CAST_INVALID_INPUT: {
    fate: 'user',
    message: 'The value {value} of type {from} cannot be cast to {to}. Filter it out, or use try_cast to get null instead.',
  },
  CAST_OVERFLOW: { fate: 'user', message: 'The value {value} of type {from} does not fit into {to}. Cast to a wider type.' },
  CONVERSION_INVALID_INPUT: { fate: 'user', message: 'The value {value} cannot be converted to {to}: it is no {format}. Filter it out.' },
  DIVIDE_BY_ZERO: { fate: 'user', message: 'Division by zero. Guard it with case when or nullif.' },
  FILE_UNREADABLE: { fate: 'restart', message: 'The file {path} cannot be read: {reason}. Make it readable, or take it away.' },
  FILE_VANISHED: {
    fate: 'user',
    message: 'The file {path} was there and is gone. Bring it back, or set ignoreMissingFiles to true to go on without it.',
  },
  FOREACH_FAILED: { fate: 'user', message: 'The function of the sink threw: {reason}. Catch in it what must not stop the query.' },
  INTERNAL: {
    fate: 'restart',
    message: 'Something failed that should not: {reason}. If it is no connector of yours, please report it with this text.',
  },
  LINE_TOO_LONG: { fate: 'user', message: 'A line of {path} is longer than {limit} bytes. Split it, or take the file away.' },
  MALFORMED_JSON: { fate: 'user', message: 'Malformed JSON: {text}. Use mode PERMISSIVE to get nulls instead.' },
  NULL_IN_NON_NULLABLE: {
    fate: 'user',
    message: 'Column {column} is null, but its schema says NOT NULL. Declare it nullable, or leave such rows out.',
  },
  NUMERIC_VALUE_OUT_OF_RANGE: { fate: 'user', message: 'A value does not fit into {type}. Cast to a decimal with more digits.' },
  OUTPUT_AHEAD: {
    fate: 'user',
    message:
      'The output at {path} holds epoch {held}, but the checkpoint ends with {epoch}: its state/{held}.manifest is missing, or the output is of another query. Restore the checkpoint from a copy, or start anew with another checkpointLocation and path.',
  },
  OUTPUT_DAMAGED: { fate: 'user', message: 'The log {path} of the output is damaged: {reason}. Restore it from a copy.' },
  OUTPUT_EXISTS: {
    fate: 'user',
    message: 'There is output at {path} already, and no checkpoint that belongs to it. Use another path, or remove what is there.',
  },
  QUERY_STOPPED: { fate: 'user', message: 'The query has been stopped before {what}. Start it again to go on.' },
  RECORD_TOO_LARGE: {
    fate: 'user',
    message: 'A record of {bytes} bytes: at most {limit} are possible. Split it, or leave the large column out.',
  },
  RESTART_LIMIT: {
    fate: 'user',
    message:
      'The query failed {count} times within {seconds} s; the last time: {reason}. Mend that and start it again, or raise maxRestarts.',
  },
  SINK_DISK_FULL: { fate: 'retry', message: 'No space is left on the disk of {path}. Make room; the query goes on from its checkpoint.' },
  SINK_FAILED: {
    fate: 'restart',
    message: 'The sink could not write to {path}: {reason}. Once that is mended the query goes on from its checkpoint.',
  },
  SOURCE_FAILED: { fate: 'user', message: 'The source {source} failed: {reason}. Mend that, and start the query again.' },
  SOURCE_TAKEN: {
    fate: 'user',
    message: 'The rows of this {source} source can be read once, and another query reads or has read them. Make another.',
  },
  STREAM_CLOSED: { fate: 'user', message: 'The {stream} stream is closed and takes no more rows. Make another.' },
  UDF_FAILED: {
    fate: 'user',
    message: 'User function {name} threw: {reason}. Catch it there, and return null, or filter such rows out before.',
  },
  UDF_RESULT_TYPE: {
    fate: 'user',
    message: 'User function {name} returned {value}, which is no {type}. Convert it there, or declare the type that it has.',
  },
  UNSUPPORTED_OPERATION: { fate: 'user', message: 'Not supported: {operation}.' },
  VALUE_TYPE_MISMATCH: {
    fate: 'user',
    message: 'Column {column} holds {value}, which is no {type}. Convert it before it enters the query.',
  },
  WORKER_DIED: { fate: 'restart', message: 'The worker thread of host {host} died: {reason}.' },
} as const satisfies Record<string, ErrorEntry>

/** The stable codes of `EngineError`; docs/ERRORS.md lists them. */
export type ErrorCode = keyof typeof table

/** How an error crosses a thread. */
export interface ErrorWire {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly message: string
  readonly stack: string | undefined
  readonly cause: ErrorWire | string | undefined
}

/** Every fault that Walkway reports: a stable `code`, the values in `details`, a sentence as `message`, and a `cause` if there is one. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(`[${code}] ${render(table[code].message, details)}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }

  get fate(): Fate {
    return table[this.code].fate
  }
}

const render = (message: string, details: ErrorDetails): string =>
  message.replace(/\{(\w+)\}/g, (whole, name: string) => (name in details ? String(details[name]) : whole))

/** What has no code gets one: it was thrown by somebody's connector, by the platform, or by a mistake of ours. */
export const asEngineError = (error: unknown): EngineError =>
  error instanceof EngineError ? error : new EngineError('INTERNAL', { reason: String(error) }, error)

/** What was thrown, in words. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const errorToWire = (error: unknown): ErrorWire => {
  const known = asEngineError(error)
  const { cause } = known
  return {
    code: known.code,
    details: known.details,
    message: known.message,
    stack: cause instanceof Error ? cause.stack : known.stack,
    cause: cause === undefined ? undefined : cause instanceof EngineError ? errorToWire(cause) : String(cause),
  }
}

export const errorFromWire = (wire: ErrorWire): EngineError => {
  const { cause } = wire
  if (typeof cause === 'object') return new EngineError(wire.code, wire.details, errorFromWire(cause))
  return new EngineError(wire.code, wire.details, cause === undefined ? undefined : withStack(cause, wire.stack))
}

/** An error of another thread: where it happened is what is asked first. */
const withStack = (message: string, stack: string | undefined): Error => {
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}

/** All of them. */
export const errorCodes = Object.keys(table) as readonly ErrorCode[]
