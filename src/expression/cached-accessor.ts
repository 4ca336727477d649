import type { CodeBuilder } from './code-builder.ts'
import type { RowAccessor, Value } from './value.ts'

/**
 * Reads a column where it is first needed. A read at the depth at which the row began is kept for the rest of the row; one inside a block
 * (a branch that may not be taken) is only good there, and is made again.
 */
export const cachedAccessor = (cg: CodeBuilder, read: (ordinal: number) => Value): RowAccessor => {
  const depth = cg.depth
  const known = new Map<number, Value>()
  return {
    column: ordinal => {
      const cached = known.get(ordinal)
      if (cached !== undefined) return cached
      const value = cg.note(read(ordinal))
      if (cg.depth === depth) known.set(ordinal, value)
      return value
    },
  }
}
