import type { Bound } from '../expression/expression.ts'

/** What costs more than a copy, or gives another value each time: computed once, where it stands. */
export const isCostly = (bound: Bound): boolean => {
  switch (bound.kind) {
    case 'input':
    case 'literal':
      return false
    case 'udf':
    case 'fromJson':
    case 'toJson':
      return true
    case 'call':
      return bound.name === 'rand' || bound.name === 'currentTimestamp' || bound.args.some(isCostly) || bound.name.length > 9
    case 'case':
      return true
    case 'struct':
      return bound.fields.some(isCostly)
    default:
      return isCostly(bound.child)
  }
}

export const isDeterministic = (bound: Bound): boolean => {
  switch (bound.kind) {
    case 'input':
    case 'literal':
      return true
    case 'udf':
      return false
    case 'call':
      return bound.name !== 'rand' && bound.name !== 'currentTimestamp' && bound.args.every(isDeterministic)
    case 'case':
      return (
        bound.branches.every(({ when, then }) => isDeterministic(when) && isDeterministic(then)) &&
        (bound.otherwise === null || isDeterministic(bound.otherwise))
      )
    case 'struct':
      return bound.fields.every(isDeterministic)
    default:
      return isDeterministic(bound.child)
  }
}
