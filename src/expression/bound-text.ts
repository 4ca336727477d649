import { typeName } from '../record/data-type.ts'
import type { Bound, BoundAggregate, LiteralValue } from './expression.ts'

const infix = new Set(['=', '<=>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', 'and', 'or', 'like', 'div'])

const literalText = (value: LiteralValue): string => {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value)
  return value instanceof Uint8Array ? `X'${Buffer.from(value).toString('hex')}'` : String(value)
}

/** A resolved expression for plans: `(amount#2 > 100)`; the number is the ordinal in the row that comes in. */
export const boundText = (bound: Bound): string => {
  switch (bound.kind) {
    case 'input':
      return `${visible(bound.name)}#${bound.ordinal}`
    case 'literal':
      return literalText(bound.value)
    case 'call': {
      const args = bound.args.map(boundText)
      if (infix.has(bound.name) && args.length === 2) return `(${args[0]} ${bound.name} ${args[1]})`
      return `${bound.name}(${args.join(', ')})`
    }
    case 'case': {
      const branches = bound.branches.map(({ when, then }) => ` when ${boundText(when)} then ${boundText(then)}`).join('')
      return `case${branches}${bound.otherwise === null ? '' : ` else ${boundText(bound.otherwise)}`} end`
    }
    case 'cast':
      return `${bound.isTry === true ? 'try_' : ''}cast(${boundText(bound.child)} as ${typeName(bound.type)})`
    case 'field': {
      const { type } = bound.child
      return `${boundText(bound.child)}.${type.kind === 'struct' ? type.fields[bound.index].name : bound.index}`
    }
    case 'struct':
      return `struct(${bound.fields.map(boundText).join(', ')})`
    case 'fromJson':
      return `from_json(${boundText(bound.child)}, ${typeName(bound.type)})`
    case 'toJson':
      return `to_json(${boundText(bound.child)})`
    case 'udf':
      return `${bound.name}(${bound.args.map(boundText).join(', ')})`
    default:
      return bound satisfies never
  }
}

export const aggregateText = (aggregate: BoundAggregate): string => {
  const filter = aggregate.filter === null ? '' : ` filter (where ${boundText(aggregate.filter)})`
  return `${aggregate.name}(${aggregate.arg === null ? '*' : boundText(aggregate.arg)})${filter}`
}

/** Names that the analyzer makes begin with a character that no keyboard has. */
/** A name as a reader sees it: those of columns that the planner made begin with a zero. */
export const visible = (name: string): string => (name.startsWith('\u0000') ? `_${name.slice(1)}` : name)
