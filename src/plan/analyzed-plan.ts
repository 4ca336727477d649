import type { Bound, BoundAggregate } from '../expression/expression.ts'
import type { StructType } from '../record/data-type.ts'
import type { UserRow } from '../record/user-value.ts'
import type { JoinType, SourceNode } from './logical-plan.ts'
import type { TimeBound } from './time-bounds.ts'

export type StreamJoinType = Exclude<JoinType, 'leftAnti' | 'cross'>

/** One side of a join of two streams. Expressions are over the join's child, where the side's columns stand together. */
export interface JoinSide {
  /** Where its columns begin in the child. */
  readonly first: number
  /** Its columns as they were before the other side's rows came among them. */
  readonly schema: StructType
  /** True if its rows come out with nulls when they have matched nothing. */
  readonly keepsUnmatched: boolean
  /** What is asked of its rows alone, where unmatched ones are wanted: a row that fails can match nothing. Null: nothing. */
  readonly condition: Bound | null
  /** Its event time, by which a row is late; null without a watermark. */
  readonly time: Bound | null
  /** What the key that is event time adds to that of the other side: its rows go when the watermark has come to the key less this. */
  readonly keyShiftMicros: number
  /** Until when its rows are kept, unless event time is among the keys; none: for ever. */
  readonly bounds: readonly TimeBound[]
}

export interface SortKey {
  readonly value: Bound
  readonly ascending: boolean
  readonly nullsFirst: boolean
}

/**
 * A plan with every name resolved and every type known. Each node has the schema of its output rows; a Bound in a node refers by ordinal to
 * the columns of the node's child (joins: left columns first, then right).
 */
export type AnalyzedPlan =
  | {
      readonly kind: 'source'
      readonly source: SourceNode
      readonly schema: StructType /** Ordinals of the source's own columns that are read, in output order. */
      readonly columns: readonly number[]
    }
  | { readonly kind: 'localRelation'; readonly schema: StructType; readonly rows: readonly UserRow[] }
  | { readonly kind: 'project'; readonly child: AnalyzedPlan; readonly columns: readonly Bound[]; readonly schema: StructType }
  | { readonly kind: 'filter'; readonly child: AnalyzedPlan; readonly condition: Bound; readonly schema: StructType }
  | {
      readonly kind: 'watermark'
      readonly child: AnalyzedPlan
      /** The event-time column: a timestamp, or a window whose end is meant. */
      readonly time: Bound
      readonly delayMicros: number
      readonly schema: StructType
    }
  | {
      /**
       * Multiplies each row by the windows that it falls in: the child's columns, then one window struct. Rows with a null time are
       * dropped.
       */
      readonly kind: 'expandWindow'
      readonly child: AnalyzedPlan
      readonly time: Bound
      readonly sizeMicros: number
      readonly slideMicros: number
      readonly startMicros: number
      readonly schema: StructType
    }
  | {
      /** Output: the keys, then the aggregates. */
      readonly kind: 'aggregate'
      readonly child: AnalyzedPlan
      readonly keys: readonly Bound[]
      readonly aggregates: readonly BoundAggregate[]
      /** Which key is event time (a timestamp under a watermark, or a window over one); null when state is never evicted. */
      readonly eventTimeKey: number | null
      readonly schema: StructType
    }
  | {
      /**
       * Output: the child's rows, and whether each is the first of its group with these values, none of them null, where the condition
       * holds.
       */
      readonly kind: 'markDistinct'
      readonly child: AnalyzedPlan
      /** The keys, and which of them is event time, of the aggregation above. */
      readonly keys: readonly Bound[]
      readonly eventTimeKey: number | null
      readonly values: readonly Bound[]
      readonly condition: Bound | null
      readonly schema: StructType
    }
  | {
      /** Output: the child's rows, the first of each key. */
      readonly kind: 'deduplicate'
      readonly child: AnalyzedPlan
      readonly keys: readonly Bound[]
      /** Which key is event time; null when keys are kept for ever or withinWatermark. */
      readonly eventTimeKey: number | null
      /** The row's event time, by which it is late; null without a watermark. */
      readonly time: Bound | null
      /** dropDuplicatesWithinWatermark: how long a key is remembered after the event time. */
      readonly expiry: { readonly delayMicros: number } | null
      readonly schema: StructType
    }
  | {
      /**
       * A stream with a static table. The left side is always the stream: `analyze` turns a right join round and restores the order of
       * columns.
       */
      readonly kind: 'tableJoin'
      readonly child: AnalyzedPlan
      readonly table: AnalyzedPlan
      readonly type: Exclude<JoinType, 'rightOuter' | 'fullOuter' | 'cross'>
      /** Equal keys, over the stream's row and over the table's row; both empty when there is no equality. */
      readonly streamKeys: readonly Bound[]
      readonly tableKeys: readonly Bound[]
      /** What else must hold, over stream columns then table columns; null: nothing. */
      readonly residual: Bound | null
      readonly schema: StructType
    }
  | {
      /**
       * A join of two streams. The child is their union: 0 for a row of the left or 1 for one of the right, the keys that must be equal,
       * the columns of both sides, those of the other side null. Output: the columns of left, then those of right (leftSemi: left).
       */
      readonly kind: 'streamJoin'
      readonly child: AnalyzedPlan
      readonly type: StreamJoinType
      readonly keys: readonly Bound[]
      /** Which keys are equal also when both are null. */
      readonly nullSafe: readonly boolean[]
      /** Which key is event time; null if none is. */
      readonly timeKey: number | null
      readonly left: JoinSide
      readonly right: JoinSide
      /** What else must hold, over columns of left then right; null: nothing. */
      readonly residual: Bound | null
      readonly schema: StructType
    }
  | { readonly kind: 'union'; readonly inputs: readonly AnalyzedPlan[]; readonly schema: StructType }
  | {
      readonly kind: 'repartition'
      readonly child: AnalyzedPlan
      readonly partitions: number | null
      readonly keys: readonly Bound[]
      readonly schema: StructType
    }
  | {
      readonly kind: 'sort'
      readonly child: AnalyzedPlan
      readonly by: readonly SortKey[]
      readonly schema: StructType
    }
  | { readonly kind: 'limit'; readonly child: AnalyzedPlan; readonly count: number; readonly schema: StructType }

/** What a plan's rows come from; not the tables that it joins with, which are read before. */
export const childrenOf = (plan: AnalyzedPlan): readonly AnalyzedPlan[] => {
  switch (plan.kind) {
    case 'source':
    case 'localRelation':
      return []
    case 'union':
      return plan.inputs
    default:
      return [plan.child]
  }
}
