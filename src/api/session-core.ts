import type { WaitableClock } from '../base/clock.ts'
import type { MemoryTable } from '../connector/caller-sinks.ts'
import type { QueryOptions } from '../coordinator/query-options.ts'
import type { LogicalPlan } from '../plan/logical-plan.ts'
import type { StructType } from '../record/data-type.ts'
import type { DataFrame, Row } from './data-frame.ts'
import type { StreamingQuery } from './streaming-query.ts'

/** What a query is started with beyond what the session knows. */
export type StartOptions = Pick<QueryOptions, 'plan' | 'sink' | 'outputMode' | 'trigger' | 'name' | 'checkpointLocation' | 'signal'> & {
  readonly options: Readonly<Record<string, string>>
  /** What a memory sink fills: found under the query's name from then on. */
  readonly table?: MemoryTable
}

/** What DataFrames, readers and writers ask of their session. The session itself imports them, so they know it only by this. */
export interface SessionCore {
  readonly clock: WaitableClock
  explain(plan: LogicalPlan, mode: 'simple' | 'extended' | 'codegen'): Promise<string>
  collect(plan: LogicalPlan): Promise<Row[]>
  /** Runs a batch to its end. */
  run(options: StartOptions): Promise<void>
  start(options: StartOptions): Promise<StreamingQuery>
  tableOf(rows: readonly Row[], schema: StructType): DataFrame
}
