import { avg, type Column, count, countDistinct, type DataFrame, last, max, min, sum, type WalkwaySession, when } from '../../index.ts'
import { columnOf, millis, typeText } from './columns.ts'
import type { Failures } from './failures.ts'
import type { Agg, Columns, Plan, Row, Value } from './format.ts'

/** A case's plan as calls of the DataFrame API. `sources` gives the streaming inputs by name. */
export const dataFrameOf = (
  plan: Plan,
  session: WalkwaySession,
  sources: ReadonlyMap<string, DataFrame>,
  failures: Failures,
): DataFrame => {
  const build = (p: Plan | undefined): DataFrame => {
    if (p === undefined) throw new Error(`${plan.op} lacks an input`)
    return dataFrameOf(p, session, sources, failures)
  }
  switch (plan.op) {
    case 'source': {
      const source = sources.get(plan.name ?? '')
      if (source === undefined) throw new Error(`no source ${plan.name}`)
      return source
    }
    case 'table': {
      const columns = plan.columns as Columns
      return session.createDataFrame(
        (plan.rows ?? []).map(row => rowObject(row, columns)),
        schemaText(columns),
      )
    }
    case 'select':
      return build(plan.input).select(...named(plan.columns).map(([name, e]) => columnOf(e).alias(name)))
    case 'extend':
      return named(plan.columns).reduce((df, [name, e]) => df.withColumn(name, columnOf(e)), build(plan.input))
    case 'filter':
      return build(plan.input).filter(columnOf(plan.where ?? true))
    case 'watermark':
      return build(plan.input).withWatermark(plan.column ?? '', millis(plan.delayMs ?? 0))
    case 'aggregate': {
      const aggs = (plan.aggs ?? []).map(([name, agg]) => aggregateOf(agg).alias(name))
      return build(plan.input)
        .groupBy(...(plan.keys ?? []).map(([name, e]) => columnOf(e).alias(name)))
        .agg(...(aggs as [Column, ...Column[]]))
    }
    case 'dropDuplicates':
      return plan.columns === null ? build(plan.input).dropDuplicates() : build(plan.input).dropDuplicates(plan.columns as string[])
    case 'dropDuplicatesWithinWatermark':
      return plan.columns === null
        ? build(plan.input).dropDuplicatesWithinWatermark()
        : build(plan.input).dropDuplicatesWithinWatermark(plan.columns as string[])
    case 'join': {
      const [left, right] = [build(plan.left), build(plan.right)]
      const fields = [...left.schema.fields, ...right.schema.fields]
      const times = new Set(fields.filter(({ type }) => type.kind === 'timestamp').map(({ name }) => name))
      const on = plan.using !== undefined ? [...plan.using] : columnOf(plan.on ?? true, times)
      return left.join(right, on, joinTypes[plan.type ?? 'inner'])
    }
    case 'union':
      return (plan.inputs ?? []).map(build).reduce((left, right) => left.union(right))
    case 'limit':
      return build(plan.input).limit(plan.n ?? 0)
    case 'sort': {
      const by = (plan.by ?? []).map(([e, order]) => (order === 'desc' ? columnOf(e).desc() : columnOf(e).asc()))
      return build(plan.input).sort(...(by as [Column, ...Column[]]))
    }
    case 'failOnce':
      return build(plan.input).filter(failures.once(columnOf(plan.where ?? true)))
    case 'failWhile':
      return build(plan.input).filter(failures.whileSet(plan.flag ?? '', columnOf(plan.where ?? true)))
    default:
      throw new Error(`no operator ${plan.op} in the runner`)
  }
}

const joinTypes = {
  inner: 'inner',
  left_outer: 'leftOuter',
  right_outer: 'rightOuter',
  full_outer: 'fullOuter',
  left_semi: 'leftSemi',
  left_anti: 'leftAnti',
} as Record<string, 'inner' | 'leftOuter' | 'rightOuter' | 'fullOuter' | 'leftSemi' | 'leftAnti'>

const named = (columns: unknown) => columns as readonly (readonly [string, Parameters<typeof columnOf>[0]])[]

const aggregateOf = ({ agg, expr, where }: Agg): Column => {
  // A filter is the same as nulls where it does not hold: every aggregate leaves nulls out.
  const value = expr === undefined ? null : columnOf(expr)
  const kept = where === undefined ? value : when(columnOf(where), value ?? 1)
  switch (agg) {
    case 'count':
      return kept === null ? count('*') : count(kept)
    case 'count_distinct':
    case 'collect_set_size':
      return countDistinct(kept ?? '')
    case 'sum':
      return sum(kept ?? '')
    case 'min':
      return min(kept ?? '')
    case 'max':
      return max(kept ?? '')
    case 'avg':
      return avg(kept ?? '')
    case 'last':
      return last(kept ?? '', true)
    default:
      throw new Error(`no aggregate ${agg} in the runner`)
  }
}

export const schemaText = (columns: Columns): string => columns.map(([name, type]) => `\`${name}\` ${typeText(type)}`).join(', ')

/** A row of the corpus as the API takes it: an object; times are millis there as here. */
export const rowObject = (row: Row, columns: Columns): Record<string, Value> =>
  Object.fromEntries(columns.map(([name], i) => [name, row[i] ?? null]))
