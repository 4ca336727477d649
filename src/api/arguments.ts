import { EngineError } from '../base/errors.ts'
import type { Expression } from '../expression/expression.ts'
import { Column, type ColumnOrName, namedExpression } from './column.ts'

/** What Spark takes as several arguments may also be one list: `select('a', 'b')`, `select(['a', 'b'])`. */
export type ListOf<T> = readonly T[] | readonly [readonly T[]]
export type NonEmptyListOf<T> = readonly [T, ...T[]] | readonly [readonly [T, ...T[]]]

/** The list that was meant. */
export const listOf = <T>(given: ListOf<T>): readonly T[] => {
  const [first] = given
  return Array.isArray(first) ? first : (given as readonly T[])
}

/** Throws BAD_ARGUMENT. */
export const expressionsOf = (given: ListOf<ColumnOrName>): Expression[] => listOf(given).map(namedExpression)

/** Names of columns; null if there are none given: all. Throws BAD_ARGUMENT. */
export const namesOrAll = (method: string, given: ListOf<string>): readonly string[] | null => {
  if (given.length === 0) return null
  const names = listOf(given)
  for (const name of names) if (typeof name !== 'string') throw wrong(method, name, 'names of columns')
  return names
}

/** Throws BAD_ARGUMENT. */
export const conditionOf = (method: string, given: Column): Expression => {
  if (!(given instanceof Column)) throw wrong(method, given, 'a condition made of columns, as in col(…).gt(…)')
  return given.expression
}

const wrong = (argument: string, value: unknown, expected: string): EngineError =>
  new EngineError('BAD_ARGUMENT', { argument, value: String(value), expected })
