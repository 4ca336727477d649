import type { FunctionRef } from '../expression/expression.ts'
import { parseType } from '../expression/parse-type.ts'
import { captureFunction, type UserFunction } from '../expression/user-function.ts'
import type { DataType } from '../record/data-type.ts'
import { Column, type ColumnOrName, namedExpression } from './column.ts'

/** A user function, ready to be applied to columns. */
export type UserDefinedFunction = (...columns: readonly ColumnOrName[]) => Column

/** What a user function may be given besides. */
export interface UdfOptions {
  /** Values that the function uses from outside, by name; they are copied to each worker. */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** For plans and errors; otherwise the function's own. */
  readonly name?: string
}

const applied =
  (ref: FunctionRef, name: string, type: DataType): UserDefinedFunction =>
  (...columns) =>
    new Column({ kind: 'udf', ref, name, args: columns.map(namedExpression), type })

const typeOf = (type: string | DataType): DataType => (typeof type === 'string' ? parseType(type) : type)

/**
 * Makes a function of yours one over columns: `udf((a, b) => a + b, 'int')`. Its source goes to the worker threads, so it may use its
 * arguments, globals and `bindings`, but no variable from around it: UDF_FREE_VARIABLE names those. Called once a row with the values as
 * JavaScript sees them; what it returns must be of the type, or null. Throws UDF_UNSUPPORTED, BAD_TYPE.
 */
const define = <A extends readonly never[]>(
  fn: (...args: A) => unknown,
  type: string | DataType,
  options: UdfOptions = {},
): UserDefinedFunction => {
  const name = options.name ?? (fn.name || 'udf')
  return applied(captureFunction(fn as unknown as UserFunction, options.bindings ?? {}, name), name, typeOf(type))
}

/**
 * An export of a module that each worker imports: `udf.module(new URL('./score.js', import.meta.url), 'score', 'double')`. UDF_NOT_FOUND
 * comes at `start`.
 */
const module = (url: string | URL, name: string, type: string | DataType): UserDefinedFunction =>
  applied({ kind: 'module', url: String(url), name }, name, typeOf(type))

/** `udf(fn, type, options?)` for a function written in place, `udf.module(url, name, type)` for an export of a module. */
export const udf = Object.assign(define, { module })
