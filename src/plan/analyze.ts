import { EngineError } from '../base/errors.ts'
import type { Bound, BoundAggregate, Expression } from '../expression/expression.ts'
import { castTo } from '../expression/functions.ts'
import { outputName, resolveAggregate, resolveExpression } from '../expression/resolve.ts'
import { commonType } from '../expression/type-rules.ts'
import { booleanType, type Field, field, type StructType, structType, timestampType, typeName, windowType } from '../record/data-type.ts'
import { analyzeJoin } from './analyze-join.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import type { LogicalPlan } from './logical-plan.ts'

/** A plan with what the rules of streaming need to know of its output. */
export interface Analyzed {
  readonly plan: AnalyzedPlan
  /** Ordinals of the output columns that are event time: the column of a watermark, a window over one, and what they are renamed to. */
  readonly eventTime: ReadonlySet<number>
  readonly streaming: boolean
  /** How long the watermark waits, in micros; null without a watermark. */
  readonly delayMicros: number | null
}

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
      const existing = child.plan.schema.fields.map((f): Expression => {
        const replaced = plan.columns.find(column => column.name.toLowerCase() === f.name.toLowerCase())
        return replaced === undefined
          ? { kind: 'column', name: `\`${f.name}\`` }
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
      const kept = [...child.plan.schema.fields.entries()].filter(([, f]) => !dropped.has(f.name.toLowerCase()))
      return keepColumns(
        child,
        kept.map(([i]) => i),
      )
    }
    case 'filter': {
      const child = analyze(plan.child)
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

export const inputOf = (f: Field, ordinal: number): Bound => ({ kind: 'input', ordinal, name: f.name, type: f.type, nullable: f.nullable })

/** A projection to some of the columns, by ordinal. */
export const keepColumns = (child: Analyzed, ordinals: readonly number[]): Analyzed => {
  const { fields } = child.plan.schema
  return {
    ...child,
    plan: {
      kind: 'project',
      child: child.plan,
      columns: ordinals.map(i => inputOf(fields[i], i)),
      schema: structType(ordinals.map(i => fields[i])),
    },
    eventTime: new Set([...ordinals.keys()].filter(to => child.eventTime.has(ordinals[to]))),
  }
}

/** True if a value is event time where its input is: the column itself, a window over it, a window's time. */
export const isEventTime = (value: Bound, eventTime: ReadonlySet<number>): boolean => {
  if (value.kind === 'input') return eventTime.has(value.ordinal)
  if (value.kind === 'call' && value.name === 'windowTime') {
    const [end] = value.args
    return end.kind === 'field' && isEventTime(end.child, eventTime)
  }
  return false
}

type WindowExpression = Extract<Expression, { kind: 'window' }>

/** All windows in an expression, however deep. */
const windowsIn = (e: Expression): WindowExpression[] => {
  const found: WindowExpression[] = []
  mapExpression(e, inner => {
    if (inner.kind === 'window') found.push(inner)
    return null
  })
  return found
}

/**
 * Windows multiply rows, so they are made below the projection or aggregation that names them, by one more operator; the expressions above
 * then refer to its column. Returns the child with that operator, and the expressions rewritten.
 */
const expandWindows = (child: Analyzed, expressions: readonly Expression[]): { child: Analyzed; expressions: readonly Expression[] } => {
  const windows = expressions.flatMap(windowsIn)
  if (windows.length === 0) return { child, expressions }
  const [first] = windows
  if (windows.some(other => JSON.stringify(other) !== JSON.stringify(first)))
    throw new EngineError('MULTIPLE_WINDOWS', { count: windows.length })
  const { sizeMicros, slideMicros, startMicros } = first
  if (!(sizeMicros > 0) || !(slideMicros > 0) || slideMicros > sizeMicros || Math.abs(startMicros) >= slideMicros) {
    throw new EngineError('BAD_WINDOW', { size: sizeMicros / 1000, slide: slideMicros / 1000, start: startMicros / 1000 })
  }
  const named = resolveExpression(first.time, child.plan.schema)
  const time: Bound =
    named.type.kind === 'struct'
      ? resolveExpression({ kind: 'call', name: 'windowTime', args: [first.time] }, child.plan.schema)
      : named.type.kind === 'date'
        ? castTo(named, timestampType)
        : named
  if (time.type.kind !== 'timestamp') {
    throw new EngineError('DATATYPE_MISMATCH', {
      expression: 'window',
      expected: 'timestamp',
      argument: 'its time',
      actual: typeName(time.type),
    })
  }
  const { fields } = child.plan.schema
  // A name that no user's column has, so that it can never be ambiguous.
  const name = '\u0000window'
  const schema = structType([...fields, field(name, windowType, false)])
  const eventTime = new Set(child.eventTime)
  if (isEventTime(time, child.eventTime)) eventTime.add(fields.length)
  const expanded: Analyzed = {
    ...child,
    plan: { kind: 'expandWindow', child: child.plan, time, sizeMicros, slideMicros, startMicros, schema },
    eventTime,
  }
  const rewritten = expressions.map((e): Expression => {
    if (windowsIn(e).length === 0) return e
    const replaced = mapExpression(e, inner => (inner.kind === 'window' ? { kind: 'column', name } : null))
    return { kind: 'alias', child: replaced.kind === 'alias' ? replaced.child : replaced, name: outputName(e) }
  })
  return { child: expanded, expressions: rewritten }
}

const expandStars = (expressions: readonly Expression[], schema: StructType): Expression[] =>
  expressions.flatMap((e): Expression[] => {
    if (e.kind !== 'star') return [e]
    if (e.prefix === null) return schema.fields.map((f): Expression => ({ kind: 'column', name: `\`${f.name}\`` }))
    const prefix = e.prefix
    const struct = resolveExpression({ kind: 'column', name: prefix }, schema)
    if (struct.type.kind !== 'struct') {
      throw new EngineError('DATATYPE_MISMATCH', {
        expression: `${prefix}.*`,
        expected: 'a struct',
        argument: prefix,
        actual: typeName(struct.type),
      })
    }
    return struct.type.fields.map((f): Expression => ({ kind: 'field', child: { kind: 'column', name: prefix }, name: f.name }))
  })

const analyzeProject = (input: Analyzed, columns: readonly Expression[]): Analyzed => {
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

const analyzeAggregate = (input: Analyzed, keys: readonly Expression[], aggregates: readonly Expression[]): Analyzed => {
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

/**
 * Replaces parts of an expression, from the outside in; null keeps a part and looks into it. Arguments of aggregates and windows are left
 * alone.
 */
const mapExpression = (e: Expression, replace: (inner: Expression) => Expression | null): Expression => {
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

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)

const analyzeDeduplicate = (child: Analyzed, columns: readonly string[] | null, withinWatermark: boolean): Analyzed => {
  const { schema } = child.plan
  const keys = (columns ?? schema.fields.map(f => `\`${f.name}\``)).map(name => resolveExpression({ kind: 'column', name }, schema))
  const eventKey = keys.findIndex(key => key.kind === 'input' && child.eventTime.has(key.ordinal))
  let expiry: { time: Bound; delayMicros: number } | null = null
  if (withinWatermark && child.streaming) {
    const [ordinal] = child.eventTime
    if (ordinal === undefined || child.delayMicros === null)
      throw new EngineError('MISSING_WATERMARK', { operation: 'dropDuplicatesWithinWatermark' })
    expiry = { time: inputOf(schema.fields[ordinal], ordinal), delayMicros: child.delayMicros }
  }
  return {
    ...child,
    plan: {
      kind: 'deduplicate',
      child: child.plan,
      keys,
      eventTimeKey: child.streaming && expiry === null && eventKey >= 0 ? eventKey : null,
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
    delayMicros: delays.length === 0 ? null : Math.max(...delays),
  }
}
