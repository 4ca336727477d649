import { EngineError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import {
  allNullable,
  booleanType,
  type DataType,
  type StructType,
  stringType,
  timestampType,
  typeName,
  windowType,
} from '../record/data-type.ts'
import { aggregateType } from './aggregates.ts'
import { canCast } from './cast-rules.ts'
import type { Bound, BoundAggregate, Expression } from './expression.ts'
import { castTo, functions } from './functions.ts'
import { readFromJsonOptions, readToJsonOptions } from './json-options.ts'
import { commonType } from './type-rules.ts'

/**
 * Looks names up and works types out, with Spark's implicit casts made explicit. Errors: UNRESOLVED_COLUMN, AMBIGUOUS_COLUMN,
 * UNRESOLVED_ROUTINE, WRONG_NUM_ARGS, DATATYPE_MISMATCH.
 */
export const resolveExpression = (expression: Expression, schema: StructType): Bound => {
  const resolve = (e: Expression): Bound => resolveExpression(e, schema)
  switch (expression.kind) {
    case 'column':
      return resolveColumn(expression.name, schema)
    case 'literal':
      return { kind: 'literal', value: expression.value, type: expression.type, nullable: expression.value === null }
    case 'alias':
    case 'sort':
      return resolve(expression.child)
    case 'call': {
      const args = expression.args.map(resolve)
      return expression.name === 'struct' ? structOf(expression.args, args) : resolveCall(expression.name, args)
    }
    case 'cast': {
      const child = resolve(expression.child)
      if (!canCast(child.type, expression.to)) {
        throw new EngineError('DATATYPE_MISMATCH', {
          expression: `cast to ${typeName(expression.to)}`,
          expected: 'a type that can be cast so',
          argument: 'its argument',
          actual: typeName(child.type),
        })
      }
      if (expression.isTry === true) return { kind: 'cast', child, type: expression.to, nullable: true, isTry: true }
      return castTo(child, expression.to)
    }
    case 'case': {
      const branches = expression.branches.map(branch => ({ when: condition(resolve(branch.when)), then: resolve(branch.then) }))
      const otherwise = expression.otherwise === null ? null : resolve(expression.otherwise)
      const results = [...branches.map(branch => branch.then), ...(otherwise === null ? [] : [otherwise])]
      let type: DataType = results[0].type
      for (const result of results) type = commonType(type, result.type) ?? mismatch('case when', typeName(type), result.type)
      return {
        kind: 'case',
        branches: branches.map(branch => ({ when: branch.when, then: castTo(branch.then, type) })),
        otherwise: otherwise === null ? null : castTo(otherwise, type),
        type,
        nullable: otherwise === null || results.some(result => result.nullable),
      }
    }
    case 'field':
      return fieldOf(resolve(expression.child), expression.name)
    case 'window': {
      const time = resolve(expression.time)
      if (time.type.kind !== 'timestamp') return mismatch('window', 'timestamp', time.type)
      return { kind: 'call', name: 'window', args: [time], type: windowType, nullable: false }
    }
    case 'fromJson': {
      readFromJsonOptions(expression.options)
      const child = castTo(resolve(expression.child), stringType)
      const { schema: given, options } = expression
      return { kind: 'fromJson', child, type: given.kind === 'struct' ? allNullable(given) : given, nullable: true, options }
    }
    case 'toJson': {
      readToJsonOptions(expression.options)
      const child = resolve(expression.child)
      if (child.type.kind !== 'struct') return mismatch('to_json', 'a struct', child.type)
      return { kind: 'toJson', child, type: stringType, nullable: child.nullable, options: expression.options }
    }
    case 'udf':
      return {
        kind: 'udf',
        ref: expression.ref,
        name: expression.name,
        args: expression.args.map(resolve),
        type: expression.type,
        nullable: true,
      }
    case 'aggregate':
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: `${expression.name}() outside of agg() and select()` })
    case 'star':
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'a star inside an expression' })
    default:
      return expression satisfies never
  }
}

/** Resolves one aggregate, its argument against the rows that are grouped. */
export const resolveAggregate = (expression: Expression, schema: StructType): BoundAggregate => {
  if (expression.kind !== 'aggregate') throw new Error('not an aggregate')
  const { name } = expression
  const args = expression.args.map(arg => resolveExpression(arg, schema))
  const filter = expression.filter === null ? null : condition(resolveExpression(expression.filter, schema))
  const arg = args.length === 0 ? null : args[0]
  const { type, input } = aggregateType(name, arg?.type ?? null)
  return {
    name: name as BoundAggregate['name'],
    arg: arg === null || (name === 'count' && !arg.nullable) ? null : input === null ? arg : castTo(arg, input),
    filter,
    ignoreNulls: expression.ignoreNulls,
    type,
    nullable: name !== 'count',
  }
}

/** The name that Spark gives to a column made by an expression without alias. */
export const outputName = (expression: Expression): string => {
  switch (expression.kind) {
    case 'alias':
      return expression.name
    case 'column':
      return (
        expression.name
          .match(/`[^`]*`|[^.`]+/g)
          ?.at(-1)
          ?.replace(/`/g, '') ?? expression.name
      )
    case 'field':
      return expression.name
    case 'window':
      return 'window'
    case 'fromJson':
      return `from_json(${outputName(expression.child)})`
    case 'toJson':
      return `to_json(${outputName(expression.child)})`
    default:
      return describe(expression)
  }
}

const infix = new Set(['=', '<=>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', 'and', 'or', 'like', 'div'])

const describe = (e: Expression): string => {
  switch (e.kind) {
    case 'column':
      return e.name.replace(/`/g, '')
    case 'literal':
      return e.value === null ? 'NULL' : String(e.value)
    case 'call':
      if (infix.has(e.name) && e.args.length === 2) return `(${describe(e.args[0])} ${e.name.toUpperCase()} ${describe(e.args[1])})`
      if (e.name === 'isNull') return `(${describe(e.args[0])} IS NULL)`
      if (e.name === 'isNotNull') return `(${describe(e.args[0])} IS NOT NULL)`
      if (e.name === 'not') return `(NOT ${describe(e.args[0])})`
      return `${snake(e.name)}(${e.args.map(describe).join(', ')})`
    case 'cast':
      return describe(e.child)
    case 'case':
      return `CASE ${e.branches.map(b => `WHEN ${describe(b.when)} THEN ${describe(b.then)}`).join(' ')}${e.otherwise === null ? '' : ` ELSE ${describe(e.otherwise)}`} END`
    case 'aggregate':
      return `${snake(e.name)}(${e.distinct ? 'DISTINCT ' : ''}${e.args.length === 0 ? '1' : e.args.map(describe).join(', ')})`
    case 'udf':
      return `${e.name}(${e.args.map(describe).join(', ')})`
    case 'alias':
    case 'sort':
      return describe(e.child)
    case 'field':
      return `${describe(e.child)}.${e.name}`
    case 'star':
      return '*'
    default:
      return outputName(e)
  }
}

const snake = (name: string): string => name.replace(/[A-Z]/g, c => `_${c.toLowerCase()}`)

const mismatch = (expression: string, expected: string, actual: DataType): never => {
  throw new EngineError('DATATYPE_MISMATCH', { expression, expected, argument: 'its argument', actual: typeName(actual) })
}

const condition = (bound: Bound): Bound => {
  if (bound.type.kind === 'null') return castTo(bound, booleanType)
  return bound.type.kind === 'boolean' ? bound : mismatch('a condition', 'boolean', bound.type)
}

const resolveCall = (name: string, args: readonly Bound[]): Bound => {
  if (name === 'between') {
    const [value, low, high] = args
    return resolveCall('and', [resolveCall('>=', [value, low]), resolveCall('<=', [value, high])])
  }
  if (name === 'if') {
    const [when, then, otherwise] = args
    const type = commonType(then.type, otherwise.type) ?? mismatch('if', typeName(then.type), otherwise.type)
    return {
      kind: 'case',
      branches: [{ when: condition(when), then: castTo(then, type) }],
      otherwise: castTo(otherwise, type),
      type,
      nullable: then.nullable || otherwise.nullable,
    }
  }
  if (name === 'windowTime') {
    const [window] = args
    if (window.type.kind !== 'struct') return mismatch('window_time', 'a window', window.type)
    return { kind: 'call', name, args: [fieldOf(window, 'end')], type: timestampType, nullable: window.nullable }
  }
  const known = functions[name]
  if (known === undefined) {
    throw new EngineError('UNRESOLVED_ROUTINE', { name, candidates: nearest(name, Object.keys(functions)).join(', ') })
  }
  const [least, most] = known.arity
  if (args.length < least || args.length > most) {
    throw new EngineError('WRONG_NUM_ARGS', { name, expected: least === most ? least : `${least} to ${most}`, actual: args.length })
  }
  return known.bind(name, args)
}

const fieldOf = (child: Bound, name: string): Bound => {
  const { type } = child
  if (type.kind !== 'struct') return mismatch(`field ${name}`, 'a struct', type)
  const index = type.fields.findIndex(f => f.name.toLowerCase() === name.toLowerCase())
  if (index < 0) {
    throw new EngineError('UNRESOLVED_COLUMN', {
      column: name,
      candidates: nearest(
        name,
        type.fields.map(f => f.name),
      ).join(', '),
    })
  }
  const f = type.fields[index]
  if (child.kind === 'struct') return child.fields[index]
  return { kind: 'field', child, index, type: f.type, nullable: child.nullable || f.nullable }
}

/** A field has the name of what it is made of: an alias, a column, a field; else it is `col1` by its place. */
const structOf = (expressions: readonly Expression[], fields: readonly Bound[]): Bound => {
  const named = fields.map((of, i) => ({ name: fieldName(expressions[i], of) ?? `col${i + 1}`, type: of.type, nullable: of.nullable }))
  return { kind: 'struct', fields, type: { kind: 'struct', fields: named }, nullable: false }
}

const fieldName = (e: Expression, bound: Bound): string | null => {
  if (e.kind === 'alias') return e.name
  return bound.kind === 'input' ? bound.name : e.kind === 'field' || e.kind === 'column' ? outputName(e) : null
}

/** A column by its place, for stars: names may stand there twice. */
export const columnAt = (ordinal: number): Expression => ({ kind: 'column', name: `${PLACE}${ordinal}` })

const PLACE = '\u0000#'

/** A name may be whole, in backticks, or a path into structs. Case does not matter, as in Spark. */
const resolveColumn = (name: string, schema: StructType): Bound => {
  if (name.startsWith(PLACE)) {
    const ordinal = Number(name.slice(PLACE.length))
    return { kind: 'input', ordinal, ...schema.fields[ordinal] }
  }
  const whole = lookUp(name.replace(/^`(.*)`$/, '$1'), schema) ?? lookUp(name, schema)
  if (whole !== null) return whole
  const parts = name.match(/`[^`]*`|[^.]+/g) ?? []
  for (let length = parts.length - 1; length > 0; length--) {
    const head = lookUp(
      parts
        .slice(0, length)
        .map(part => part.replace(/^`|`$/g, ''))
        .join('.'),
      schema,
    )
    if (head === null) continue
    return parts.slice(length).reduce((value, part) => fieldOf(value, part.replace(/^`|`$/g, '')), head)
  }
  const names = schema.fields.map(f => f.name)
  throw new EngineError('UNRESOLVED_COLUMN', {
    column: name,
    candidates: nearest(name, names).join(', ') || 'none, the input has no columns',
  })
}

const lookUp = (name: string, schema: StructType): Bound | null => {
  const lower = name.toLowerCase()
  let found = -1
  let count = 0
  for (const [i, f] of schema.fields.entries()) {
    if (f.name.toLowerCase() !== lower) continue
    if (found < 0) found = i
    count++
  }
  if (count === 0) return null
  if (count > 1) throw new EngineError('AMBIGUOUS_COLUMN', { column: name, count })
  const f = schema.fields[found]
  return { kind: 'input', ordinal: found, name: f.name, type: f.type, nullable: f.nullable }
}
