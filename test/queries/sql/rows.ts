import type { Kind } from './expression.ts'
import type { Field } from './random-expression.ts'

/** A row as a text that can be compared: one value a column, whoever it comes from. */
export const textOf = (row: Readonly<Record<string, unknown>>, fields: readonly Field[]): string =>
  JSON.stringify(fields.map(({ name, kind }) => plain(row[name], kind)))

export const textsOf = (rows: Iterable<Readonly<Record<string, unknown>>>, fields: readonly Field[]): string[] =>
  [...rows].map(row => textOf(row, fields)).sort()

/** A time may be a date, its text (of a file), or millis; a window may be its start. */
const plain = (value: unknown, kind: Kind): unknown => {
  if (value === null || value === undefined) return null
  if (kind === 'window' && typeof value === 'object') return plain((value as { start: unknown }).start, 'time')
  if (kind === 'time' && typeof value !== 'number') return new Date(value as string | Date).getTime()
  if (kind === 'truth') return Number(value)
  if (kind === 'text') return value
  // Beyond what a number holds exactly, all digits count. There is no -0 in SQL.
  if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value))) return String(value)
  return Number(value) + 0
}
