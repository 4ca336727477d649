import { daysOf } from '../record/user-time.ts'

/** Spark's text forms of values, and back. Used off the hot path: casts to and from strings, JSON. */

const DAY = 86_400_000_000
const two = (n: number): string => (n < 10 ? `0${n}` : String(n))

/** Java's Double.toString: at least one digit after the point, an exponent below 10^-3 and from 10^7 on. */
export const doubleText = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  // Java writes at least two digits, and those of the least double are these.
  if (Math.abs(value) === 5e-324) return value < 0 ? '-4.9E-324' : '4.9E-324'
  return javaNumber(value, String(Math.abs(value)))
}

const LEAST_FLOAT = 2 ** -149

/** The same for a float: the shortest digits that tell it from its float neighbours. */
export const floatText = (value: number): string => {
  if (!Number.isFinite(value)) return doubleText(value)
  if (Math.abs(value) === LEAST_FLOAT) return value < 0 ? '-1.4E-45' : '1.4E-45'
  for (let digits = 1; digits <= 9; digits++) {
    const text = Math.abs(value).toPrecision(digits)
    if (Math.fround(Number(text)) === Math.abs(value)) return javaNumber(value, String(Number(text)))
  }
  return doubleText(value)
}

const javaNumber = (value: number, digits: string): string => {
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const magnitude = Math.abs(value)
  if (magnitude === 0) return `${sign}0.0`
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(digits)
  if (match === null) return sign + digits
  const [, whole, fraction = '', exponentText = '0'] = match
  // All significant digits, and the power of ten of the first.
  let all = whole + fraction
  let exponent = whole.length - 1 + Number(exponentText)
  const leading = /^0*/.exec(all)?.[0].length ?? 0
  all = all.slice(leading)
  exponent -= leading
  all = all.replace(/0+$/, '') || '0'
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${all}`
    const padded = all.padEnd(exponent + 1, '0')
    return `${sign}${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || '0'}`
  }
  return `${sign}${all[0]}.${all.slice(1) || '0'}E${exponent}`
}

/** Year, month and day of a number of days since 1970, proleptic Gregorian. */
const civil = (days: number): [number, number, number] => {
  const z = days + 719468
  const era = Math.floor(z / 146097)
  const doe = z - era * 146097
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365)
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100))
  const mp = Math.floor((5 * doy + 2) / 153)
  const month = mp < 10 ? mp + 3 : mp - 9
  return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - Math.floor((153 * mp + 2) / 5) + 1]
}

const yearText = (year: number): string =>
  year < 0 ? `-${String(-year).padStart(4, '0')}` : year > 9999 ? `+${year}` : String(year).padStart(4, '0')

export const dateText = (days: number): string => {
  const [year, month, day] = civil(days)
  return `${yearText(year)}-${two(month)}-${two(day)}`
}

/** '2020-01-02 03:04:05.678901', the fraction without trailing zeros, in UTC. */
export const timestampText = (micros: number): string => {
  const { date, time, fraction } = splitTimestamp(micros)
  const digits = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
  return `${date} ${time}${digits}`
}

/** '2020-01-02T03:04:05.678Z': how to_json and JSON files write a timestamp. */
export const timestampIso = (micros: number): string => {
  const { date, time, fraction } = splitTimestamp(micros)
  return `${date}T${time}.${fractionDigits(fraction)}Z`
}

/** Millis: what is finer is cut off, as Spark's default format does. */
const fractionDigits = (fraction: number): string => String(fraction).padStart(6, '0').slice(0, 3)

const splitTimestamp = (micros: number): { date: string; time: string; fraction: number } => {
  const days = Math.floor(micros / DAY)
  const rest = micros - days * DAY
  const seconds = Math.floor(rest / 1_000_000)
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return { date: dateText(days), time, fraction: rest - seconds * 1_000_000 }
}

const DATE = /^([+-]?\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/
const TIME = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?$/
const ZONE = /(?:\s*)(Z|UTC|GMT|UT|[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)$/i

/** Days since 1970 of 'yyyy[-m[-d]]', anything after a T or a blank left out; NaN if it is none. */
export const parseDate = (text: string): number => {
  const trimmed = text.trim()
  const [day] = trimmed.split(/[T ]/, 1)
  const match = DATE.exec(day)
  if (match === null || (day.length < trimmed.length && match[3] === undefined)) return Number.NaN
  return daysOf(Number(match[1]), Number(match[2] ?? 1), Number(match[3] ?? 1))
}

/** Micros since 1970 of a timestamp as Spark's cast reads it, in UTC when it names no zone; NaN if it is none. */
export const parseTimestamp = (text: string): number => {
  const trimmed = text.trim()
  const split = /^(.*?)[T ](.*)$/.exec(trimmed)
  if (split === null) {
    const days = parseDate(trimmed)
    return days * DAY
  }
  const [, day, rest] = split
  const days = parseDate(day)
  if (rest === '') return Number.NaN
  const zone = ZONE.exec(rest)
  const time = TIME.exec(zone === null ? rest : rest.slice(0, zone.index))
  if (time === null) return Number.NaN
  const [hours, minutes, seconds] = [Number(time[1]), Number(time[2]), Number(time[3] ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return Number.NaN
  const fraction = Number((time[4] ?? '').slice(0, 6).padEnd(6, '0'))
  return days * DAY + (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction - zoneMicros(zone?.[1] ?? 'Z')
}

const zoneMicros = (zone: string): number => {
  const match = /^([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(zone)
  if (match === null) return 0
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0)
  return (match[1] === '-' ? -seconds : seconds) * 1_000_000
}

/** A number as Java's Double.parseDouble and Spark's cast read it; undefined if it is none. */
export const parseDouble = (text: string): number | undefined => {
  const trimmed = text.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/.test(trimmed)) return Number(trimmed.replace(/[dDfF]$/, ''))
  switch (trimmed.toLowerCase()) {
    case 'nan':
      return Number.NaN
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return Number.POSITIVE_INFINITY
    case '-infinity':
    case '-inf':
      return Number.NEGATIVE_INFINITY
    default:
      return undefined
  }
}

/** An integer, fraction digits not allowed (ANSI); undefined if it is none. */
export const parseInteger = (text: string): bigint | undefined => {
  const trimmed = text.trim()
  return /^[+-]?\d+$/.test(trimmed) ? BigInt(trimmed.replace(/^\+/, '')) : undefined
}

export const parseBoolean = (text: string): boolean | undefined => {
  switch (text.trim().toLowerCase()) {
    case 't':
    case 'true':
    case 'y':
    case 'yes':
    case '1':
      return true
    case 'f':
    case 'false':
    case 'n':
    case 'no':
    case '0':
      return false
    default:
      return undefined
  }
}
