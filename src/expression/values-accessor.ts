import type { RowAccessor, Value } from './value.ts'

/** A row made of values that are in locals already: what a projection gives. */
export const valuesAccessor = (values: readonly Value[]): RowAccessor => ({
  column: ordinal => {
    const value = values[ordinal]
    if (value === undefined) throw new Error(`column ${ordinal} of ${values.length}`)
    return value
  },
})
