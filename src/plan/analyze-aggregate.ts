import { EngineError } from '../base/errors.ts'
import type { Bound, BoundAggregate, Expression } from '../expression/expression.ts'
import { columnAt, outputName, resolveAggregate, resolveExpression } from '../expression/resolve.ts'
import { booleanType, field, type StructType, structType } from '../record/data-type.ts'
import { type Analyzed, inputOf, isEventTime } from './analyzed.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { expandStars } from './expand-stars.ts'
import { expandWindows } from './expand-windows.ts'
import { mapExpression } from './map-expression.ts'

/** Totals by keys: an aggregation, what it needs below it (windows, marks of distinct values), and a projection above it. */
export const analyzeAggregate = (input: Analyzed, keys: readonly Expression[], aggregates: readonly Expression[]): Analyzed => {
  const grouping = expandStars(keys, input.plan.schema)
  const { child: below, expressions } = expandWindows(input, grouping)
  for (const key of expressions) if (hasAggregate(key)) throw new EngineError('GROUP_BY_AGGREGATE', { expression: outputName(key) })
  const bound = expressions.map(e => resolveExpression(e, below.plan.schema))
  // Aggregates inside expressions are computed by the aggregation, what stands around them by a projection above it.
  const found: Extract<Expression, { kind: 'aggregate' }>[] = []
  const collected = aggregates.map(e => collectAggregates(e, found, grouping))
  const { child, resolved } = resolveAggregates(below, bound, found)
  const keyFields = bound.map((value, i) => field(outputName(expressions[i]), value.type, value.nullable))
  const eventKeys = [...bound.keys()].filter(i => isEventTime(bound[i], child.eventTime))
  const schema = structType([
    ...keyFields,
    ...resolved.map((aggregate, i) => field(aggregateColumn(i), aggregate.type, aggregate.nullable)),
  ])
  const aggregated: Analyzed = {
    ...child,
    plan: {
      kind: 'aggregate',
      child: child.plan,
      keys: bound,
      aggregates: resolved,
      eventTimeKey: child.streaming && eventKeys.length > 0 ? eventKeys[0] : null,
      schema,
    },
    eventTime: new Set(eventKeys),
  }
  for (const e of collected) refuseUngrouped(e, schema, input.plan.schema, keys.length > 0)
  const above = collected.map(e => resolveExpression(e, schema))
  const names = structType([...keyFields, ...above.map((value, i) => field(outputName(aggregates[i]), value.type, value.nullable))])
  return {
    ...aggregated,
    plan: { kind: 'project', child: aggregated.plan, columns: [...keyFields.map(inputOf), ...above], schema: names },
  }
}

/**
 * Aggregates of distinct values become those of marked rows: below the aggregation stands one operator for each list of values and filter,
 * which marks the first row of each group that has them.
 */
const resolveAggregates = (
  below: Analyzed,
  keys: readonly Bound[],
  found: readonly Extract<Expression, { kind: 'aggregate' }>[],
): { child: Analyzed; resolved: readonly BoundAggregate[] } => {
  let child = below
  const eventTimeKey = keys.findIndex(key => isEventTime(key, below.eventTime))
  const marks = new Map<string, Bound>()
  const resolved = found.map((e): BoundAggregate => {
    const plain = resolveAggregate({ ...e, distinct: false, args: e.args.slice(0, e.distinct ? 1 : undefined) }, below.plan.schema)
    // The least of all is the least of the distinct ones.
    if (!e.distinct || e.name === 'min' || e.name === 'max') return plain
    if (e.args.length === 0)
      throw new EngineError('WRONG_NUM_ARGS', { name: `${e.name} of distinct values`, expected: 'at least 1', actual: 0 })
    const values = e.name === 'count' || plain.arg === null ? e.args.map(arg => resolveExpression(arg, below.plan.schema)) : [plain.arg]
    const name = JSON.stringify([values, plain.filter], bigintText)
    let mark = marks.get(name)
    if (mark === undefined) {
      const { fields } = child.plan.schema
      const added = field(`\u0000distinct${marks.size}`, booleanType, false)
      const plan: AnalyzedPlan = {
        kind: 'markDistinct',
        child: child.plan,
        keys,
        eventTimeKey: below.streaming && eventTimeKey >= 0 ? eventTimeKey : null,
        values,
        condition: plain.filter,
        schema: structType([...fields, added]),
      }
      child = { ...child, plan }
      mark = inputOf(added, fields.length)
      marks.set(name, mark)
    }
    return { ...plain, arg: e.name === 'count' ? null : plain.arg, filter: mark }
  })
  return { child, resolved }
}

const AGGREGATE = '\u0000aggregate'

const aggregateColumn = (index: number): string => `${AGGREGATE}${index}`

/** True if there is a total in an expression. */
export const hasAggregate = (e: Expression): boolean => {
  let found = false
  mapExpression(e, inner => {
    found ||= inner.kind === 'aggregate'
    return null
  })
  return found
}

/** Puts columns of the aggregation in place of aggregates, and of expressions by which is grouped. */
const collectAggregates = (
  e: Expression,
  found: Extract<Expression, { kind: 'aggregate' }>[],
  grouping: readonly Expression[],
): Expression => {
  const keys = grouping.map(key => textOf(key.kind === 'alias' ? key.child : key))
  return mapExpression(e, inner => {
    if (inner.kind !== 'aggregate') {
      const key = keys.indexOf(textOf(inner))
      return key < 0 ? null : { kind: 'alias', child: columnAt(key), name: outputName(inner) }
    }
    if ([...inner.args, ...(inner.filter === null ? [] : [inner.filter])].some(hasAggregate)) {
      throw new EngineError('NESTED_AGGREGATE_FUNCTION', { expression: outputName(inner) })
    }
    const known = found.findIndex(other => textOf(other) === textOf(inner))
    const index = known >= 0 ? known : found.push(inner) - 1
    return { kind: 'column', name: aggregateColumn(index) }
  })
}

/** Beside totals stands what is the same in all rows of a group. Throws MISSING_GROUP_BY, MISSING_AGGREGATION; UNRESOLVED_COLUMN. */
const refuseUngrouped = (e: Expression, grouped: StructType, below: StructType, hasKeys: boolean): void => {
  const refuse = (expression: string): never => {
    throw new EngineError(hasKeys ? 'MISSING_AGGREGATION' : 'MISSING_GROUP_BY', { expression })
  }
  mapExpression(e, inner => {
    if (inner.kind === 'star' || inner.kind === 'window') return refuse(outputName(inner))
    if (inner.kind !== 'column' || inner.name.startsWith(AGGREGATE) || (hasKeys && resolves(inner, grouped))) return null
    const bound = resolveExpression(inner, below)
    return refuse(bound.kind === 'input' ? bound.name : outputName(inner))
  })
}

const resolves = (e: Expression, schema: StructType): boolean => {
  try {
    resolveExpression(e, schema)
    return true
  } catch (error) {
    if (error instanceof EngineError && error.code === 'UNRESOLVED_COLUMN') return false
    throw error
  }
}

const textOf = (e: Expression): string => JSON.stringify(e, bigintText)

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)
