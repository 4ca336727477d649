import { EngineError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { type DataType, decimalType, doubleType, longType, typeName } from '../record/data-type.ts'
import { isIntegral, isNumeric } from './type-rules.ts'

const names = ['count', 'sum', 'min', 'max', 'avg', 'first', 'last']

/** An aggregate's result type as Spark types it, and the type that its argument is cast to before (null: as it is). */
export const aggregateType = (name: string, argument: DataType | null): { readonly type: DataType; readonly input: DataType | null } => {
  if (!names.includes(name)) {
    throw new EngineError('UNRESOLVED_ROUTINE', { name, candidates: nearest(name, names).join(', ') })
  }
  if (name === 'count') return { type: longType, input: null }
  if (argument === null) throw new EngineError('WRONG_NUM_ARGS', { name, expected: 1, actual: 0 })
  if (name === 'sum' || name === 'avg') {
    // A timestamp counts as seconds, as Spark casts it.
    const input = argument.kind === 'string' || argument.kind === 'null' || argument.kind === 'timestamp' ? doubleType : argument
    if (!isNumeric(input)) {
      throw new EngineError('DATATYPE_MISMATCH', {
        expression: name,
        expected: 'a number',
        argument: 'its argument',
        actual: typeName(argument),
      })
    }
    if (input.kind === 'decimal') {
      const { precision, scale } = input
      const type =
        name === 'sum'
          ? decimalType(Math.min(38, precision + 10), scale)
          : decimalType(Math.min(38, precision + 4), Math.min(38, scale + 4))
      return { type, input }
    }
    return { type: name === 'avg' || !isIntegral(input) ? doubleType : longType, input }
  }
  return { type: argument, input: null }
}
