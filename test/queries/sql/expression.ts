import { type Column, col, lit } from '../../../src/index.ts'

/** Expressions as plain data, to be built twice: as columns of a DataFrame, and as SQL. */

/**
 * `ratio`: a double that is a quotient. Sums of those depend on their order, so they are compared and put out, but not added up. `window`:
 * a struct of start and end in a DataFrame; in SQL its start.
 */
export type Kind = 'long' | 'double' | 'ratio' | 'text' | 'truth' | 'time' | 'window'

export type Expression =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'literal'; readonly type: Kind; readonly value: number | string | boolean | null }
  | { readonly kind: 'call'; readonly operation: Operation; readonly args: readonly Expression[] }

/** What it takes and gives, and how it is written in both languages. */
export interface Operation {
  readonly name: string
  readonly takes: readonly Kind[]
  readonly gives: Kind
  readonly column: (...args: Column[]) => Column
  readonly sql: (...args: string[]) => string
}

export const columnNamed = (name: string): Expression => ({ kind: 'column', name })

const sparkTypes: Readonly<Record<Kind, string>> = {
  long: 'bigint',
  double: 'double',
  ratio: 'double',
  text: 'string',
  truth: 'boolean',
  time: 'timestamp',
  window: 'timestamp',
}

export const columnOf = (expression: Expression): Column => {
  switch (expression.kind) {
    case 'column':
      return col(expression.name)
    case 'literal': {
      const { type, value } = expression
      return lit(type === 'time' && value !== null ? new Date(value as number) : value).cast(sparkTypes[type])
    }
    case 'call':
      return expression.operation.column(...expression.args.map(columnOf))
  }
}

export const sqlOf = (expression: Expression): string => {
  switch (expression.kind) {
    case 'column':
      return expression.name.replace(/\.start$/, '')
    case 'literal':
      return sqlLiteral(expression.value)
    case 'call':
      return `(${expression.operation.sql(...expression.args.map(sqlOf))})`
  }
}

export const sqlLiteral = (value: number | string | boolean | null): string => {
  if (value === null) return 'NULL'
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : `(${value})`
}
