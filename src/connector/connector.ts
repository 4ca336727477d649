import type { ColumnBatch } from '../record/column-batch.ts'
import type { StructType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'

/**
 * The contract between the engine and the world. Readers and writers are polled by a task on its own thread and never block it; whatever
 * takes time answers with a Ticket, which the task looks at again later. Committers and planners run on the coordinator and may return
 * promises.
 */

/** Partition name to the next offset to be read. What a source has read is exactly what lies below. Plain JSON; merged by spreading. */
export type SourceOffset = Readonly<Record<string, number>>

/** Options as the user gave them; look them up without minding case. */
export type ConnectorOptions = Readonly<Record<string, string>>

/** Something under way. `done` turns true once; then `error` or `value` is set. Only adapters that know promises complete it. */
export class Ticket<T> {
  done = false
  value: T | undefined
  error: unknown

  static of<T>(value: T): Ticket<T> {
    const ticket = new Ticket<T>()
    ticket.complete(value)
    return ticket
  }

  static failed<T>(error: unknown): Ticket<T> {
    const ticket = new Ticket<T>()
    ticket.fail(error)
    return ticket
  }

  complete(value: T): void {
    this.value = value
    this.done = true
  }

  fail(error: unknown): void {
    this.error = error
    this.done = true
  }
}

/**
 * Where a reader or writer may run. `eventLoop` needs sockets, files or timers; `caller` needs objects or closures of the caller's thread.
 */
export type Home = 'anywhere' | 'eventLoop' | 'caller'

/** What a source is, once its options are known. */
export interface SourceDescription {
  readonly schema: StructType
  readonly home: Home
  /**
   * Rows come as records in a RecordBuffer, as plain JS objects keyed by column, or as columns in a ColumnBatch. Columns are the cheapest,
   * since nothing is encoded before a row changes hands or is stored; records suit rows of which all is read, or that cannot wait together.
   */
  readonly rows: SourceReader['rows']
  /** How many readers can share the work; each gets an index below it. 1 for a source that cannot be split. */
  readonly maxReaders: number
  /** True when rows can be read again from an offset: what exactly-once state and at-least-once delivery rest on. */
  readonly replayable: boolean
  /** One line for `explain()`. */
  readonly label: string
}

/** What a reader is opened with. */
export interface SourceContext {
  readonly options: ConnectorOptions
  readonly schema: StructType
  /** Ordinals of the schema's columns that the query reads, in the order in which a record holds them. */
  readonly columns: readonly number[]
  /** False: a finite read of what is there. */
  readonly streaming: boolean
  readonly readerIndex: number
  readonly readerCount: number
  /** Micros since 1970 as a double; real or simulated. */
  readonly clock: () => number
  /** Where this source may keep files of its own in the checkpoint; null without one. */
  readonly metadataFolder: string | null
}

/** All kinds of reader. Called only by its task, in turn, never re-entrantly. */
interface ReaderBase {
  /** Called once before anything else. `start` is null in a first run: then the source's own option (startingOffsets, say) decides. */
  open(start: SourceOffset | null): Ticket<void>
  /** What lies below this has been handed over. Only this reader's partitions. */
  position(): SourceOffset
  /** How far the input reaches now: the end of a micro-batch. Respects maxOffsetsPerTrigger and its like unless `whole`. */
  latest(whole: boolean): Ticket<SourceOffset>
  /** Hands over nothing at or above `end`; null takes the limit away. */
  limit(end: SourceOffset | null): void
  /** True when everything below the limit, or the whole of a finite input, has been handed over. */
  exhausted(): boolean
  /**
   * True when nothing will ever come any more and all that came has been handed over: a stream that its program has closed. A query whose
   * sources all say so ends by itself.
   */
  ended?(): boolean
  /**
   * The query is being stopped, and what came so far cannot be read again: it is handed over still, and nothing after it. `exhausted` says
   * when that is done.
   */
  drain?(): void
  /** Micros since 1970 at which the burst last handed over reached this process; 0 if unknown (the engine then uses its clock). */
  arrivalMicros(): number
  /** Rows known to wait in the source beyond position, for progress; -1 if unknown. */
  backlog(): number
  /** What else an epoch's progress tells of the source, by name: counts since the last call. Called at the end of each epoch. */
  takeCounts?(): Readonly<Record<string, number>>
  /** The epoch that ends at `offset` is committed. May be ignored. */
  committed(offset: SourceOffset): void
  /** Releases everything. Idempotent; also called after errors. */
  close(): Ticket<void>
}

/** A reader that writes rows as records. */
export interface RecordReader extends ReaderBase {
  readonly rows: 'records'
  /**
   * Given functions to call when rows may have come by the event loop while the engine waits: `wake` ends its wait, `runNow` has it work
   * for a moment before it returns, which saves a turn of the event loop. From inside a call of the engine's, neither does anything.
   */
  onReady?(wake: () => void, runNow: () => void): void
  /**
   * Appends up to `budget` rows. Returns how many; 0 means nothing now. A reader that knows when rows arrived sets `out.arrivalMicros`
   * before it writes them; it is the time of the call otherwise. Throws an EngineError when the source fails for good.
   */
  poll(out: RecordBuffer, budget: number): number
}

/** A reader that hands over rows as plain objects, as the program made them. */
export interface ObjectReader extends ReaderBase {
  readonly rows: 'objects'
  /** Appends up to `budget` row objects to `out`. Returns how many; 0 means nothing now. */
  poll(out: Record<string, unknown>[], budget: number): number
  /**
   * Given functions to call when rows have come by a call of the program's: `wake` has the engine poll. `runRow` has it process one row
   * there and then, which must be the oldest that was not handed over and counts as handed over from before the call on; false if the
   * engine is not free for it: then nothing has happened, and the row is to wait for `poll`.
   */
  onReady(wake: () => void, runRow: (row: Record<string, unknown>) => boolean): void
}

/** A reader that fills columns in. */
export interface ColumnReader extends ReaderBase {
  readonly rows: 'columns'
  /** True for one that sets `arrivals` of the batch, for each row; `arrivalMicros` is not asked then. */
  readonly timesRows?: boolean
  /** As of a RecordReader. */
  onReady?(wake: () => void, runNow: () => void): void
  /**
   * Fills up to `budget` rows of the batch, from row 0 on, and returns how many; 0 means nothing now. `budget` is never above the batch's
   * capacity. It is the same batch in every call, so its columns need to be looked up only once; leaf `i` of `SourceContext.columns` is its
   * leaf `i` where no column is a struct. What a row refers to stays as it is until the next call, which comes when all rows have been run.
   * Throws an EngineError when the source fails for good.
   */
  poll(out: ColumnBatch, budget: number): number
}

/** A reader in one of three forms. */
export type SourceReader = RecordReader | ObjectReader | ColumnReader

/** A kind of source: made known with `registerSource`, chosen with `format(name)`. */
export interface SourceConnector {
  readonly name: string
  /** Names of its options; `kafka.*` is all that begin so. Others are refused with UNKNOWN_OPTION. Without the list none is. */
  readonly options?: readonly string[]
  /** The columns, from the options and the schema that the user gave, without looking at the world. Throws MISSING_SCHEMA. */
  schema(options: ConnectorOptions, given: StructType | null): StructType
  /** On the coordinator, before the query starts: checks the options and says what there is. Errors are EngineErrors with fate 'user'. */
  describe(options: ConnectorOptions, schema: StructType | null, streaming: boolean): Promise<SourceDescription>
  /** On the task's thread. */
  open(context: SourceContext): SourceReader
}

/** What a committed epoch of one writer needs in order to become visible: file names, say. Plain JSON, kept in the checkpoint. */
export type SinkToken = unknown

/** What a writer is opened with. */
export interface SinkContext {
  readonly options: ConnectorOptions
  readonly schema: StructType
  readonly writerIndex: number
  readonly writerCount: number
  readonly clock: () => number
  /** Unique to this attempt of the query, so that files of a dead attempt are never mistaken for ours. */
  readonly attempt: string
}

interface WriterBase {
  open(): Ticket<void>
  /** Given functions to call when something came by the event loop (an acknowledgement, say) while the engine waits; as of a reader. */
  onReady?(wake: () => void, runNow: () => void): void
  /** Rows offered from now on belong to this epoch. `complete` output: they replace what an earlier epoch wrote. */
  beginEpoch(epoch: number): void
  /** Moves work along (sends what is buffered). Called in every step of the task, with or without new rows. True if it did something. */
  step(): boolean
  /** Everything offered so far will be acknowledged or durable when the ticket is done; its value goes to the committer. */
  prepare(epoch: number): Ticket<SinkToken>
  /** Rows offered and rows acknowledged so far; the difference is in flight. Latency to acknowledgement is measured with these. */
  offeredCount(): number
  acknowledgedCount(): number
  close(): Ticket<void>
}

/** A writer that takes rows as records. */
export interface RecordWriterSink extends WriterBase {
  readonly rows: 'records'
  /** Takes rows from `rows`, from its read position on, and releases what it took; may leave some when it is full. */
  offer(rows: RecordBuffer): void
}

/** A writer that takes rows as plain objects. */
export interface ObjectWriterSink extends WriterBase {
  readonly rows: 'objects'
  /** False: full; the same row is offered again later. */
  offer(row: Record<string, unknown>): boolean
}

/** A writer in one of two forms. */
export type SinkWriter = RecordWriterSink | ObjectWriterSink

/** Makes an epoch visible, on the coordinator. */
export interface SinkCommitter {
  /** Idempotent: called again after a crash between commit and the commit log. */
  commit(epoch: number, tokens: readonly SinkToken[]): Promise<void>
  /**
   * Before a restart's first epoch: `epoch` is the last one in the commit log (-1: none); whatever is later and not committed must vanish.
   */
  recover(epoch: number): Promise<void>
  close(): Promise<void>
}

/** How often a row is in the target after failures. */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'at-most-once'

/** What a sink is, once its options are known. */
export interface SinkDescription {
  readonly home: Home
  readonly rows: 'records' | 'objects'
  readonly maxWriters: number
  readonly guarantee: Guarantee
  readonly outputModes: readonly ('append' | 'update' | 'complete')[]
  readonly label: string
}

/** A kind of sink: made known with `registerSink`, chosen with `format(name)`. */
export interface SinkConnector {
  readonly name: string
  /** As a source's; those of every query are known besides. */
  readonly options?: readonly string[]
  describe(options: ConnectorOptions, schema: StructType): Promise<SinkDescription>
  open(context: SinkContext): SinkWriter
  committer(options: ConnectorOptions, schema: StructType): SinkCommitter | null
}
