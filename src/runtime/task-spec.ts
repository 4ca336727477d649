import type { ConnectorOptions, SourceOffset, SourceReader } from '../connector/connector.ts'
import type { Bound } from '../expression/expression.ts'
import type { OutputMode } from '../plan/logical-plan.ts'
import type { ChainOp } from '../plan/physical-plan.ts'
import type { StructType } from '../record/data-type.ts'
import type { PlacedFile } from '../state/merge-state.ts'
import type { WatermarkPolicy } from './watermark-merge.ts'

/**
 * Everything that a thread must know in order to build its tasks. Plain data (and shared buffers), so it crosses to a worker as it is.
 */

/** A ring that has been laid out. */
export interface RingSpec {
  readonly buffer: SharedArrayBuffer
  readonly offset: number
}

/** One ring between two tasks. The buffer is shared even when both tasks live on one thread. */
export interface EdgeSpec extends RingSpec {
  /** The host that reads it: whose doorbell the writer rings. */
  readonly consumerHost: number
  /** A watermark operator stands above it. */
  readonly hasWatermark: boolean
}

export type InputSpec =
  | {
      readonly kind: 'source'
      readonly sourceId: string
      readonly format: string
      readonly options: ConnectorOptions
      /** The source's own schema; `columns` are the ordinals of it that are read. */
      readonly schema: StructType
      readonly columns: readonly number[]
      readonly rows: SourceReader['rows']
      readonly streaming: boolean
      readonly readerIndex: number
      readonly readerCount: number
      readonly start: SourceOffset | null
      readonly metadataFolder: string | null
    }
  | { readonly kind: 'rings'; readonly edges: readonly EdgeSpec[] }

export type OutputSpec =
  | { readonly kind: 'rings'; readonly outlets: readonly OutletSpec[] }
  | {
      readonly kind: 'sink'
      readonly format: string
      readonly options: ConnectorOptions
      readonly rows: 'records' | 'objects'
      readonly writerIndex: number
      readonly writerCount: number
      readonly attempt: string
    }

/** One way that a task's rows go: to the tasks of one other stage. */
export interface OutletSpec {
  readonly edges: readonly EdgeSpec[]
  readonly partitioning: Partitioning
  /** The index of the operator whose rows they are; -1 for what comes in. */
  readonly after: number
  readonly schema: StructType
}

export type Partitioning =
  | { readonly kind: 'hash'; readonly keys: readonly Bound[] }
  | { readonly kind: 'roundRobin' }
  | { readonly kind: 'single' }

export interface TaskSpec {
  readonly id: string
  readonly name: string
  readonly host: number
  readonly partition: number
  readonly partitionCount: number
  readonly inputSchema: StructType
  readonly ops: readonly ChainOp[]
  readonly outputSchema: StructType
  readonly outputMode: OutputMode
  readonly input: InputSpec
  readonly output: OutputSpec
  readonly watermarkPolicy: WatermarkPolicy
  readonly persists: boolean
  /** Files to restore from, oldest first; see `RestoreSpec`. */
  readonly restore: readonly RestoreSpec[]
}

/** State files of one operator that hold entries of this task, in the order in which they are applied. */
export interface RestoreSpec {
  readonly operatorId: number
  readonly files: readonly PlacedFile[]
}

/** A static table, collected before the start: its rows as the used bytes of a RecordBuffer. */
export interface TableSpec {
  readonly tableId: number
  readonly schema: StructType
  readonly keys: readonly Bound[]
  readonly bytes: Uint8Array
}

export interface HostSpec {
  readonly host: number
  readonly tasks: readonly TaskSpec[]
  readonly tables: readonly TableSpec[]
  /** One doorbell word per host, 128 bytes apart. */
  readonly bells: SharedArrayBuffer
  /** Histograms of the tasks that feed sinks: task id to offset in `metrics`. */
  readonly metrics: SharedArrayBuffer
  readonly meters: Readonly<Record<string, { readonly processing: number; readonly endToEnd: number }>>
  /** Where its tasks' changes of state go, and whose doorbell that rings; null: by message. */
  readonly changes: (RingSpec & { readonly bell: number }) | null
  readonly idle: 'spin' | 'adaptive' | 'park'
  /** A host whose tasks need no event loop parks on a futex, which is sooner to sleep and sooner to wake. */
  readonly loop: 'blocking' | 'eventLoop'
  /** See `clockBase`. */
  readonly clockBase: number
}
