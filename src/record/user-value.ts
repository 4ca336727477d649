import { EngineError } from '../base/errors.ts'
import { type DataType, type StructType, typeName } from './data-type.ts'
import { parseDays, parseMicros } from './user-time.ts'

/**
 * How values look to a user's JavaScript, and how they are checked on the way in.
 *
 *   boolean · byte, short, integer, float, double: number · long: number when safe, else bigint · decimal: string, '12.30'
 *   string · binary: Uint8Array · date: Date at midnight UTC · timestamp: Date (micros are cut to millis) · struct: a plain object · null
 *
 * On the way in also: a decimal as number or bigint; a date as 'YYYY-MM-DD' or days since 1970; a timestamp as millis since 1970 or as ISO
 * text (UTC if it names no zone). Undefined counts as null.
 */
export const refuseValue = (column: string, value: unknown, type: DataType, cause?: unknown): never => {
  throw new EngineError('VALUE_TYPE_MISMATCH', { column, value: describe(value).slice(0, 200), type: typeName(type) }, cause)
}

export const refuseNull = (column: string): never => {
  throw new EngineError('NULL_IN_NON_NULLABLE', { column })
}

/** For error messages: must not throw, whatever the value is. */
const describe = (value: unknown): string => {
  try {
    if (value instanceof globalThis.Date) return String(value)
    return typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? (JSON.stringify(value) ?? 'an object')
      : String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

/**
 * A user's value as the engine holds it: long and decimal (unscaled) bigint, timestamp micros, date days, struct an array of its fields'
 * values, null. Throws VALUE_TYPE_MISMATCH, and NULL_IN_NON_NULLABLE when `nullable` is false.
 */
export const valueFromUser = (type: DataType, value: unknown, column: string, nullable = true): unknown => {
  if (value === null || value === undefined) return nullable ? null : refuseNull(column)
  switch (type.kind) {
    case 'null':
      return refuseValue(column, value, type)
    case 'boolean':
      return typeof value === 'boolean' ? value : refuseValue(column, value, type)
    case 'byte':
      return typeof value === 'number' && (value << 24) >> 24 === value ? value | 0 : refuseValue(column, value, type)
    case 'short':
      return typeof value === 'number' && (value << 16) >> 16 === value ? value | 0 : refuseValue(column, value, type)
    case 'integer':
      return typeof value === 'number' && (value | 0) === value ? value | 0 : refuseValue(column, value, type)
    case 'long':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value ? value : refuseValue(column, value, type)
    case 'float':
      return typeof value === 'number' ? Math.fround(value) : refuseValue(column, value, type)
    case 'double':
      return typeof value === 'number' ? value : refuseValue(column, value, type)
    case 'decimal':
      return decimalUnscaled(value, column, type)
    case 'string':
      return typeof value === 'string' ? value : refuseValue(column, value, type)
    case 'date':
      return dateDays(value, column, type)
    case 'timestamp':
      return timestampMicros(value, column, type)
    case 'binary':
    case 'array':
    case 'map':
      return value instanceof Uint8Array ? value : refuseValue(column, value, type)
    case 'struct': {
      if (typeof value !== 'object') return refuseValue(column, value, type)
      const fields = value as Record<string, unknown>
      return type.fields.map(f => valueFromUser(f.type, fields[f.name], `${column}.${f.name}`, f.nullable))
    }
  }
}

/** A row as a user has it. */
export type UserRow = Readonly<Record<string, unknown>>

/** Checks rows against a schema. Throws VALUE_TYPE_MISMATCH and NULL_IN_NON_NULLABLE. */
export const checkRows = (schema: StructType, rows: readonly UserRow[]): void => {
  for (const row of rows) for (const f of schema.fields) valueFromUser(f.type, row[f.name], f.name, f.nullable)
}

const MILLIS_PER_DAY = 86_400_000
/** What a Date can hold. */
const MILLIS_MAX = 8.64e15

/** Micros since 1970 from a Date, millis or ISO text. */
export const timestampMicros = (value: unknown, column: string, type: DataType): number => {
  if (typeof value === 'string') {
    const micros = parseMicros(value)
    return Number.isNaN(micros) ? refuseValue(column, value, type) : micros
  }
  const millis = typeof value === 'number' ? value : value instanceof globalThis.Date ? value.getTime() : Number.NaN
  // Fractions of a milli are kept down to the micro. Adding 0 turns −0 into 0.
  return Math.abs(millis) <= MILLIS_MAX ? Math.round(millis * 1000) + 0 : refuseValue(column, value, type)
}

/** Days since 1970 from a Date, 'YYYY-MM-DD' or a number of days. */
export const dateDays = (value: unknown, column: string, type: DataType): number => {
  let days = Number.NaN
  if (typeof value === 'number') days = value
  else if (value instanceof globalThis.Date) days = Math.floor(value.getTime() / MILLIS_PER_DAY)
  else if (typeof value === 'string') days = parseDays(value)
  return (days | 0) === days ? days | 0 : refuseValue(column, value, type)
}

/**
 * An unscaled decimal from a number, a bigint or text. Digits beyond the scale are rounded half up; too many digits before it are refused.
 */
export const decimalUnscaled = (value: unknown, column: string, type: DataType): bigint => {
  if (type.kind !== 'decimal') throw new Error('no decimal')
  const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
  const match = typeof text === 'string' ? /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/.exec(text.trim()) : null
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return refuseValue(column, value, type)
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const unscaled = rescale(BigInt(whole + fraction), fraction.length - Number(exponent), type.scale)
  if (unscaled >= 10n ** BigInt(type.precision)) return refuseValue(column, value, type)
  return sign === '-' ? -unscaled : unscaled
}

/** Moves a non-negative unscaled value from one scale to another, half up. */
const rescale = (unscaled: bigint, from: number, to: number): bigint => {
  if (from <= to) return unscaled * 10n ** BigInt(to - from)
  const divisor = 10n ** BigInt(from - to)
  return (unscaled + divisor / 2n) / divisor
}

/** '12.30' from 1230 and a scale of 2. */
export const decimalText = (unscaled: bigint, scale: number): string => {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

export const dateOf = (days: number): Date => new globalThis.Date(days * MILLIS_PER_DAY)

export const timestampOf = (micros: number): Date => new globalThis.Date(Math.floor(micros / 1000))
