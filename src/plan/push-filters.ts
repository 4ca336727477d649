import type { Bound } from '../expression/expression.ts'
import { mayFail } from '../expression/may-fail.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { inputsOf, substitute } from './bound-inputs.ts'
import { allOf, conjunctsOf } from './conjuncts.ts'
import { isCostly, isDeterministic } from './determinism.ts'
import { rewrite } from './rewrite-plan.ts'

/**
 * Each condition of a filter moves down on its own, as far as it means the same there: into a union, below a projection, an order, windows,
 * and a join with a table whose columns it does not read. And, as in Spark, below a watermark, unless it reads the event time: then rows
 * that it leaves out do not move the watermark. It stays above what keeps state, which may be run once for several ways (`shareParts`).
 */
export const pushFilters = (plan: AnalyzedPlan): AnalyzedPlan =>
  rewrite(plan, node => (node.kind === 'filter' ? settle(conjunctsOf(node.condition), node.child) : node))

/** The plan's rows for which all conditions hold. */
const settle = (parts: readonly Bound[], plan: AnalyzedPlan): AnalyzedPlan => {
  switch (plan.kind) {
    case 'filter': {
      const inner = conjunctsOf(plan.condition)
      return inner.every(isDeterministic) ? settle([...inner, ...parts], plan.child) : filtered(parts, plan)
    }
    case 'project': {
      const { columns } = plan
      const [down, stay] = split(
        parts,
        part => !inputsOf(part).some(i => isCostly(columns[i])) || passesWatermark(substitute(part, columns), plan.child),
      )
      const child = settle(
        down.map(part => substitute(part, columns)),
        plan.child,
      )
      return filtered(stay, { ...plan, child })
    }
    case 'repartition':
    case 'sort': {
      const [down, stay] = split(parts, () => true)
      return filtered(stay, { ...plan, child: settle(down, plan.child) })
    }
    case 'watermark': {
      const times = inputsOf(plan.time)
      const [down, stay] = split(parts, part => !inputsOf(part).some(i => times.includes(i)))
      return filtered(stay, { ...plan, child: settle(down, plan.child) })
    }
    case 'expandWindow': {
      const own = plan.schema.fields.length - 1
      const [down, stay] = split(parts, part => !inputsOf(part).includes(own))
      return filtered(stay, { ...plan, child: settle(down, plan.child) })
    }
    case 'union': {
      const [down, stay] = split(parts, () => true)
      return filtered(stay, { ...plan, inputs: plan.inputs.map(input => settle(down, input)) })
    }
    case 'tableJoin': {
      const width = plan.child.schema.fields.length
      const [down, stay] = split(parts, part => inputsOf(part).every(i => i < width))
      return filtered(stay, { ...plan, child: settle(down, plan.child) })
    }
    default:
      return filtered(parts, plan)
  }
}

/**
 * Those that move and those that stay. One that may fail does not overtake one that stays, which may be there to keep it from failing.
 */
const split = (parts: readonly Bound[], moves: (part: Bound) => boolean): [down: Bound[], stay: Bound[]] => {
  const [down, stay]: [Bound[], Bound[]] = [[], []]
  for (const part of parts) {
    const list = isDeterministic(part) && moves(part) && (stay.length === 0 || !mayFail(part)) ? down : stay
    list.push(part)
  }
  return [down, stay]
}

/** True if a condition comes to stand below a watermark from here. Then it moves there, whatever it costs to compute again. */
const passesWatermark = (part: Bound, plan: AnalyzedPlan): boolean => {
  if (!isDeterministic(part)) return false
  switch (plan.kind) {
    case 'watermark':
      return !inputsOf(part).some(i => inputsOf(plan.time).includes(i))
    case 'project':
      return passesWatermark(substitute(part, plan.columns), plan.child)
    case 'filter':
    case 'repartition':
    case 'sort':
      return passesWatermark(part, plan.child)
    case 'expandWindow':
      return !inputsOf(part).includes(plan.schema.fields.length - 1) && passesWatermark(part, plan.child)
    case 'union':
      return plan.inputs.some(input => passesWatermark(part, input))
    default:
      return false
  }
}

const filtered = (parts: readonly Bound[], plan: AnalyzedPlan): AnalyzedPlan => {
  const condition = allOf(parts)
  return condition === null ? plan : { kind: 'filter', child: plan, condition, schema: plan.schema }
}
