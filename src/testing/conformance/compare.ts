/** Rows are compared as multisets, doubles to 1e-9 of their size. */
type Cells = readonly unknown[]

/** Null when equal; else what is missing and what is too much, shortened. */
export const compareRows = (expected: readonly Cells[], got: readonly Cells[], ordered = false): string | null => {
  if (ordered) {
    if (expected.length === got.length && expected.every((row, i) => sameRow(row, got[i]))) return null
    return `expected in this order ${show(expected)}, got ${show(got)}`
  }
  const [wanted, found] = [sorted(expected), sorted(got)]
  const missing: Cells[] = []
  const surplus: Cells[] = [...found]
  for (const row of wanted) {
    const at = surplus.findIndex(other => sameRow(row, other))
    if (at < 0) missing.push(row)
    else surplus.splice(at, 1)
  }
  if (missing.length === 0 && surplus.length === 0) return null
  return `missing ${show(missing)}, too much ${show(surplus)} (expected ${expected.length} rows, got ${got.length})`
}

/** Equal rows come near each other, so that the search above is short. */
const sorted = (rows: readonly Cells[]): Cells[] =>
  rows
    .map(row => [rough(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, row]) => row)

const rough = (row: Cells): string => JSON.stringify(row.map(cell => (typeof cell === 'number' ? Number(cell.toPrecision(6)) : cell)))

const sameRow = (left: Cells, right: Cells): boolean => left.length === right.length && left.every((cell, i) => sameCell(cell, right[i]))

const sameCell = (left: unknown, right: unknown): boolean => {
  if (Object.is(left, right) || left === right) return true
  if (typeof left === 'number' && typeof right === 'number')
    return Math.abs(left - right) <= 1e-9 * Math.max(Math.abs(left), Math.abs(right))
  if (Array.isArray(left) && Array.isArray(right)) return sameRow(left, right)
  return false
}

const show = (rows: readonly Cells[]): string => {
  const text = JSON.stringify(rows.slice(0, 6))
  return `${text.slice(0, 400)}${rows.length > 6 ? ` and ${rows.length - 6} more` : ''}`
}

/** A value of the engine as the corpus writes it: times as millis, longs as numbers, a struct as the list of its fields. */
export const corpusValue = (value: unknown): unknown => {
  if (value instanceof Date) return value.getTime()
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.values(value).map(corpusValue)
  return value ?? null
}
