import type { EpochMode } from '../../operator/epoch-policy.ts'
import type { LogicalPlan, OutputMode } from '../../plan/logical-plan.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { RowForm } from '../row-feed.ts'

/** A query over one source or two, and what comes in: the rows of each epoch, and the mode in which it runs. */
export interface Scenario {
  /**
   * One chain of operators over one source, or over streams that have no state themselves where they come together: a join of two, a
   * union. Static tables of joins must be rows in the plan itself.
   */
  readonly plan: LogicalPlan
  readonly outputMode: OutputMode
  /** An epoch of mode `batch` must be the only one. */
  readonly epochs: readonly ScenarioEpoch[]
}

/** The rows of one epoch, and the mode in which it runs. */
export interface ScenarioEpoch {
  readonly mode: EpochMode
  readonly rows: readonly UserRow[]
  /** Which source each row is of, counted from the left of the plan. Without: all are of the first. */
  readonly sources?: readonly number[]
}

/** What an epoch put out. */
export interface EpochResult {
  readonly rows: readonly UserRow[]
  /** Rows that operators dropped as late, and as seen before; over all operators. */
  readonly late: number
  readonly duplicates: number
  /** Entries of all operators at the end. */
  readonly stateRows: number
}

/** How a scenario is run. */
export interface RunOptions {
  /** The output takes one row, and nothing at all on every other call. */
  readonly oneSlot: boolean
  /** After each epoch, and in real time after each row, state goes through a checkpoint into an instance made anew. */
  readonly restores: boolean
  /** How much is done in one step: `StepLimits` of the task. */
  readonly burstRows: number
  readonly cursorRows: number
  readonly sealRows: number
  /** In what form rows come in and go out. */
  readonly input: RowForm
  readonly output: 'records' | 'objects'
  /** False: the plan as analyzed, without the optimizer. */
  readonly optimizes: boolean
}

export const undisturbed: RunOptions = {
  oneSlot: false,
  restores: false,
  burstRows: 1024,
  cursorRows: 1024,
  sealRows: 256,
  input: 'objects',
  output: 'objects',
  optimizes: true,
}
