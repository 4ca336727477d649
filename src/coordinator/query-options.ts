import type { WaitableClock } from '../base/clock.ts'
import type { ConnectorOptions, SinkConnector } from '../connector/connector.ts'
import { checkOptionNames } from '../connector/options.ts'
import type { LogicalPlan, OutputMode, Trigger } from '../plan/logical-plan.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'
import type { QueryIdle, QueryProgress } from './progress.ts'

/** Options of every query, which a sink's stand beside. */
export const queryOptionNames: readonly string[] = [
  'checkpointLocation',
  'maxRestarts',
  'durability',
  'idleStrategy',
  'noDataMicroBatches',
  'multipleWatermarkPolicy',
  'chunkBase64String',
]

/** Put among a sink's options by the API itself. */
const GIVEN: readonly string[] = ['id', 'queryName', 'outputMode']

/** Throws UNKNOWN_OPTION for what neither the sink nor a query knows. */
export const checkSinkOptions = ({ name, options: known }: SinkConnector, options: ConnectorOptions): void => {
  const own = Object.keys(options).filter(option => !GIVEN.includes(option))
  if (known !== undefined) checkOptionNames(`Format ${name}`, own, [...known, ...queryOptionNames])
}

/** Everything that a query is started with. */
export interface QueryOptions {
  readonly plan: LogicalPlan
  readonly sink: {
    readonly format: string
    readonly options: ConnectorOptions
    /** What the options name by an id: an object of this process, which lives as long as the query. */
    readonly holds?: object
  }
  readonly outputMode: OutputMode
  readonly trigger: Trigger
  readonly name: string | null
  /** Null: nothing is kept; the query cannot be restarted, not even by itself. */
  readonly checkpointLocation: string | null
  /** Worker threads; 0: everything in the caller's thread. */
  readonly workers: number
  readonly idle: 'spin' | 'adaptive' | 'park'
  readonly clock: WaitableClock
  readonly watermarkPolicy: WatermarkPolicy
  /** Run an epoch without rows when the watermark's move makes output or eviction due, as Spark does. */
  readonly noDataEpochs: boolean
  /** 'power': checkpoints survive a power cut; 'process': only the death of the process. */
  readonly durability: 'power' | 'process'
  readonly restart: RestartPolicy
  /** Modules that workers import first: they register connectors. */
  readonly modules: readonly string[]
  /** The plan is only shown: it may be a stream, whatever the trigger. */
  readonly explaining?: boolean
  readonly signal: AbortSignal | null
  readonly onProgress: (progress: QueryProgress) => void
  readonly onIdle: (idle: QueryIdle) => void
}

/** How often a query that failed is started again by itself. */
export interface RestartPolicy {
  /** Failures within `withinMillis` after which it stays down. 0: never again. */
  readonly most: number
  readonly withinMillis: number
  /** The first wait; each further one is twice as long, up to `longestMillis`. */
  readonly firstMillis: number
  readonly longestMillis: number
}

export const defaultRestart: RestartPolicy = { most: 5, withinMillis: 60_000, firstMillis: 50, longestMillis: 10_000 }
