import type { Expression } from '../expression/expression.ts'
import type { LogicalPlan } from './logical-plan.ts'

/** A plan whose `base64` breaks no lines: what the setting `chunkBase64String` off means, as Spark has it. */
export const unbrokenBase64 = (plan: LogicalPlan): LogicalPlan => {
  switch (plan.kind) {
    case 'source':
    case 'localRelation':
      return plan
    case 'union':
      return { ...plan, inputs: plan.inputs.map(unbrokenBase64) }
    case 'join': {
      const { on } = plan
      return {
        ...plan,
        left: unbrokenBase64(plan.left),
        right: unbrokenBase64(plan.right),
        on: on.kind === 'condition' ? { ...on, condition: unbroken(on.condition) } : on,
      }
    }
    default:
      break
  }
  const child = unbrokenBase64(plan.child)
  switch (plan.kind) {
    case 'project':
      return { ...plan, child, columns: plan.columns.map(unbroken) }
    case 'withColumns':
      return { ...plan, child, columns: plan.columns.map(({ name, value }) => ({ name, value: unbroken(value) })) }
    case 'filter':
      return { ...plan, child, condition: unbroken(plan.condition) }
    case 'aggregate':
      return { ...plan, child, keys: plan.keys.map(unbroken), aggregates: plan.aggregates.map(unbroken) }
    case 'repartition':
      return { ...plan, child, keys: plan.keys.map(unbroken) }
    case 'sort':
      return { ...plan, child, by: plan.by.map(unbroken) }
    default:
      return { ...plan, child }
  }
}

const unbroken = (expression: Expression): Expression => {
  switch (expression.kind) {
    case 'column':
    case 'star':
    case 'literal':
      return expression
    case 'call':
      return {
        ...expression,
        name: expression.name === 'base64' ? 'base64Unbroken' : expression.name,
        args: expression.args.map(unbroken),
      }
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, then }) => ({ when: unbroken(when), then: unbroken(then) })),
        otherwise: expression.otherwise === null ? null : unbroken(expression.otherwise),
      }
    case 'aggregate':
      return {
        ...expression,
        args: expression.args.map(unbroken),
        filter: expression.filter === null ? null : unbroken(expression.filter),
      }
    case 'udf':
      return { ...expression, args: expression.args.map(unbroken) }
    case 'window':
      return { ...expression, time: unbroken(expression.time) }
    default:
      return { ...expression, child: unbroken(expression.child) }
  }
}
