/** Dates and timestamps as text from outside: strict ISO 8601, without `Date.parse`, which takes the 31st of February and much else. */

/** Days since 1970 of a date of the proleptic Gregorian calendar; NaN if there is no such day. */
export const daysOf = (year: number, month: number, day: number): number => {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return Number.NaN
  // The year begins in March, so that a leap day is its last.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468
}

const daysInMonth = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days since 1970 from 'YYYY-MM-DD'; NaN if the text is anything else. */
export const parseDays = (text: string): number => {
  const match = /^([+-]?\d{4,6})-(\d{2})-(\d{2})$/.exec(text)
  return match === null ? Number.NaN : daysOf(Number(match[1]), Number(match[2]), Number(match[3]))
}

const TIMESTAMP = /^([+-]?\d{4,6}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(?:Z|z|([+-])(\d{2}):?(\d{2})?)?)?$/

/**
 * Micros since 1970 from ISO text: a date, or a date and a time with an optional zone offset, UTC if there is none. NaN if the text is
 * anything else.
 */
export const parseMicros = (text: string): number => {
  const match = TIMESTAMP.exec(text)
  if (match === null) return Number.NaN
  const [, date, hour = '0', minute = '0', second = '0', fraction = '', sign, zoneHours = '0', zoneMinutes = '0'] = match
  const [h, m, s] = [Number(hour), Number(minute), Number(second)]
  if (h > 23 || m > 59 || s > 59 || Number(zoneHours) > 18 || Number(zoneMinutes) > 59) return Number.NaN
  const zoneSeconds = (sign === '-' ? -1 : 1) * (Number(zoneHours) * 3600 + Number(zoneMinutes) * 60)
  const seconds = parseDays(date) * 86_400 + h * 3600 + m * 60 + s - zoneSeconds
  // What a Date can hold, too.
  return Math.abs(seconds) <= 8.64e12 ? seconds * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0')) : Number.NaN
}
