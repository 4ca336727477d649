import type { DataType } from '../record/data-type.ts'
import { isNumeric } from './type-rules.ts'

/** What Spark's ANSI mode lets be cast to what. */
export const canCast = (from: DataType, to: DataType): boolean => {
  if (from.kind === to.kind && from.kind !== 'struct') return true
  if (from.kind === 'null') return true
  switch (to.kind) {
    case 'string':
      return from.kind !== 'array' && from.kind !== 'map' && from.kind !== 'struct'
    case 'binary':
      return from.kind === 'string'
    case 'boolean':
      return isNumeric(from) || from.kind === 'string'
    case 'date':
      return from.kind === 'string' || from.kind === 'timestamp'
    case 'timestamp':
      return from.kind === 'string' || from.kind === 'date' || isNumeric(from)
    case 'struct':
      return (
        from.kind === 'struct' && from.fields.length === to.fields.length && from.fields.every((f, i) => canCast(f.type, to.fields[i].type))
      )
    default:
      return isNumeric(to) && (isNumeric(from) || from.kind === 'string' || from.kind === 'boolean' || from.kind === 'timestamp')
  }
}
