import { EngineError, reasonOf } from '../base/errors.ts'
import { type DataType, typeName } from '../record/data-type.ts'
import type { CodeBuilder } from './code-builder.ts'
import type { Bound } from './expression.ts'
import { readField } from './object-accessor.ts'
import { userValue } from './object-emitter.ts'
import { loadFunction, type UserFunction } from './user-function.ts'
import type { Value } from './value.ts'

/** Calls a user function with values as users see them, and checks what it returns. Throws UDF_FAILED and UDF_RESULT_TYPE. */
export const compileUdf = (cg: CodeBuilder, node: Extract<Bound, { kind: 'udf' }>, args: readonly Value[]): Value => {
  const { name, type } = node
  const fn = loadFunction(node.ref)
  const guarded: UserFunction = (...values) => {
    try {
      return fn(...values)
    } catch (error) {
      throw new EngineError('UDF_FAILED', { name, reason: reasonOf(error) }, error)
    }
  }
  const result = cg.fresh('result')
  cg.line(`let ${result} = ${cg.constant(guarded)}(${args.map(arg => userValue(cg, arg)).join(', ')})`)
  const check = checker(type)
  if (check !== null) {
    cg.line(
      `if (${result} !== null && ${result} !== undefined && !(${check(result)})) ${cg.constant(refuse)}(${JSON.stringify(name)}, ${result}, ${cg.constant(type)})`,
    )
  }
  return readField(cg, result, name, type, true)
}

const refuse = (name: string, value: unknown, type: DataType): never => {
  throw new EngineError('UDF_RESULT_TYPE', { name, value: String(value).slice(0, 100), type: typeName(type) })
}

/** The cheap tests; the others are made where the value is converted. */
const checker = (type: DataType): ((code: string) => string) | null => {
  switch (type.kind) {
    case 'string':
      return code => `typeof ${code} === 'string'`
    case 'boolean':
      return code => `typeof ${code} === 'boolean'`
    case 'double':
    case 'float':
      return code => `typeof ${code} === 'number'`
    case 'byte':
    case 'short':
    case 'integer':
      return code => `(${code} | 0) === ${code}`
    default:
      return null
  }
}
