import {
  avg,
  type Column,
  count,
  countDistinct,
  type DataFrame,
  last,
  max,
  min,
  sum,
  sumDistinct,
  type WalkwaySession,
  when,
} from '../../index.ts'
import { columnOf, type IsTime, millis, typeText } from './columns.ts'
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
  const over = (p: Plan | undefined, then: (input: DataFrame, isTime: IsTime) => DataFrame): DataFrame => {
    const input = build(p)
    return then(input, timesOf(input))
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
      return over(plan.input, (input, isTime) => input.select(...named(plan.columns).map(([name, e]) => columnOf(e, isTime).alias(name))))
    case 'extend':
      return named(plan.columns).reduce((df, [name, e]) => df.withColumn(name, columnOf(e, timesOf(df))), build(plan.input))
    case 'filter':
      return over(plan.input, (input, isTime) => input.filter(columnOf(plan.where ?? true, isTime)))
    case 'watermark':
      return build(plan.input).withWatermark(plan.column ?? '', millis(plan.delayMs ?? 0))
    case 'aggregate':
      return over(plan.input, (input, isTime) => {
        const aggs = (plan.aggs ?? []).map(([name, agg]) => aggregateOf(agg, isTime).alias(name))
        const keys = (plan.keys ?? []).map(([name, e]) => columnOf(e, isTime).alias(name))
        return input.groupBy(...keys).agg(...(aggs as [Column, ...Column[]]))
      })
    case 'dropDuplicates':
      return plan.columns === null ? build(plan.input).dropDuplicates() : build(plan.input).dropDuplicates(plan.columns as string[])
    case 'dropDuplicatesWithinWatermark':
      return plan.columns === null
        ? build(plan.input).dropDuplicatesWithinWatermark()
        : build(plan.input).dropDuplicatesWithinWatermark(plan.columns as string[])
    case 'join': {
      const [left, right] = [build(plan.left), build(plan.right)]
      const [isLeftTime, isRightTime] = [timesOf(left), timesOf(right)]
      const on = plan.using !== undefined ? [...plan.using] : columnOf(plan.on ?? true, name => isLeftTime(name) || isRightTime(name))
      return left.join(right, on, joinTypes[plan.type ?? 'inner'])
    }
    case 'union':
      return (plan.inputs ?? []).map(build).reduce((left, right) => left.union(right))
    case 'limit':
      return build(plan.input).limit(plan.n ?? 0)
    case 'sort':
      return over(plan.input, (input, isTime) => {
        const by = (plan.by ?? []).map(([e, order]) => (order === 'desc' ? columnOf(e, isTime).desc() : columnOf(e, isTime).asc()))
        return input.sort(...(by as [Column, ...Column[]]))
      })
    case 'failOnce':
      return over(plan.input, (input, isTime) => input.filter(failures.once(columnOf(plan.where ?? true, isTime))))
    case 'failWhile':
      return over(plan.input, (input, isTime) => input.filter(failures.whileSet(plan.flag ?? '', columnOf(plan.where ?? true, isTime))))
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

const timesOf =
  (df: DataFrame): IsTime =>
  column =>
    df.schema.fields.some(({ name, type }) => name === column && type.kind === 'timestamp')

const named = (columns: unknown) => columns as readonly (readonly [string, Parameters<typeof columnOf>[0]])[]

const aggregateOf = ({ agg, expr, where }: Agg, isTime: IsTime): Column => {
  // A filter is the same as nulls where it does not hold: every aggregate leaves nulls out.
  const value = expr === undefined ? null : columnOf(expr, isTime)
  const kept = where === undefined ? value : when(columnOf(where, isTime), value ?? 1)
  switch (agg) {
    case 'count':
      return kept === null ? count('*') : count(kept)
    case 'count_distinct':
    case 'collect_set_size':
      return countDistinct(kept ?? '')
    case 'sum_distinct':
      return sumDistinct(kept ?? '')
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
