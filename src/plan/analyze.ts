import { EngineError } from '../base/errors.ts'
import type { Expression } from '../expression/expression.ts'
import { castTo } from '../expression/functions.ts'
import { oneZero } from '../expression/one-zero.ts'
import { columnAt, outputName, resolveExpression } from '../expression/resolve.ts'
import { commonType } from '../expression/type-rules.ts'
import { field, type StructType, structType, typeName } from '../record/data-type.ts'
import { analyzeAggregate, hasAggregate } from './analyze-aggregate.ts'
import { analyzeJoin } from './analyze-join.ts'
import { type Analyzed, inputOf, isEventTime, keepColumns } from './analyzed.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { expandStars } from './expand-stars.ts'
import { expandWindows } from './expand-windows.ts'
import type { LogicalPlan } from './logical-plan.ts'

/**
 * Gives a plan meaning: resolves names and types, expands stars and windows, finds event time. What cannot mean anything is refused with
 * the column or value at fault. Whether a query may run in an output mode is `check-streaming.ts`'s question.
 */
export const analyze = (plan: LogicalPlan): Analyzed => {
  switch (plan.kind) {
    case 'source':
      return {
        plan: { kind: 'source', source: plan, schema: plan.schema, columns: plan.schema.fields.map((_, i) => i) },
        eventTime: new Set(),
        streaming: plan.streaming,
        delayMicros: null,
      }
    case 'localRelation':
      return { plan, eventTime: new Set(), streaming: false, delayMicros: null }
    case 'project':
      return analyzeProject(analyze(plan.child), plan.columns)
    case 'withColumns': {
      const child = analyze(plan.child)
      const existing = child.plan.schema.fields.map((f, i): Expression => {
        const replaced = plan.columns.find(column => column.name.toLowerCase() === f.name.toLowerCase())
        return replaced === undefined
          ? { kind: 'alias', child: columnAt(i), name: f.name }
          : { kind: 'alias', child: replaced.value, name: replaced.name }
      })
      const names = new Set(child.plan.schema.fields.map(f => f.name.toLowerCase()))
      const added = plan.columns
        .filter(column => !names.has(column.name.toLowerCase()))
        .map((column): Expression => ({ kind: 'alias', child: column.value, name: column.name }))
      return analyzeProject(child, [...existing, ...added])
    }
    case 'rename': {
      const child = analyze(plan.child)
      const { fields } = child.plan.schema
      if (!fields.some(f => f.name.toLowerCase() === plan.from.toLowerCase())) return child
      const schema = structType(fields.map(f => (f.name.toLowerCase() === plan.from.toLowerCase() ? { ...f, name: plan.to } : f)))
      return { ...child, plan: { kind: 'project', child: child.plan, columns: fields.map(inputOf), schema } }
    }
    case 'drop': {
      const child = analyze(plan.child)
      const dropped = new Set(plan.names.map(name => name.toLowerCase()))
      const meant = new Set(plan.columns.map(column => wholeColumn(column, child.plan.schema)))
      const kept = [...child.plan.schema.fields.entries()].filter(([i, f]) => !dropped.has(f.name.toLowerCase()) && !meant.has(i))
      return keepColumns(
        child,
        kept.map(([i]) => i),
      )
    }
    case 'filter': {
      const child = analyze(plan.child)
      if (hasAggregate(plan.condition)) throw new EngineError('INVALID_WHERE_CONDITION', { expression: outputName(plan.condition) })
      const condition = resolveExpression(plan.condition, child.plan.schema)
      if (condition.type.kind !== 'boolean' && condition.type.kind !== 'null') {
        throw new EngineError('DATATYPE_MISMATCH', {
          expression: 'filter',
          expected: 'boolean',
          argument: 'its condition',
          actual: typeName(condition.type),
        })
      }
      return {
        ...child,
        plan: { kind: 'filter', child: child.plan, condition: castTo(condition, { kind: 'boolean' }), schema: child.plan.schema },
      }
    }
    case 'watermark':
      return analyzeWatermark(analyze(plan.child), plan.column, plan.delayMicros)
    case 'aggregate':
      return analyzeAggregate(analyze(plan.child), plan.keys, plan.aggregates)
    case 'deduplicate':
      return analyzeDeduplicate(analyze(plan.child), plan.columns, plan.withinWatermark)
    case 'join':
      return analyzeJoin(analyze(plan.left), analyze(plan.right), plan.type, plan.on)
    case 'union':
      return analyzeUnion(plan.inputs.map(analyze))
    case 'repartition': {
      const child = analyze(plan.child)
      const keys = plan.keys.map(key => resolveExpression(key, child.plan.schema))
      return { ...child, plan: { kind: 'repartition', child: child.plan, partitions: plan.partitions, keys, schema: child.plan.schema } }
    }
    case 'sort': {
      const child = analyze(plan.child)
      const by = plan.by.map(key => {
        const ascending = key.kind === 'sort' ? key.ascending : true
        const nullsFirst = (key.kind === 'sort' ? key.nullsFirst : undefined) ?? ascending
        return { value: resolveExpression(key, child.plan.schema), ascending, nullsFirst }
      })
      return { ...child, plan: { kind: 'sort', child: child.plan, by, schema: child.plan.schema } }
    }
    case 'limit': {
      const child = analyze(plan.child)
      return { ...child, plan: { kind: 'limit', child: child.plan, count: plan.count, schema: child.plan.schema } }
    }
    default:
      return plan satisfies never
  }
}

/** Which column an expression is; -1 if it is none, or there is no such column. Throws AMBIGUOUS_COLUMN. */
const wholeColumn = (e: Expression, schema: StructType): number => {
  if (e.kind !== 'column') return -1
  try {
    const bound = resolveExpression(e, schema)
    return bound.kind === 'input' ? bound.ordinal : -1
  } catch (error) {
    if (error instanceof EngineError && error.code === 'UNRESOLVED_COLUMN') return -1
    throw error
  }
}

const analyzeProject = (input: Analyzed, columns: readonly Expression[]): Analyzed => {
  // As in Spark, a total is of all rows where no groups are given.
  if (columns.some(hasAggregate)) return analyzeAggregate(input, [], columns)
  const { child, expressions } = expandWindows(input, expandStars(columns, input.plan.schema))
  const bound = expressions.map(e => resolveExpression(e, child.plan.schema))
  const schema = structType(bound.map((value, i) => field(outputName(expressions[i]), value.type, value.nullable)))
  return {
    ...child,
    plan: { kind: 'project', child: child.plan, columns: bound, schema },
    eventTime: new Set([...bound.keys()].filter(i => isEventTime(bound[i], child.eventTime))),
  }
}

const analyzeWatermark = (child: Analyzed, column: string, delayMicros: number): Analyzed => {
  if (delayMicros < 0) throw new EngineError('NEGATIVE_DELAY', { delay: delayMicros / 1000 })
  const time = resolveExpression({ kind: 'column', name: column }, child.plan.schema)
  const isWindow = time.type.kind === 'struct' && time.type.fields.length === 2 && time.type.fields[1].type.kind === 'timestamp'
  if (time.type.kind !== 'timestamp' && !isWindow) throw new EngineError('WATERMARK_TYPE', { column, actual: typeName(time.type) })
  if (time.kind !== 'input') throw new EngineError('WATERMARK_TYPE', { column, actual: 'a field of a struct' })
  // On a finite input nothing is ever late, so a watermark means nothing.
  if (!child.streaming) return child
  if (child.delayMicros !== null) throw new EngineError('WATERMARK_REDEFINED', { column })
  return {
    ...child,
    plan: { kind: 'watermark', child: child.plan, time, delayMicros, schema: child.plan.schema },
    eventTime: new Set([time.ordinal]),
    delayMicros,
  }
}

/**
 * Of a table the columns that are compared come out as they are compared, with one zero and one NaN, as in Spark. Of a stream they come out
 * as they came: a row passes at once, before anybody knows what equals it.
 */
const analyzeDeduplicate = (child: Analyzed, columns: readonly string[] | null, withinWatermark: boolean): Analyzed => {
  const distinct = distinctRows(child, columns, withinWatermark)
  const { plan } = distinct
  if (child.streaming || plan.kind !== 'deduplicate') return distinct
  const compared = new Set(plan.keys.map(key => (key.kind === 'input' ? key.ordinal : -1)))
  const shown = plan.schema.fields.map((f, i) => (compared.has(i) ? oneZero(inputOf(f, i)) : inputOf(f, i)))
  if (shown.every(value => value.kind === 'input')) return distinct
  return { ...distinct, plan: { kind: 'project', child: plan, columns: shown, schema: plan.schema } }
}

const distinctRows = (child: Analyzed, columns: readonly string[] | null, withinWatermark: boolean): Analyzed => {
  const { schema } = child.plan
  const keys = columns?.map(name => resolveExpression({ kind: 'column', name }, schema)) ?? schema.fields.map(inputOf)
  const eventKey = keys.findIndex(key => key.kind === 'input' && child.eventTime.has(key.ordinal))
  const ordinal = Math.min(...child.eventTime)
  const isTimed = child.streaming && child.eventTime.size > 0
  let expiry: { delayMicros: number } | null = null
  if (withinWatermark && child.streaming) {
    if (!isTimed || child.delayMicros === null) throw new EngineError('MISSING_WATERMARK', { operation: 'dropDuplicatesWithinWatermark' })
    expiry = { delayMicros: child.delayMicros }
  }
  return {
    ...child,
    plan: {
      kind: 'deduplicate',
      child: child.plan,
      keys,
      eventTimeKey: child.streaming && expiry === null && eventKey >= 0 ? eventKey : null,
      time: isTimed ? (eventKey >= 0 ? keys[eventKey] : inputOf(schema.fields[ordinal], ordinal)) : null,
      expiry,
      schema,
    },
  }
}

const analyzeUnion = (inputs: readonly Analyzed[]): Analyzed => {
  const [first] = inputs
  for (const input of inputs) {
    if (input.plan.schema.fields.length !== first.plan.schema.fields.length) {
      throw new EngineError('NUM_COLUMNS_MISMATCH', { first: first.plan.schema.fields.length, other: input.plan.schema.fields.length })
    }
  }
  const fields = first.plan.schema.fields.map((f, i) => {
    let { type, nullable } = f
    for (const input of inputs) {
      const other = input.plan.schema.fields[i]
      const common = commonType(type, other.type)
      if (common === null) {
        throw new EngineError('DATATYPE_MISMATCH', {
          expression: 'union',
          expected: typeName(type),
          argument: `column ${other.name}`,
          actual: typeName(other.type),
        })
      }
      type = common
      nullable ||= other.nullable
    }
    return field(f.name, type, nullable)
  })
  const schema = structType(fields)
  const plans = inputs.map((input): AnalyzedPlan => {
    const columns = input.plan.schema.fields.map((f, i) => castTo(inputOf(f, i), fields[i].type))
    return { kind: 'project', child: input.plan, columns, schema }
  })
  const delays = inputs.map(input => input.delayMicros).filter(delay => delay !== null)
  return {
    plan: { kind: 'union', inputs: plans, schema },
    eventTime: new Set(inputs.flatMap(input => [...input.eventTime])),
    streaming: inputs.some(input => input.streaming),
    // As in Spark, whose column of a union is that of the first input.
    delayMicros: delays[0] ?? null,
  }
}
