import {
  avg,
  type Column,
  col,
  count,
  countDistinct,
  type DataFrame,
  max,
  min,
  sum,
  sumDistinct,
  timestampAdd,
  window,
  windowTime,
} from '../../../src/index.ts'
import { columnOf, type Expression, type Kind, sqlOf } from './expression.ts'

/** Queries as plain data, to be built twice: as a DataFrame, and as SQL. */

export interface Named {
  readonly name: string
  readonly value: Expression
}

export interface Aggregate {
  readonly name: string
  readonly calls: 'count' | 'countDistinct' | 'sum' | 'sumDistinct' | 'avg' | 'min' | 'max'
  /** None counts rows. */
  readonly args: readonly Expression[]
}

/** The window that rows are grouped by, as the column `w`. */
export type Window =
  | { readonly kind: 'ofTime'; readonly time: string; readonly size: number; readonly slide: number; readonly offset: number }
  /** Of totals of windows: the same again. */
  | { readonly kind: 'same' }
  /** Of totals of windows of `inner` ms: a larger one. */
  | { readonly kind: 'larger'; readonly inner: number; readonly size: number }

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'left_semi' | 'left_anti'

export interface Equality {
  readonly left: string
  readonly right: string
  readonly nullSafe: boolean
}

export type Relation =
  /** One of the two streams of events; `prefix` stands before its columns' names. */
  | { readonly kind: 'events'; readonly stream: 0 | 1; readonly prefix: string }
  | { readonly kind: 'filter'; readonly child: Relation; readonly condition: Expression }
  | { readonly kind: 'select'; readonly child: Relation; readonly columns: readonly Named[] }
  | { readonly kind: 'union'; readonly left: Relation; readonly right: Relation }
  | { readonly kind: 'distinct'; readonly child: Relation }
  /** With the static table, whose columns are t_k, t_g and t_v. */
  | {
      readonly kind: 'tableJoin'
      readonly child: Relation
      readonly type: JoinType
      readonly on: readonly Equality[]
      readonly and: Expression | null
    }
  /** `within`: how much earlier, and later, than on the left the time on the right may be. */
  | {
      readonly kind: 'streamJoin'
      readonly left: Relation
      readonly right: Relation
      readonly type: JoinType
      readonly on: readonly Equality[]
      readonly within: { readonly left: string; readonly right: string; readonly from: number; readonly to: number } | null
      readonly and: Expression | null
    }
  | {
      readonly kind: 'aggregate'
      readonly child: Relation
      readonly window: Window | null
      readonly keys: readonly Named[]
      readonly aggregates: readonly Aggregate[]
    }

export const eventKinds: Readonly<Record<string, Kind>> = {
  id: 'long',
  at: 'time',
  k: 'text',
  g: 'long',
  n: 'long',
  x: 'double',
  s: 'text',
  b: 'truth',
}
export const tableKinds: Readonly<Record<string, Kind>> = { t_k: 'text', t_g: 'long', t_v: 'long' }

export interface Inputs {
  readonly streams: readonly [DataFrame, DataFrame]
  readonly table: DataFrame
}

// --- As a DataFrame

export const frameOf = (relation: Relation, inputs: Inputs): DataFrame => {
  switch (relation.kind) {
    case 'events':
      return inputs.streams[relation.stream].select(...Object.keys(eventKinds).map(name => col(name).alias(`${relation.prefix}${name}`)))
    case 'filter':
      return frameOf(relation.child, inputs).filter(columnOf(relation.condition))
    case 'select':
      return frameOf(relation.child, inputs).select(...relation.columns.map(namedColumn))
    case 'union':
      return frameOf(relation.left, inputs).union(frameOf(relation.right, inputs))
    case 'distinct':
      return frameOf(relation.child, inputs).distinct()
    case 'tableJoin':
      return frameOf(relation.child, inputs).join(inputs.table, allOf(conditionsOf(relation)), relation.type)
    case 'streamJoin': {
      const { within } = relation
      const bounds = (from: number): Column => timestampAdd('MILLISECOND', from, within?.left ?? '')
      const times = within === null ? [] : [col(within.right).geq(bounds(within.from)), col(within.right).leq(bounds(within.to))]
      const [left, right] = [frameOf(relation.left, inputs), frameOf(relation.right, inputs)]
      return left.join(right, allOf([...conditionsOf(relation), ...times]), relation.type)
    }
    case 'aggregate': {
      const keys = [...(relation.window === null ? [] : [windowColumn(relation.window)]), ...relation.keys.map(namedColumn)]
      const [first, ...rest] = relation.aggregates.map(aggregateColumn)
      return frameOf(relation.child, inputs)
        .groupBy(...keys)
        .agg(first, ...rest)
    }
  }
}

const namedColumn = ({ name, value }: Named): Column => columnOf(value).alias(name)

const conditionsOf = ({ on, and }: { readonly on: readonly Equality[]; readonly and: Expression | null }): Column[] => [
  ...on.map(({ left, right, nullSafe }) => (nullSafe ? col(left).eqNullSafe(col(right)) : col(left).equalTo(col(right)))),
  ...(and === null ? [] : [columnOf(and)]),
]

const allOf = (conditions: readonly Column[]): Column => conditions.reduce((all, condition) => all.and(condition))

const windowColumn = (by: Window): Column => {
  if (by.kind === 'same') return col('w')
  const column = by.kind === 'larger' ? window(windowTime('w'), by.size) : window(by.time, by.size, by.slide, by.offset)
  return column.alias('w')
}

const aggregateColumn = ({ name, calls, args }: Aggregate): Column => {
  const [first, ...rest] = args.map(columnOf)
  if (first === undefined) return count('*').alias(name)
  return (calls === 'countDistinct' ? countDistinct(first, ...rest) : { count, sum, sumDistinct, avg, min, max }[calls](first)).alias(name)
}

// --- As SQL

export const selectOf = (relation: Relation): string => {
  switch (relation.kind) {
    case 'events': {
      const columns = Object.keys(eventKinds).map(name => `${name} AS ${relation.prefix}${name}`)
      return `SELECT ${columns.join(', ')} FROM events${relation.stream} WHERE id >= 0`
    }
    case 'filter':
      return `SELECT * FROM ${nested(relation.child)} WHERE ${sqlOf(relation.condition)}`
    case 'select':
      return `SELECT ${relation.columns.map(namedSql).join(', ')} FROM ${nested(relation.child)}`
    case 'union':
      return `${selectOf(relation.left)} UNION ALL ${selectOf(relation.right)}`
    case 'distinct':
      return `SELECT DISTINCT * FROM ${nested(relation.child)}`
    case 'tableJoin':
      return joinSql(relation.type, nested(relation.child), 'static', equalities(relation))
    case 'streamJoin': {
      const { within } = relation
      const times = within === null ? [] : [`${within.right} BETWEEN ${within.left} + ${within.from} AND ${within.left} + ${within.to}`]
      return joinSql(relation.type, nested(relation.left), nested(relation.right), [...equalities(relation), ...times])
    }
    case 'aggregate': {
      const keys = relation.keys.map(namedSql)
      const start = relation.window === null ? [] : [`${windowStart(relation.window)} AS w`]
      const groups = [...start, ...keys].map((_, i) => i + 1).join(', ')
      const columns = [...start, ...keys, ...relation.aggregates.map(call => `${aggregateSql(call)} AS ${call.name}`)].join(', ')
      return `SELECT ${columns} FROM ${windowed(relation)}${groups === '' ? '' : ` GROUP BY ${groups}`}`
    }
  }
}

let aliases = 0
const nested = (relation: Relation): string => `(${selectOf(relation)}) q${aliases++}`

const namedSql = ({ name, value }: Named): string => `${sqlOf(value)} AS ${name}`

const equalities = ({ on, and }: { readonly on: readonly Equality[]; readonly and: Expression | null }): string[] => [
  ...on.map(({ left, right, nullSafe }) => `${left} ${nullSafe ? 'IS' : '='} ${right}`),
  ...(and === null ? [] : [sqlOf(and)]),
]

const joinSql = (type: JoinType, left: string, right: string, conditions: readonly string[]): string => {
  const on = conditions.join(' AND ')
  if (type === 'left_semi') return `SELECT * FROM ${left} WHERE EXISTS (SELECT 1 FROM ${right} WHERE ${on})`
  if (type === 'left_anti') return `SELECT * FROM ${left} WHERE NOT EXISTS (SELECT 1 FROM ${right} WHERE ${on})`
  return `SELECT * FROM ${left} ${type.toUpperCase()} JOIN ${right} ON ${on}`
}

/** The last window that has begun at a row's time begins here; `%` has the sign of what is divided. */
const lastStart = (time: string, slide: number, offset: number): string =>
  `${time} - ((${time} - ${offset}) % ${slide} + ${slide}) % ${slide}`

const windowStart = (by: Window): string => {
  switch (by.kind) {
    case 'same':
      return 'w'
    case 'larger':
      return lastStart(`(w + ${by.inner - 1})`, by.size, 0)
    case 'ofTime':
      return `${lastStart(by.time, by.slide, by.offset)} - step * ${by.slide}`
  }
}

/** Each row once for each of its windows. */
const windowed = ({ child, window: by }: Extract<Relation, { kind: 'aggregate' }>): string => {
  if (by === null || by.kind !== 'ofTime') return nested(child)
  const steps = Array.from({ length: Math.ceil(by.size / by.slide) }, (_, i) => `(${i})`)
  return `${nested(child)} JOIN (SELECT column1 AS step FROM (VALUES ${steps.join(', ')})) ON ${windowStart(by)} > ${by.time} - ${by.size}`
}

const aggregateSql = ({ calls, args }: Aggregate): string => {
  const [first, ...rest] = args.map(sqlOf)
  if (first === undefined) return 'count(*)'
  switch (calls) {
    case 'countDistinct': {
      // Values that are all not null, as one.
      const isNull = [first, ...rest].map(arg => `${arg} IS NULL`).join(' OR ')
      return `count(DISTINCT CASE WHEN ${isNull} THEN NULL ELSE ${[first, ...rest].map(arg => `quote(${arg})`).join(" || ',' || ")} END)`
    }
    case 'sumDistinct':
      return `sum(DISTINCT ${first})`
    default:
      return `${calls}(${first})`
  }
}

// --- What it is made of

/** The kinds of its parts, with what kind of join or window they have. */
export const kindsIn = (relation: Relation): string[] => {
  switch (relation.kind) {
    case 'events':
      return ['events']
    case 'union':
      return ['union', ...kindsIn(relation.left), ...kindsIn(relation.right)]
    case 'streamJoin':
      return [`streamJoin ${relation.type}`, ...kindsIn(relation.left), ...kindsIn(relation.right)]
    case 'tableJoin':
      return [`tableJoin ${relation.type}`, ...kindsIn(relation.child)]
    case 'aggregate': {
      const below = kindsIn(relation.child)
      const again = below.some(kind => kind.startsWith('aggregate')) ? ['aggregate of aggregate'] : []
      return [relation.window === null ? 'aggregate' : `aggregate ${relation.window.kind}`, ...again, ...below]
    }
    default:
      return [relation.kind, ...kindsIn(relation.child)]
  }
}
