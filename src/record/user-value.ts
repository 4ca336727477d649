import { EngineError } from '../base/errors.ts'
import { type DataType, typeName } from './data-type.ts'

/**
 * How values look to a user's JavaScript, and how they are checked on the way in.
 *
 *   boolean · byte, short, integer, float, double: number · long: number when safe, else bigint · decimal: string, '12.30'
 *   string · binary: Uint8Array · date: Date at midnight UTC · timestamp: Date (micros are cut to millis) · struct: a plain object · null
 *
 * On the way in also: a decimal as number or bigint; a date as 'YYYY-MM-DD'; a timestamp as millis since 1970 or as ISO text.
 */
export const refuseValue = (column: string, value: unknown, type: DataType, cause?: unknown): never => {
  const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' && value !== null ? describe(value) : String(value)
  throw new EngineError('VALUE_TYPE_MISMATCH', { column, value: shown.slice(0, 200), type: typeName(type) }, cause)
}

export const refuseNull = (column: string): never => {
  throw new EngineError('NULL_IN_NON_NULLABLE', { column })
}

const describe = (value: object): string => {
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const MILLIS_PER_DAY = 86_400_000

/** Micros since 1970 from a Date, millis or ISO text. */
export const timestampMicros = (value: unknown, column: string, type: DataType): number => {
  let millis = Number.NaN
  if (typeof value === 'number') millis = value
  else if (value instanceof globalThis.Date) millis = value.getTime()
  else if (typeof value === 'string') millis = parseMillis(value)
  // Fractions of a milli are kept down to the micro.
  return Number.isFinite(millis) ? Math.round(millis * 1000) : refuseValue(column, value, type)
}

/** Days since 1970 from a Date, 'YYYY-MM-DD' or a number of days. */
export const dateDays = (value: unknown, column: string, type: DataType): number => {
  let days = Number.NaN
  if (typeof value === 'number') days = value
  else if (value instanceof globalThis.Date) days = Math.floor(value.getTime() / MILLIS_PER_DAY)
  else if (typeof value === 'string' && /^-?\d{4,}-\d{2}-\d{2}$/.test(value)) days = Math.floor(parseMillis(value) / MILLIS_PER_DAY)
  return Number.isInteger(days) ? days : refuseValue(column, value, type)
}

const parseMillis = (text: string): number => {
  // Text without a zone is UTC, as everywhere in the engine.
  const iso = text.includes('T') || !text.includes(' ') ? text : text.replace(' ', 'T')
  return globalThis.Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`)
}

/** An unscaled decimal from a number, a bigint or text. Digits beyond the scale are rounded half up; too many digits before it are refused. */
export const decimalUnscaled = (value: unknown, column: string, type: DataType): bigint => {
  if (type.kind !== 'decimal') throw new Error('no decimal')
  const text = typeof value === 'bigint' ? String(value) : typeof value === 'number' ? plainNumber(value) : value
  const match = typeof text === 'string' ? /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim()) : null
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return refuseValue(column, value, type)
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const unscaled = rescale(BigInt(whole + fraction), fraction.length - Number(exponent), type.scale)
  if (unscaled >= 10n ** BigInt(type.precision)) return refuseValue(column, value, type)
  return sign === '-' ? -unscaled : unscaled
}

const plainNumber = (value: number): string => String(value)

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

/** A long as the user sees it. */
export const userLong = (value: bigint): number | bigint =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
