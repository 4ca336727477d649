import { EngineError } from '../base/errors.ts'
import {
  binaryType,
  booleanType,
  type DataType,
  doubleType,
  field,
  longType,
  type StructType,
  stringType,
  structType,
  timestampType,
} from '../record/data-type.ts'
import type { UserRow } from '../record/user-value.ts'

const typeOf = (value: unknown): DataType | null => {
  switch (typeof value) {
    case 'boolean':
      return booleanType
    case 'string':
      return stringType
    case 'bigint':
      return longType
    case 'number':
      return Number.isSafeInteger(value) ? longType : doubleType
    default:
      if (value instanceof Date) return timestampType
      if (value instanceof Uint8Array) return binaryType
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? inferSchema([value as UserRow]) : null
  }
}

/** The schema of rows without one: each column's type from its values, whole numbers as bigint. Throws SCHEMA_NOT_INFERRED. */
export const inferSchema = (rows: readonly UserRow[]): StructType => {
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))]
  if (names.length === 0) throw new EngineError('SCHEMA_NOT_INFERRED', { column: '*', reason: 'there are no columns' })
  return structType(
    names.map(name => {
      const types = rows.map(row => typeOf(row[name])).filter(type => type !== null)
      if (types.length === 0) throw new EngineError('SCHEMA_NOT_INFERRED', { column: name, reason: 'no row has a value in it' })
      const isDouble = types.some(type => type.kind === 'double') && types.every(type => type.kind === 'double' || type.kind === 'long')
      return field(name, isDouble ? doubleType : types[0])
    }),
  )
}
