import { EngineError } from '../base/errors.ts'
import type { Expression, LiteralValue } from '../expression/expression.ts'
import { parseType } from '../expression/parse-type.ts'
import {
  binaryType,
  booleanType,
  type DataType,
  doubleType,
  integerType,
  longType,
  nullType,
  stringType,
  timestampType,
} from '../record/data-type.ts'

/** A value that stands for itself in an expression. A Date is a timestamp, a number an int, bigint or double by what it holds. */
export type Literal = null | boolean | number | bigint | string | Date | Uint8Array

/** What the methods of a column take: another column, or a literal. */
export type ColumnOrLiteral = Column | Literal

/** What functions take: a column, or the name of one. */
export type ColumnOrName = Column | string

/**
 * An expression over the columns of a DataFrame, under the names of Spark's Column. Immutable; names are looked up when the query is
 * analyzed, so a misspelt one is reported there.
 */
export class Column {
  readonly expression: Expression

  constructor(expression: Expression) {
    this.expression = expression
  }

  // Arithmetic. Integers overflow with ARITHMETIC_OVERFLOW, as in Spark's ANSI mode.
  plus(other: ColumnOrLiteral): Column {
    return this.#call('+', other)
  }

  minus(other: ColumnOrLiteral): Column {
    return this.#call('-', other)
  }

  multiply(other: ColumnOrLiteral): Column {
    return this.#call('*', other)
  }

  /** Always fractional, as Spark's `/`. */
  divide(other: ColumnOrLiteral): Column {
    return this.#call('/', other)
  }

  mod(other: ColumnOrLiteral): Column {
    return this.#call('%', other)
  }

  negate(): Column {
    return this.#call('negative')
  }

  // Comparison. Null compared with anything is null.
  equalTo(other: ColumnOrLiteral): Column {
    return this.#call('=', other)
  }

  notEqual(other: ColumnOrLiteral): Column {
    return this.#call('=', other).#call('not')
  }

  lt(other: ColumnOrLiteral): Column {
    return this.#call('<', other)
  }

  leq(other: ColumnOrLiteral): Column {
    return this.#call('<=', other)
  }

  gt(other: ColumnOrLiteral): Column {
    return this.#call('>', other)
  }

  geq(other: ColumnOrLiteral): Column {
    return this.#call('>=', other)
  }

  /** Equal, with null equal to null. */
  eqNullSafe(other: ColumnOrLiteral): Column {
    return this.#call('<=>', other)
  }

  /** `low <= this <= high`. */
  between(low: ColumnOrLiteral, high: ColumnOrLiteral): Column {
    return this.#call('between', low, high)
  }

  isin(...values: readonly (ColumnOrLiteral | readonly ColumnOrLiteral[])[]): Column {
    return this.#call('in', ...(values.flat() as ColumnOrLiteral[]))
  }

  isNull(): Column {
    return this.#call('isNull')
  }

  isNotNull(): Column {
    return this.#call('isNotNull')
  }

  isNaN(): Column {
    return this.#call('isnan')
  }

  // Logic, three-valued
  and(other: ColumnOrLiteral): Column {
    return this.#call('and', other)
  }

  or(other: ColumnOrLiteral): Column {
    return this.#call('or', other)
  }

  not(): Column {
    return this.#call('not')
  }

  // Strings
  like(pattern: string, escapeCharacter?: string): Column {
    return escapeCharacter === undefined ? this.#call('like', pattern) : this.#call('like', pattern, escapeCharacter)
  }

  contains(other: ColumnOrLiteral): Column {
    return this.#call('contains', other)
  }

  startsWith(other: ColumnOrLiteral): Column {
    return this.#call('startswith', other)
  }

  endsWith(other: ColumnOrLiteral): Column {
    return this.#call('endswith', other)
  }

  /** Counted from 1; from the end if negative. */
  substr(start: ColumnOrLiteral, length: ColumnOrLiteral): Column {
    return this.#call('substring', start, length)
  }

  concat(...others: readonly ColumnOrLiteral[]): Column {
    return this.#call('concat', ...others)
  }

  /**
   * To a type under Spark's name, `'bigint'` or `'decimal(10,2)'`. A value that cannot be cast is an error, as in Spark's ANSI mode. Throws
   * BAD_TYPE.
   */
  cast(type: string | DataType): Column {
    return new Column({ kind: 'cast', child: this.expression, to: typeof type === 'string' ? parseType(type) : type })
  }

  /** The same, but a value that cannot be cast becomes null. Throws BAD_TYPE. */
  try_cast(type: string | DataType): Column {
    return new Column({ kind: 'cast', child: this.expression, to: typeof type === 'string' ? parseType(type) : type, isTry: true })
  }

  /** A field of a struct column. */
  getField(name: string): Column {
    return new Column({ kind: 'field', child: this.expression, name })
  }

  alias(name: string): Column {
    return new Column({ kind: 'alias', child: this.expression, name })
  }

  as(name: string): Column {
    return this.alias(name)
  }

  name(name: string): Column {
    return this.alias(name)
  }

  /** For `sort`: from the least on, nulls first. */
  asc(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: true })
  }

  /** For `sort`: from the largest on, nulls last. */
  desc(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: false })
  }

  ascNullsFirst(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: true, nullsFirst: true })
  }

  ascNullsLast(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: true, nullsFirst: false })
  }

  descNullsFirst(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: false, nullsFirst: true })
  }

  descNullsLast(): Column {
    return new Column({ kind: 'sort', child: this.expression, ascending: false, nullsFirst: false })
  }

  /** Continues `when(…)`. Throws UNSUPPORTED_OPERATION on any other column. */
  when(condition: Column, value: ColumnOrLiteral): Column {
    const { expression } = this
    if (expression.kind !== 'case' || expression.otherwise !== null)
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'when() on a column that is not made by when()' })
    return new Column({ ...expression, branches: [...expression.branches, { when: condition.expression, then: toExpression(value) }] })
  }

  /** What `when(…)` gives if no condition holds; without it, null. */
  otherwise(value: ColumnOrLiteral): Column {
    const { expression } = this
    if (expression.kind !== 'case' || expression.otherwise !== null) {
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'otherwise() on a column that is not made by when()' })
    }
    return new Column({ ...expression, otherwise: toExpression(value) })
  }

  #call(name: string, ...others: readonly ColumnOrLiteral[]): Column {
    return new Column({ kind: 'call', name, args: [this.expression, ...others.map(toExpression)] })
  }
}

/** The expression of a column, or a literal. */
export const toExpression = (value: ColumnOrLiteral): Expression => (value instanceof Column ? value.expression : literal(value))

/** The expression of a column given itself or by its name. */
export const namedExpression = (column: ColumnOrName): Expression => {
  if (column instanceof Column) return column.expression
  if (typeof column !== 'string') {
    const expected = 'a Column, or the name of one; lit(…) makes a Column of a value'
    throw new EngineError('BAD_ARGUMENT', { argument: 'A column', value: String(column), expected })
  }
  if (column === '*') return { kind: 'star', prefix: null }
  return column.endsWith('.*') ? { kind: 'star', prefix: column.slice(0, -2) } : { kind: 'column', name: column }
}

const made = (value: LiteralValue, type: DataType): Expression => ({ kind: 'literal', value, type })

const literal = (value: Literal): Expression => {
  switch (typeof value) {
    case 'boolean':
      return made(value, booleanType)
    case 'string':
      return made(value, stringType)
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value)
        throw new EngineError('BAD_LITERAL', { value: String(value), reason: 'it does not fit into 64 bits' })
      return made(value, longType)
    case 'number':
      if ((value | 0) === value && !Object.is(value, -0)) return made(value, integerType)
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? made(value, longType) : made(value, doubleType)
    default:
      if (value === null) return made(null, nullType)
      if (value instanceof Date) return made(value.getTime() * 1000, timestampType)
      if (value instanceof Uint8Array) return made(value, binaryType)
      throw new EngineError('BAD_LITERAL', { value: String(value), reason: `a ${typeof value} is no value of a column` })
  }
}
