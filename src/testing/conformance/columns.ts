import {
  type Column,
  coalesce,
  col,
  concat,
  currentTimestamp,
  floor,
  lit,
  timestampAdd,
  timestampSeconds,
  unixSeconds,
  when,
  window,
  windowTime,
} from '../../index.ts'
import type { Expr } from './format.ts'

/** The corpus's expressions as columns of the DataFrame API. */

/** The corpus's type names under Spark's. */
export const typeText = (type: string): string => {
  switch (type) {
    case 'ts':
      return 'timestamp'
    case 'long':
      return 'bigint'
    default:
      return type
  }
}

/** Tells whether a column is a timestamp; asked only where it matters, since it needs the schema of what is below. */
export type IsTime = (column: string) => boolean

/** `isTimeColumn`: of a timestamp, `+` and `-` add millis. */
export const columnOf = (e: Expr, isTimeColumn: IsTime): Column => {
  if (typeof e === 'string') return col(e)
  if (e === null || typeof e === 'number' || typeof e === 'boolean') return lit(e)
  const [name, ...args] = e
  if (name === 'lit') return lit(args[0] as string)
  if (name === 'cast') return columnOf(args[0], isTimeColumn).cast(typeText(String(args[1])))
  if (name === '.') return columnOf(args[0], isTimeColumn).getField(String(args[1]))
  if (name === 'window') {
    const [time, size, slide, offset] = args
    return window(columnOf(time, isTimeColumn), millis(size), millis(slide), millis(offset))
  }
  if ((name === '+' || name === '-') && typeof args[1] === 'number' && isTime(args[0], isTimeColumn)) {
    return timestampAdd('millisecond', name === '+' ? args[1] : -args[1], columnOf(args[0], isTimeColumn))
  }
  const call = calls[name]
  if (call === undefined) throw new Error(`no function ${name} in the corpus's format`)
  return call(...args.map(arg => columnOf(arg, isTimeColumn)))
}

const isTime = (e: Expr, isTimeColumn: IsTime): boolean => {
  if (typeof e === 'string') return isTimeColumn(e)
  if (typeof e !== 'object' || e === null) return false
  const [name, ...args] = e
  if (name === 'cast') return args[1] === 'ts'
  return name === 'ts_sec' || name === 'window_time' || name === '.' || ((name === '+' || name === '-') && isTime(args[0], isTimeColumn))
}

export const millis = (n: Expr): string => `${Number(n)} milliseconds`

const calls: Readonly<Record<string, (...args: Column[]) => Column>> = {
  '+': (a, b) => a.plus(b),
  '-': (a, b) => a.minus(b),
  '*': (a, b) => a.multiply(b),
  '%': (a, b) => a.mod(b),
  floor_div: (a, b) => floor(a.divide(b)),
  '=': (a, b) => a.equalTo(b),
  '!=': (a, b) => a.notEqual(b),
  '<': (a, b) => a.lt(b),
  '<=': (a, b) => a.leq(b),
  '>': (a, b) => a.gt(b),
  '>=': (a, b) => a.geq(b),
  '<=>': (a, b) => a.eqNullSafe(b),
  between: (a, low, high) => a.between(low, high),
  and: (...all) => all.reduce((a, b) => a.and(b)),
  or: (...all) => all.reduce((a, b) => a.or(b)),
  case: (...all) => {
    let made = when(all[0], all[1])
    for (let i = 2; i + 1 < all.length; i += 2) made = made.when(all[i], all[i + 1])
    return all.length % 2 === 1 ? made.otherwise(all[all.length - 1]) : made
  },
  coalesce: (...all) => coalesce(...all),
  is_not_null: a => a.isNotNull(),
  concat: (...all) => concat(...all),
  contains: (a, b) => a.contains(b),
  ts_sec: a => timestampSeconds(a),
  to_sec: a => unixSeconds(a),
  now_sec: () => unixSeconds(currentTimestamp()),
  window_time: a => windowTime(a),
}
