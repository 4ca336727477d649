import type { DataType } from '../record/data-type.ts'
import { binaryType, decimalType, doubleType, longType, sameType } from '../record/data-type.ts'

/** Spark's rules for the type that two types have in common, under ANSI. */

const integralRank: Partial<Record<DataType['kind'], number>> = { byte: 1, short: 2, integer: 3, long: 4 }
const integralDigits: Partial<Record<DataType['kind'], number>> = { byte: 3, short: 5, integer: 10, long: 20 }

export const isIntegral = (type: DataType): boolean => type.kind in integralRank

export const isFractional = (type: DataType): boolean => type.kind === 'float' || type.kind === 'double'

export const isNumeric = (type: DataType): boolean => isIntegral(type) || isFractional(type) || type.kind === 'decimal'

/** The decimal that holds all of an integral type; a decimal is its own. */
export const decimalFor = (type: DataType): Extract<DataType, { kind: 'decimal' }> =>
  type.kind === 'decimal' ? type : { kind: 'decimal', precision: integralDigits[type.kind] ?? 38, scale: 0 }

/** Cuts a decimal to 38 digits as Spark does: digits before the point are kept, at least 6 after it if there were as many. */
const adjustDecimal = (precision: number, scale: number): DataType => {
  if (precision <= 38) return decimalType(precision, scale)
  const whole = precision - scale
  return decimalType(38, Math.max(38 - whole, Math.min(scale, 6)))
}

/** The decimal that holds the values of both. */
const widerDecimal = (left: DataType, right: DataType): DataType => {
  const [a, b] = [decimalFor(left), decimalFor(right)]
  const scale = Math.max(a.scale, b.scale)
  return adjustDecimal(scale + Math.max(a.precision - a.scale, b.precision - b.scale), scale)
}

/** The type to which both are cast before they are compared, unioned or put into one column; null if there is none. */
export const commonType = (left: DataType, right: DataType): DataType | null => {
  if (sameType(left, right)) return left
  if (left.kind === 'null') return right
  if (right.kind === 'null') return left
  if (left.kind === 'string') return stringWith(right)
  if (right.kind === 'string') return stringWith(left)
  if (isNumeric(left) && isNumeric(right)) return commonNumeric(left, right)
  const kinds = [left.kind, right.kind]
  if (kinds.includes('date') && kinds.includes('timestamp')) return { kind: 'timestamp' }
  if (left.kind === 'struct' && right.kind === 'struct' && left.fields.length === right.fields.length) {
    const fields = left.fields.map((f, i) => ({
      f,
      type: commonType(f.type, right.fields[i].type),
      nullable: f.nullable || right.fields[i].nullable,
    }))
    if (fields.some(({ type }) => type === null)) return null
    return { kind: 'struct', fields: fields.map(({ f, type, nullable }) => ({ name: f.name, type: type as DataType, nullable })) }
  }
  return null
}

const commonNumeric = (left: DataType, right: DataType): DataType => {
  if (isIntegral(left) && isIntegral(right)) return (integralRank[left.kind] ?? 0) > (integralRank[right.kind] ?? 0) ? left : right
  if (left.kind === 'double' || right.kind === 'double') return doubleType
  if (left.kind === 'float' || right.kind === 'float') {
    // A float does not hold all integers, nor decimals: with those it becomes a double.
    return left.kind === right.kind ? left : doubleType
  }
  return widerDecimal(left, right)
}

/** A string beside another type becomes that type; integrals become bigint, fractions double. */
const stringWith = (other: DataType): DataType | null => {
  if (isIntegral(other)) return longType
  if (isFractional(other) || other.kind === 'decimal') return doubleType
  switch (other.kind) {
    case 'boolean':
    case 'date':
    case 'timestamp':
      return other
    case 'binary':
      return binaryType
    default:
      return null
  }
}

/** The result of + - * / % on two decimals. */
export const decimalResult = (operator: string, left: DataType, right: DataType): DataType => {
  const [a, b] = [decimalFor(left), decimalFor(right)]
  switch (operator) {
    case '+':
    case '-': {
      const scale = Math.max(a.scale, b.scale)
      return adjustDecimal(Math.max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale)
    }
    case '*':
      return adjustDecimal(a.precision + b.precision + 1, a.scale + b.scale)
    case '/': {
      const scale = Math.max(6, a.scale + b.precision + 1)
      return adjustDecimal(a.precision - a.scale + b.scale + scale, scale)
    }
    default: {
      const scale = Math.max(a.scale, b.scale)
      return adjustDecimal(Math.min(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    }
  }
}
