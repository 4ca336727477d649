import { EngineError } from './errors.ts'

/**
 * Durations as Spark writes them: '10 seconds', '1 day 2 hours', "interval '5' minutes", "interval '1 2:3:4' day to second", "interval
 * '1-2' year to month". A month counts 31 days, as in Spark's watermarks. Millis, whole or with a fraction down to a micro.
 */
const MILLIS: Readonly<Record<string, number>> = {
  microsecond: 0.001,
  us: 0.001,
  millisecond: 1,
  ms: 1,
  second: 1000,
  s: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 31 * 86_400_000,
  year: 12 * 31 * 86_400_000,
}

/** Millis of a duration's text; may be negative. Throws BAD_DURATION. */
export const parseDuration = (text: string): number => {
  const trimmed = text.trim().toLowerCase()
  const body = trimmed.replace(/^interval\s+/, '')
  const range = /^'([^']*)'\s*(\w+)\s+to\s+(\w+)$/.exec(body)
  if (range !== null) return parseRange(text, range[1], range[2], range[3])
  const parts = body.replace(/'([^']*)'/g, '$1').match(/[+-]?\s*\d+(?:\.\d+)?\s*[a-z]+/g)
  if (parts === null || parts.join('').replace(/\s/g, '') !== body.replace(/[\s']/g, '')) return refuse(text)
  let millis = 0
  for (const part of parts) {
    const match = /^([+-]?)\s*(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(part)
    const unit = match === null ? undefined : (MILLIS[match[3]] ?? MILLIS[match[3].replace(/s$/, '')])
    if (match === null || unit === undefined) return refuse(text)
    millis += (match[1] === '-' ? -1 : 1) * Number(match[2]) * unit
  }
  return millis
}

/** `'1 2:3:4' day to second` and `'1-2' year to month`, the two forms that Spark has. */
const parseRange = (text: string, value: string, from: string, to: string): number => {
  const days = /^([+-]?)(\d+) (\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(value)
  if (days !== null && from === 'day' && to === 'second') {
    const [, sign, day, hour, minute, second] = days
    return (
      (sign === '-' ? -1 : 1) *
      (Number(day) * MILLIS.day + Number(hour) * MILLIS.hour + Number(minute) * MILLIS.minute + Number(second) * 1000)
    )
  }
  const years = /^([+-]?)(\d+)-(\d+)$/.exec(value)
  if (years !== null && from === 'year' && to === 'month') {
    return (years[1] === '-' ? -1 : 1) * (Number(years[2]) * MILLIS.year + Number(years[3]) * MILLIS.month)
  }
  return refuse(text)
}

const refuse = (text: string): never => {
  throw new EngineError('BAD_DURATION', { text: JSON.stringify(text) })
}

/** A duration given as text or as millis. */
export const durationMillis = (duration: string | number): number => {
  if (typeof duration === 'string') return parseDuration(duration)
  return Number.isFinite(duration) ? duration : refuse(String(duration))
}
