import type { AnalyzedPlan, JoinSide } from './analyzed-plan.ts'

/**
 * How far behind the watermark, in millis, the event times of a plan's rows may be: a join of two streams by their times puts a row out
 * when its partner comes, or when none can come any more. Spark's output watermark of StreamingSymmetricHashJoinExec: the watermark less
 * the longer wait of the two sides, and less a millisecond where the bound itself still matches.
 */
export const watermarkLag = (plan: AnalyzedPlan): number => {
  switch (plan.kind) {
    case 'source':
    case 'localRelation':
      return 0
    case 'union':
      return Math.max(...plan.inputs.map(watermarkLag))
    case 'streamJoin':
      return (
        watermarkLag(plan.child) +
        (plan.timeKey === null ? Math.max(waitOf(plan.left), waitOf(plan.right)) : Math.max(...[plan.left, plan.right].map(keyWaitOf)))
      )
    default:
      return watermarkLag(plan.child)
  }
}

const keyWaitOf = ({ keyShiftMicros }: JoinSide): number => Math.max(0, -keyShiftMicros / 1000)

const waitOf = ({ bounds }: JoinSide): number =>
  bounds.length === 0 ? 0 : Math.min(...bounds.map(({ shiftMicros, inclusive }) => Math.max(0, -shiftMicros / 1000) + (inclusive ? 0 : 1)))
