import type { DataType } from '../record/data-type.ts'
import type { Bound } from './expression.ts'

/** Whether computing an expression can end in an error: then it matters whether it is computed. At worst true where it cannot. */
export const mayFail = (bound: Bound): boolean => {
  switch (bound.kind) {
    case 'input':
    case 'literal':
      return false
    case 'field':
      return mayFail(bound.child)
    case 'toJson':
      return mayFail(bound.child)
    case 'struct':
      return bound.fields.some(mayFail)
    case 'case':
      return (
        bound.branches.some(({ when, then }) => mayFail(when) || mayFail(then)) || (bound.otherwise !== null && mayFail(bound.otherwise))
      )
    case 'cast':
      return mayFail(bound.child) || (bound.isTry !== true && !holds(bound.type, bound.child.type))
    case 'call':
      return !harmless.has(bound.name) || bound.args.some(mayFail)
    case 'fromJson':
    case 'udf':
      return true
    default:
      return bound satisfies never
  }
}

const harmless = new Set(
  '= <=> < <= > >= and or not isNull isNotNull isnan in coalesce contains startswith endswith concat substring length upper lower trim base64 base64Unbroken hash xxhash64 least greatest'.split(
    ' ',
  ),
)

const integers = ['byte', 'short', 'integer', 'long']

/** Casts that never fail. */
const holds = (to: DataType, from: DataType): boolean => {
  if (from.kind === to.kind) return from.kind !== 'decimal' && from.kind !== 'struct'
  if (from.kind === 'null' || to.kind === 'string' || to.kind === 'binary') return true
  if (integers.includes(from.kind))
    return to.kind === 'float' || to.kind === 'double' || integers.indexOf(to.kind) > integers.indexOf(from.kind)
  return to.kind === 'double' && (from.kind === 'float' || from.kind === 'decimal')
}
