import type { Expression } from '../expression/expression.ts'

/**
 * Replaces parts of an expression, from the outside in; null keeps a part and looks into it. Arguments of aggregates and windows are left
 * alone.
 */
export const mapExpression = (e: Expression, replace: (inner: Expression) => Expression | null): Expression => {
  const go = (child: Expression): Expression => mapExpression(child, replace)
  const replaced = replace(e)
  if (replaced !== null) return replaced
  switch (e.kind) {
    case 'alias':
    case 'sort':
    case 'cast':
    case 'field':
    case 'fromJson':
    case 'toJson':
      return { ...e, child: go(e.child) }
    case 'call':
    case 'udf':
      return { ...e, args: e.args.map(go) }
    case 'case':
      return {
        ...e,
        branches: e.branches.map(({ when, then }) => ({ when: go(when), then: go(then) })),
        otherwise: e.otherwise === null ? null : go(e.otherwise),
      }
    default:
      return e
  }
}
