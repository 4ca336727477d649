import { EngineError } from '../base/errors.ts'
import type { Bound, BoundAggregate, Expression } from '../expression/expression.ts'
import { outputName, resolveAggregate, resolveExpression } from '../expression/resolve.ts'
import { booleanType, field, structType } from '../record/data-type.ts'
import { type Analyzed, inputOf, isEventTime } from './analyzed.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { expandStars } from './expand-stars.ts'
import { expandWindows } from './expand-windows.ts'
import { mapExpression } from './map-expression.ts'

/** Totals by keys: an aggregation, what it needs below it (windows, marks of distinct values), and a projection above it. */
export const analyzeAggregate = (input: Analyzed, keys: readonly Expression[], aggregates: readonly Expression[]): Analyzed => {
  const { child: below, expressions } = expandWindows(input, expandStars(keys, input.plan.schema))
  const bound = expressions.map(e => resolveExpression(e, below.plan.schema))
  // Aggregates inside expressions are computed by the aggregation, what stands around them by a projection above it.
  const found: Extract<Expression, { kind: 'aggregate' }>[] = []
  const collected = aggregates.map(e => collectAggregates(e, found))
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

const aggregateColumn = (index: number): string => `\u0000aggregate${index}`

const collectAggregates = (e: Expression, found: Extract<Expression, { kind: 'aggregate' }>[]): Expression =>
  mapExpression(e, inner => {
    if (inner.kind !== 'aggregate') return null
    const known = found.findIndex(other => JSON.stringify(other, bigintText) === JSON.stringify(inner, bigintText))
    const index = known >= 0 ? known : found.push(inner) - 1
    return { kind: 'column', name: aggregateColumn(index) }
  })

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)
