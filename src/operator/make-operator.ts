import type { ChainOp } from '../plan/physical-plan.ts'
import { Aggregate, type GroupOperator } from './aggregate.ts'
import type { ChainSpec } from './chain-spec.ts'
import { Deduplicate } from './deduplicate.ts'
import { Limit } from './limit.ts'
import { MarkDistinct } from './mark-distinct.ts'
import { SlicedAggregate } from './sliced-aggregate.ts'
import { Sort } from './sort.ts'
import { StreamJoin } from './stream-join.ts'

/** What keeps the state of an operator of the plan; null if it has none. */
export type MaybeOperator = GroupOperator | Deduplicate | Limit | StreamJoin | null

export const isGroupOperator = (operator: MaybeOperator): operator is GroupOperator => operator !== null && 'emitGroup' in operator

export const makeOperator = (op: ChainOp, spec: ChainSpec): MaybeOperator => {
  const made = newOperator(op, spec)
  if (made !== null && 'lagMillis' in op) made.flags.lagMillis = op.lagMillis
  if (made !== null && 'waitMillis' in op) made.flags.waitMillis = op.waitMillis
  return made
}

const newOperator = (op: ChainOp, spec: ChainSpec): MaybeOperator => {
  switch (op.kind) {
    case 'aggregate':
      return op.slices === null
        ? new Aggregate(op, spec.outputMode, spec.isFull)
        : new SlicedAggregate({ ...op, slices: op.slices }, spec.outputMode, spec.isFull)
    case 'deduplicate':
      return new Deduplicate(op)
    case 'markDistinct':
      return new MarkDistinct(op, spec.outputMode === 'complete')
    case 'limit':
      return new Limit(op)
    case 'sort':
      return new Sort(op, spec.isFull)
    case 'streamJoin':
      return new StreamJoin(op, spec.isFull)
    default:
      return null
  }
}
