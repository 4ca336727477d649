import type { ErrorWire } from '../base/errors.ts'
import type { SinkToken, SourceOffset } from '../connector/connector.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'

/** What the coordinator tells a task that reads a source. Plain data; a task without a source learns everything in band. */
export type TaskCommand =
  | {
      readonly kind: 'begin'
      readonly policy: EpochPolicy
      /** Where a micro-batch ends; null: at the end of a finite input, or never (real time). */
      readonly end: SourceOffset | null
    }
  /** Real time: the epoch ends here. `drain`: it is the last one, and what cannot be read again is read before. */
  | { readonly kind: 'end'; readonly epoch: number; readonly drain: boolean }
  | { readonly kind: 'latest'; readonly request: number; readonly whole: boolean }
  | { readonly kind: 'committed'; readonly offset: SourceOffset }
  /** No more epochs: pass the end on, close and be done. */
  | { readonly kind: 'finish' }

export interface WatermarkReport {
  readonly watermarkId: number
  readonly maxMicros: number
  readonly minMicros: number
  readonly sumMicros: number
  readonly count: number
  readonly maxEverMicros: number
}

export interface OperatorReport {
  readonly operatorId: number
  readonly name: string
  readonly rowsTotal: number
  readonly rowsUpdated: number
  readonly rowsRemoved: number
  readonly rowsDroppedByWatermark: number
  readonly duplicatesDropped: number
  readonly usedBytes: number
  readonly timed: boolean
  /** At or below which its rows were late, and its state went. */
  readonly lateMillis: number
  readonly evictMillis: number
  /** How much further behind its own rows come out. */
  readonly waitMillis: number
}

/** What a task tells the coordinator. */
export type TaskReport =
  | /** Source and sink are open. */
  { readonly kind: 'ready'; readonly task: string; readonly position: SourceOffset | null }
  | {
      /** All rows of the epoch have been processed, and its state has been handed over. */
      readonly kind: 'sealed'
      readonly task: string
      readonly epoch: number
      readonly position: SourceOffset | null
      readonly backlog: number
      /** What a source counted, by name; null from a task that reads none. */
      readonly counts: Readonly<Record<string, number>> | null
      readonly watermarks: readonly WatermarkReport[]
      readonly operators: readonly OperatorReport[]
      readonly rowsIn: number
      readonly rowsOut: number
    } /** State of a task on the coordinator's own thread; others write to the persister's ring. */
  | { readonly kind: 'changes'; readonly task: string; readonly operatorId: number; readonly epoch: number; readonly chunk: Uint8Array }
  | { readonly kind: 'prepared'; readonly task: string; readonly epoch: number; readonly token: SinkToken }
  | { readonly kind: 'latest'; readonly task: string; readonly request: number; readonly offset: SourceOffset }
  /** The task's source has no more rows and never will. */
  | { readonly kind: 'ended'; readonly task: string }
  | { readonly kind: 'failed'; readonly task: string; readonly error: ErrorWire }
  | { readonly kind: 'done'; readonly task: string }
