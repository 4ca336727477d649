import type { LiteralValue } from '../expression/expression.ts'
import type { DataType, StructType } from '../record/data-type.ts'
import { dateOf, decimalText } from '../record/user-value.ts'

/** Rows of a plan as row objects. */
export const localRows = (schema: StructType, rows: readonly (readonly LiteralValue[])[]): Record<string, unknown>[] =>
  rows.map(row => Object.fromEntries(schema.fields.map((f, i) => [f.name, userForm(f.type, row[i])])))

const userForm = (type: DataType, value: LiteralValue): unknown => {
  if (value === null) return null
  switch (type.kind) {
    case 'timestamp':
      // Millis with a fraction: a Date would cut the micros.
      return Number(value) / 1000
    case 'date':
      return dateOf(Number(value))
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale)
    default:
      return value
  }
}
