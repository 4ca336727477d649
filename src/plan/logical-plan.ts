import type { Expression } from '../expression/expression.ts'
import type { StructType } from '../record/data-type.ts'
import type { UserRow } from '../record/user-value.ts'

/**
 * What a query means, as the user built it: a tree of plain readonly nodes with names unresolved. `analyze.ts` gives it meaning.
 * A source that stands twice in the tree (a self-union) is read once, where the plan is made (`shareParts`).
 */
export type LogicalPlan =
  | SourceNode
  | { readonly kind: 'localRelation'; readonly schema: StructType; readonly rows: readonly UserRow[] }
  | { readonly kind: 'project'; readonly child: LogicalPlan; readonly columns: readonly Expression[] }
  | {
      readonly kind: 'withColumns'
      readonly child: LogicalPlan
      readonly columns: readonly { readonly name: string; readonly value: Expression }[]
    }
  | { readonly kind: 'rename'; readonly child: LogicalPlan; readonly from: string; readonly to: string }
  | {
      readonly kind: 'drop'
      readonly child: LogicalPlan
      readonly names: readonly string[]
      /** What is no column of the child, or no whole one, drops nothing. */
      readonly columns: readonly Expression[]
    }
  | { readonly kind: 'filter'; readonly child: LogicalPlan; readonly condition: Expression }
  | { readonly kind: 'watermark'; readonly child: LogicalPlan; readonly column: string; readonly delayMicros: number }
  | {
      readonly kind: 'aggregate'
      readonly child: LogicalPlan
      readonly keys: readonly Expression[]
      readonly aggregates: readonly Expression[]
    }
  | {
      readonly kind: 'deduplicate'
      readonly child: LogicalPlan
      /** Null: all columns. */
      readonly columns: readonly string[] | null
      readonly withinWatermark: boolean
    }
  | {
      readonly kind: 'join'
      readonly left: LogicalPlan
      readonly right: LogicalPlan
      readonly type: JoinType
      readonly on: JoinOn
    }
  | { readonly kind: 'union'; readonly inputs: readonly LogicalPlan[] }
  | { readonly kind: 'repartition'; readonly child: LogicalPlan; readonly partitions: number | null; readonly keys: readonly Expression[] }
  | { readonly kind: 'sort'; readonly child: LogicalPlan; readonly by: readonly Expression[] }
  | { readonly kind: 'limit'; readonly child: LogicalPlan; readonly count: number }

export interface SourceNode {
  readonly kind: 'source'
  /** Distinguishes sources of one plan; also the name of its offsets in the checkpoint. */
  readonly id: string
  readonly format: string
  readonly options: Readonly<Record<string, string>>
  readonly schema: StructType
  /** False: `read`, a finite input, read whole. True: `readStream`. */
  readonly streaming: boolean
  /** What the options name by an id: an object of this process, which lives as long as a plan that reads it. */
  readonly holds?: HeldObject
}

/** `stopping`: the query that reads it is being stopped, so nothing more should be taken in. `endOfQuery`: it has ended. */
export type HeldObject = object & { stopping?(): void; endOfQuery?(): void }

export type JoinType = 'inner' | 'leftOuter' | 'rightOuter' | 'fullOuter' | 'leftSemi' | 'leftAnti' | 'cross'

export type JoinOn =
  | { readonly kind: 'condition'; readonly condition: Expression }
  | { readonly kind: 'using'; readonly columns: readonly string[] }

export type OutputMode = 'append' | 'update' | 'complete'

export type Trigger =
  | { readonly kind: 'batch' }
  | { readonly kind: 'default' }
  | { readonly kind: 'processingTime'; readonly intervalMillis: number }
  | { readonly kind: 'once' }
  | { readonly kind: 'availableNow' }
  | { readonly kind: 'realTime'; readonly intervalMillis: number }
