import { durationMillis } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import type { Expression } from '../expression/expression.ts'
import { parseSchema, parseType } from '../expression/parse-type.ts'
import { type DataType, doubleType } from '../record/data-type.ts'
import { Column, type ColumnOrLiteral, type ColumnOrName, namedExpression, toExpression } from './column.ts'

/** The functions of Spark's `functions` object. A string argument names a column; use `lit` for a text. */

const call = (name: string, ...args: readonly ColumnOrName[]): Column => new Column({ kind: 'call', name, args: args.map(namedExpression) })

/** A column by its name; `a.b` is a field of a struct, backticks keep a dot. */
export const col = (name: string): Column => new Column(namedExpression(name))
/** The same as `col`. */
export const column = col

/** A column that holds the same value in every row. Throws BAD_LITERAL. */
export const lit = (value: ColumnOrLiteral): Column => new Column(toExpression(value))

/** The value of the first condition that holds; continue with `.when(…)`, end with `.otherwise(…)`. */
export const when = (condition: Column, value: ColumnOrLiteral): Column =>
  new Column({ kind: 'case', branches: [{ when: condition.expression, then: toExpression(value) }], otherwise: null })

/** The first that is not null. */
export const coalesce = (...columns: readonly ColumnOrName[]): Column => call('coalesce', ...columns)
/** Null if both are equal, else the first. */
export const nullif = (left: ColumnOrName, right: ColumnOrName): Column => call('nullif', left, right)
/** True if the condition is false; null of null. */
export const not = (condition: Column): Column => condition.not()
/** True if the value is null; never null itself. */
export const isnull = (column: ColumnOrName): Column => call('isNull', column)
/** True if a double is not a number; false of null. */
export const isnan = (column: ColumnOrName): Column => call('isnan', column)
/** The least that is not null. */
export const least = (...columns: readonly ColumnOrName[]): Column => call('least', ...columns)
/** The largest that is not null. */
export const greatest = (...columns: readonly ColumnOrName[]): Column => call('greatest', ...columns)
/** For `sort`: from the least on, nulls first. */
export const asc = (column: ColumnOrName): Column => new Column(namedExpression(column)).asc()
/** For `sort`: from the largest on, nulls last. */
export const desc = (column: ColumnOrName): Column => new Column(namedExpression(column)).desc()
/** Several columns as one. */
export const struct = (...columns: readonly ColumnOrName[]): Column => call('struct', ...columns)

// Numbers
export const abs = (column: ColumnOrName): Column => call('abs', column)
/** Half up, as Spark; `scale` may be negative. */
export const round = (column: ColumnOrName, scale = 0): Column => call('round', column, lit(scale))
/** The nearest whole number below: a bigint, or of a decimal a decimal without a fraction. */
export const floor = (column: ColumnOrName): Column => call('floor', column)
/** The nearest whole number above, as `floor`. */
export const ceil = (column: ColumnOrName): Column => call('ceil', column)
/** Uniform in [0, 1); the same numbers in every run if a seed is given. */
export const rand = (seed?: number): Column => (seed === undefined ? call('rand') : call('rand', lit(seed)))

// Strings and bytes
/** One after the other; null if one of them is. */
export const concat = (...columns: readonly ColumnOrName[]): Column => call('concat', ...columns)
/** Counted from 1; from the end if negative. */
export const substring = (column: ColumnOrName, start: ColumnOrLiteral, length: ColumnOrLiteral): Column =>
  call('substring', column, lit(start), lit(length))
/** Characters of a string, bytes of a binary. */
export const length = (column: ColumnOrName): Column => call('length', column)
export const upper = (column: ColumnOrName): Column => call('upper', column)
export const lower = (column: ColumnOrName): Column => call('lower', column)
/** Without the spaces at both ends; other white space stays, as in Spark. */
export const trim = (column: ColumnOrName): Column => call('trim', column)
/** In lines of 76 letters with CR and LF between them, as Spark and MIME have it; in one line with the option `chunkBase64String` off. */
export const base64 = (column: ColumnOrName): Column => call('base64', column)
/** The bytes that a base64 text stands for. */
export const unbase64 = (column: ColumnOrName): Column => call('unbase64', column)

/** Murmur3 as Spark's `hash`. */
export const hash = (...columns: readonly ColumnOrName[]): Column => call('hash', ...columns)
/** xxHash64 as Spark's, with its seed 42; a bigint. */
export const xxhash64 = (...columns: readonly ColumnOrName[]): Column => call('xxhash64', ...columns)

// JSON
/**
 * Reads a JSON text into a struct by a schema ('a INT, b STRUCT<c: STRING>'). Options: mode (PERMISSIVE: nulls for what is malformed;
 * FAILFAST: MALFORMED_JSON). Throws BAD_TYPE.
 */
export const fromJson = (column: ColumnOrName, schema: string | DataType, options: Readonly<Record<string, string>> = {}): Column =>
  new Column({ kind: 'fromJson', child: namedExpression(column), schema: schemaOf(schema), options })
/** Writes a struct as JSON text; null fields are left out, as in Spark. */
export const toJson = (column: ColumnOrName, options: Readonly<Record<string, string>> = {}): Column =>
  new Column({ kind: 'toJson', child: namedExpression(column), options })

const schemaOf = (schema: string | DataType): DataType => {
  if (typeof schema !== 'string') return schema
  return /^\s*struct\s*</i.test(schema) ? parseType(schema) : parseSchema(schema)
}

// Time
/** The time of the row in real time, of the batch in micro-batches. */
export const currentTimestamp = (): Column => call('currentTimestamp')
/** A timestamp from seconds since 1970. */
export const timestampSeconds = (column: ColumnOrName): Column => call('timestampSeconds', column)
/** A timestamp from millis since 1970. */
export const timestampMillis = (column: ColumnOrName): Column => call('timestampMillis', column)
/** A timestamp from micros since 1970. */
export const timestampMicros = (column: ColumnOrName): Column => call('timestampMicros', column)
/** Whole seconds since 1970 of a timestamp, rounded down; those below likewise, in millis and micros. */
export const unixSeconds = (column: ColumnOrName): Column => call('unixSeconds', column)
export const unixMillis = (column: ColumnOrName): Column => call('unixMillis', column)
export const unixMicros = (column: ColumnOrName): Column => call('unixMicros', column)
/**
 * A time and some time more, or less if `quantity` is negative: Spark's `timestamp_add`. `unit`: MICROSECOND, MILLISECOND, SECOND, MINUTE,
 * HOUR, DAY or WEEK. Throws BAD_OPTION.
 */
export const timestampAdd = (unit: string, quantity: number, time: ColumnOrName): Column => {
  const micros = UNIT_MICROS[unit.toUpperCase()]
  if (micros === undefined || !Number.isFinite(quantity)) {
    const [option, value] = micros === undefined ? ['timestampAdd unit', unit] : ['timestampAdd quantity', quantity]
    throw new EngineError('BAD_OPTION', {
      option,
      value,
      expected: micros === undefined ? Object.keys(UNIT_MICROS).join(', ') : 'a number',
    })
  }
  const shift: Expression = { kind: 'literal', value: Math.round(quantity * micros), type: doubleType }
  return new Column({ kind: 'call', name: 'timestampAdd', args: [namedExpression(time), shift] })
}

const UNIT_MICROS: Readonly<Record<string, number>> = {
  MICROSECOND: 1,
  MILLISECOND: 1000,
  SECOND: 1_000_000,
  MINUTE: 60_000_000,
  HOUR: 3_600_000_000,
  DAY: 86_400_000_000,
  WEEK: 604_800_000_000,
}
/**
 * The windows that a time falls in: tumbling, or sliding if `slideDuration` is less than `windowDuration`. A struct of start (in) and end
 * (out). One window a select or groupBy. Throws BAD_DURATION here, BAD_WINDOW at analysis.
 */
export const window = (
  time: ColumnOrName,
  windowDuration: string | number,
  slideDuration?: string | number,
  startTime: string | number = 0,
): Column => {
  const sizeMicros = durationMillis(windowDuration) * 1000
  const slideMicros = slideDuration === undefined ? sizeMicros : durationMillis(slideDuration) * 1000
  return new Column({ kind: 'window', time: namedExpression(time), sizeMicros, slideMicros, startMicros: durationMillis(startTime) * 1000 })
}
/** The event time of a window, one microsecond before its end, so that windows can be windowed again. */
export const windowTime = (window: ColumnOrName): Column => call('windowTime', window)

// Aggregates
const aggregate = (name: string, args: readonly Expression[], ignoreNulls = false, distinct = false): Column =>
  new Column({ kind: 'aggregate', name, args, distinct, filter: null, ignoreNulls })

/** `count('*')` counts rows, `count(column)` values that are not null. */
export const count = (column: ColumnOrName): Column => aggregate('count', column === '*' ? [] : [namedExpression(column)])
/** A bigint of integers (ARITHMETIC_OVERFLOW beyond 64 bits), else a double or a decimal. Null if there is nothing to sum. */
export const sum = (column: ColumnOrName): Column => aggregate('sum', [namedExpression(column)])
/** How many different values, or lists of values, there are; those with a null are not counted. Each is kept in state, with its group. */
export const countDistinct = (column: ColumnOrName, ...columns: readonly ColumnOrName[]): Column =>
  aggregate('count', [column, ...columns].map(namedExpression), false, true)
/** The sum of the different values. */
export const sumDistinct = (column: ColumnOrName): Column => aggregate('sum', [namedExpression(column)], false, true)
/** The mean of the values that are not null: a double, or a decimal of decimals. Null if there is none. */
export const avg = (column: ColumnOrName): Column => aggregate('avg', [namedExpression(column)])
/** The same as `avg`. */
export const mean = avg
/** The least value that is not null. */
export const min = (column: ColumnOrName): Column => aggregate('min', [namedExpression(column)])
/** The largest value that is not null. */
export const max = (column: ColumnOrName): Column => aggregate('max', [namedExpression(column)])
/** Of a group's rows, in the order in which they come; `ignoreNulls`: the first value that is not null. */
export const first = (column: ColumnOrName, ignoreNulls = false): Column => aggregate('first', [namedExpression(column)], ignoreNulls)
/** The last of a group's rows, in the same way. */
export const last = (column: ColumnOrName, ignoreNulls = false): Column => aggregate('last', [namedExpression(column)], ignoreNulls)
