import type { StructType } from '../../record/data-type.ts'
import type { UserRow } from '../../record/user-value.ts'

/**
 * Moves all times of rows on by what the rows span, once for each pass before: so the same rows come again and none is late. Times are
 * millis or Dates, as users give them.
 */
export const laterRows = (
  schema: StructType,
  all: readonly UserRow[],
): ((rows: readonly UserRow[], pass: number) => readonly UserRow[]) => {
  const names = schema.fields.filter(({ type }) => type.kind === 'timestamp').map(({ name }) => name)
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const row of all) {
    for (const name of names) {
      if (row[name] === null || row[name] === undefined) continue
      least = Math.min(least, Number(row[name]))
      most = Math.max(most, Number(row[name]))
    }
  }
  if (most < least) return rows => rows
  const span = most - least + 1
  return (rows, pass) =>
    pass === 0
      ? rows
      : rows.map(row => {
          const later = { ...row }
          for (const name of names) if (row[name] !== null && row[name] !== undefined) later[name] = Number(row[name]) + pass * span
          return later
        })
}
