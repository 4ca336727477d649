import { durationMillis } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { formatTable } from '../connector/console-sink.ts'
import { analyze } from '../plan/analyze.ts'
import type { JoinType, LogicalPlan } from '../plan/logical-plan.ts'
import { type StructType, typeName } from '../record/data-type.ts'
import { conditionOf, expressionsOf, type ListOf, listOf, type NonEmptyListOf, namesOrAll } from './arguments.ts'
import { Column, type ColumnOrName, namedExpression } from './column.ts'
import { count } from './functions.ts'
import { GroupedData } from './grouped-data.ts'
import type { SessionCore } from './session-core.ts'
import { DataFrameWriter, DataStreamWriter } from './writer.ts'

/** A row as a plain object: values by the names of the columns. */
export type Row = Record<string, unknown>

/** Join types under Spark's names; `left_semi`, `leftsemi`, `leftSemi` and `semi` are the same. */
const joinTypes: Readonly<Record<string, JoinType>> = {
  inner: 'inner',
  cross: 'cross',
  left: 'leftOuter',
  leftouter: 'leftOuter',
  right: 'rightOuter',
  rightouter: 'rightOuter',
  full: 'fullOuter',
  outer: 'fullOuter',
  fullouter: 'fullOuter',
  semi: 'leftSemi',
  leftsemi: 'leftSemi',
  anti: 'leftAnti',
  leftanti: 'leftAnti',
}

/**
 * A table that is computed when it is written somewhere: rows that are there (`read`) or that keep coming (`readStream`). Immutable. Its
 * methods have the names of Spark's DataFrame and only build a plan; nothing is looked up or checked before `schema`, `explain`, an action,
 * or `start`.
 */
export class DataFrame {
  readonly plan: LogicalPlan
  readonly #session: SessionCore

  /** Made by a session's readers. */
  constructor(plan: LogicalPlan, session: SessionCore) {
    this.plan = plan
    this.#session = session
  }

  // --- Rows to rows

  /**
   * Columns, names, `'*'`, or `'a.*'` for the fields of a struct, one by one or as a list. With an aggregate among them it is a total over
   * all rows, as `agg` is: `select(count('*'), sum('x'))`; a column beside it that is no part of an aggregate is refused at analysis, with
   * MISSING_GROUP_BY.
   */
  select(...columns: ListOf<ColumnOrName>): DataFrame {
    return this.#with({ kind: 'project', child: this.plan, columns: expressionsOf(columns) })
  }

  /** Adds a column, or replaces the one of that name. */
  withColumn(name: string, column: Column): DataFrame {
    return this.#with({ kind: 'withColumns', child: this.plan, columns: [{ name, value: column.expression }] })
  }

  /** Several of them, none of which sees another. */
  withColumns(columns: Readonly<Record<string, Column>>): DataFrame {
    return this.#with({
      kind: 'withColumns',
      child: this.plan,
      columns: Object.entries(columns).map(([name, column]) => ({ name, value: column.expression })),
    })
  }

  /** Does nothing if there is no such column, as in Spark. */
  withColumnRenamed(from: string, to: string): DataFrame {
    return this.#with({ kind: 'rename', child: this.plan, from, to })
  }

  /** All columns but these: every column of a name, or just the one that a Column means. What is not there is no error. */
  drop(...columns: ListOf<ColumnOrName>): DataFrame {
    const given = listOf(columns)
    const names = given.filter(column => typeof column === 'string')
    return this.#with({ kind: 'drop', child: this.plan, names, columns: given.filter(c => typeof c !== 'string').map(namedExpression) })
  }

  /** Rows for which the condition is true; null is not. */
  filter(condition: Column): DataFrame {
    return this.#with({ kind: 'filter', child: this.plan, condition: conditionOf('filter', condition) })
  }

  /** The same as `filter`. */
  where(condition: Column): DataFrame {
    return this.filter(condition)
  }

  /** Rows of both, columns by position. */
  union(other: DataFrame): DataFrame {
    return this.#with({ kind: 'union', inputs: [this.plan, other.plan] })
  }

  /** The same as `union`: equal rows stay. */
  unionAll(other: DataFrame): DataFrame {
    return this.union(other)
  }

  /** Spreads rows over tasks: `repartition(4)`, `repartition(4, 'key')`, `repartition('key')`. Throws BAD_OPTION. */
  repartition(...arguments_: readonly [number, ...ListOf<ColumnOrName>] | ListOf<ColumnOrName>): DataFrame {
    const [first, ...rest] = arguments_
    const partitions = typeof first === 'number' ? first : null
    if (partitions !== null && !(Number.isInteger(partitions) && partitions > 0)) {
      throw new EngineError('BAD_OPTION', { option: 'repartition', value: partitions, expected: 'a whole number of at least 1' })
    }
    const keys = (typeof first === 'number' ? rest : arguments_) as ListOf<ColumnOrName>
    return this.#with({ kind: 'repartition', child: this.plan, partitions, keys: expressionsOf(keys) })
  }

  /**
   * The first `count` rows: of all that ever come in append mode, of each result in complete mode; update mode knows no first rows. Throws
   * BAD_ARGUMENT.
   */
  limit(count: number): DataFrame {
    if (!(Number.isInteger(count) && count >= 0))
      throw new EngineError('BAD_ARGUMENT', { argument: 'limit', value: count, expected: 'a whole number of at least 0' })
    return this.#with({ kind: 'limit', child: this.plan, count })
  }

  /**
   * Rows in order: `sort('a', desc('b'))`. Tables, and in complete mode what an aggregation gives, each result in order; a stream has no end
   * at which it could be sorted.
   */
  sort(...by: NonEmptyListOf<ColumnOrName>): DataFrame {
    return this.#with({ kind: 'sort', child: this.plan, by: expressionsOf(by) })
  }

  /** The same as `sort`. */
  orderBy(...by: NonEmptyListOf<ColumnOrName>): DataFrame {
    return this.sort(...by)
  }

  // --- Time and state

  /**
   * Declares an event-time column and how long rows may be late. State that can see no more rows is let go, and rows behind it are dropped
   * and counted. Throws BAD_DURATION, NEGATIVE_DELAY.
   */
  withWatermark(column: string, delay: string | number): DataFrame {
    const millis = durationMillis(delay)
    if (millis < 0) throw new EngineError('NEGATIVE_DELAY', { delay: millis })
    return this.#with({ kind: 'watermark', child: this.plan, column, delayMicros: Math.round(millis * 1000) })
  }

  /** Groups by columns, expressions or a `window`; continue with `agg`, `count`, `sum` and so on. Throws BAD_ARGUMENT. */
  groupBy(...keys: ListOf<ColumnOrName>): GroupedData {
    return new GroupedData(expressionsOf(keys), (grouping, aggregates) =>
      this.#with({ kind: 'aggregate', child: this.plan, keys: grouping, aggregates }),
    )
  }

  /** Aggregates over all rows: `groupBy().agg(…)`. */
  agg(...aggregates: NonEmptyListOf<Column>): DataFrame {
    return this.groupBy().agg(...aggregates)
  }

  /**
   * The first row of each key: `dropDuplicates('a', 'b')`, or a list of names; of all columns without an argument. Keys are kept for ever
   * unless one of them is the event time. Throws BAD_ARGUMENT.
   */
  dropDuplicates(...columns: ListOf<string>): DataFrame {
    return this.#deduplicated('dropDuplicates', columns, false)
  }

  /** `dropDuplicates` of all columns. */
  distinct(): DataFrame {
    return this.dropDuplicates()
  }

  /** The first row of each key within the watermark's delay. Needs `withWatermark`. Throws BAD_ARGUMENT. */
  dropDuplicatesWithinWatermark(...columns: ListOf<string>): DataFrame {
    return this.#deduplicated('dropDuplicatesWithinWatermark', columns, true)
  }

  /**
   * Joins with a table, which is read once when the query starts, or a stream with a stream. `on`: a condition, or names that both sides
   * have, which then stand once in the result. `how`: inner, left, right, full, left_semi, left_anti, cross; what is not possible with a
   * stream is refused by `start`. Throws BAD_OPTION.
   */
  join(other: DataFrame, on?: Column | string | readonly string[], how = 'inner'): DataFrame {
    const type = joinTypes[how.replace(/_/g, '').toLowerCase()]
    if (type === undefined)
      throw new EngineError('BAD_OPTION', {
        option: 'join type',
        value: how,
        expected: 'inner, left, right, full, left_semi, left_anti or cross',
      })
    return this.#with({
      kind: 'join',
      left: this.plan,
      right: other.plan,
      type: on === undefined && type === 'inner' ? 'cross' : type,
      on:
        on === undefined
          ? { kind: 'condition', condition: { kind: 'literal', value: true, type: { kind: 'boolean' } } }
          : on instanceof Column
            ? { kind: 'condition', condition: on.expression }
            : { kind: 'using', columns: typeof on === 'string' ? [on] : on },
    })
  }

  /** Each row with each row of the other side. */
  crossJoin(other: DataFrame): DataFrame {
    return this.join(other, undefined, 'cross')
  }

  // --- What it is

  /** Names and types of the columns. Looks names up, and throws what is wrong with the query. */
  get schema(): StructType {
    return analyze(this.plan).plan.schema
  }

  /** The names of the columns. Throws what is wrong with the query. */
  get columns(): string[] {
    return this.schema.fields.map(f => f.name)
  }

  /** True if some input keeps coming. */
  get isStreaming(): boolean {
    return analyze(this.plan).streaming
  }

  /** Prints the columns as a tree, as Spark does. Throws what is wrong with the query. */
  printSchema(): void {
    console.log(`root\n${this.schema.fields.map(f => ` |-- ${f.name}: ${typeName(f.type)} (nullable = ${f.nullable})`).join('\n')}`)
  }

  /**
   * Prints and returns the plan: 'simple' (physical), 'extended' (logical, analyzed and optimized too), 'codegen' (the JavaScript of each
   * stage). Throws what is wrong with the query. Asks sources what they are, so it may wait for a broker.
   */
  async explain(mode: 'simple' | 'extended' | 'codegen' = 'simple'): Promise<string> {
    const text = await this.#session.explain(this.plan, mode)
    console.log(text)
    return text
  }

  // --- Actions on tables

  /** All rows, in memory. Throws what the query fails with, and UNSUPPORTED_OPERATION for a stream. */
  collect(): Promise<Row[]> {
    return this.#session.collect(this.plan)
  }

  /** How many rows there are. Throws as `collect` does. */
  async count(): Promise<number> {
    const [row] = await this.agg(count('*').alias('count')).collect()
    return Number(row?.count ?? 0)
  }

  /** Prints the first rows as a table; `truncate` cuts cells of more than 20 characters. Throws as `collect` does. */
  async show(numRows = 20, truncate = true): Promise<void> {
    const rows = await this.limit(numRows + 1).collect()
    const more = rows.length > numRows ? `only showing top ${numRows} rows\n` : ''
    console.log(formatTable(this.schema, rows.slice(0, numRows), truncate ? 20 : 0) + more)
  }

  /** Writes a table, once. */
  get write(): DataFrameWriter {
    return new DataFrameWriter(this.plan, this.#session)
  }

  /** Writes a stream, until it is stopped. */
  get writeStream(): DataStreamWriter {
    return new DataStreamWriter(this.plan, this.#session)
  }

  #deduplicated(method: string, columns: ListOf<string>, withinWatermark: boolean): DataFrame {
    return this.#with({ kind: 'deduplicate', child: this.plan, columns: namesOrAll(method, columns), withinWatermark })
  }

  #with(plan: LogicalPlan): DataFrame {
    return new DataFrame(plan, this.#session)
  }
}
