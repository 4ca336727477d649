import type { CodeBuilder } from '../expression/code-builder.ts'
import type { CompileContext } from '../expression/compile.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import type { StructType } from '../record/data-type.ts'
import type { ChainState } from './chain-state.ts'

/** Generates what follows an operator, for one row given by its accessor. `skip` is the statement that abandons the row at that place. */
export type Consumer = (row: RowAccessor, skip: string) => void

/** What every operator needs in order to generate its part of a chain. */
export interface OpContext {
  readonly cg: CodeBuilder
  readonly compile: CompileContext
  readonly state: ChainState
  /** The name of `state.registers` in the generated function. */
  readonly registers: string
}

/**
 * Reads all columns of a row now. An operator that opens a loop calls it before the loop, so that a column is read once a row and not once
 * a turn.
 */
export const readAll = (row: RowAccessor, schema: StructType): Value[] => schema.fields.map((_, ordinal) => row.column(ordinal))

/** Event time in micros from a timestamp, or the end of a window. */
export const eventTimeMicros = (value: Value): string => {
  if (value.form === 'scalar') return value.code
  if (value.form === 'struct') {
    const end = value.fields[1]
    if (end.form === 'scalar') return end.code
  }
  throw new Error('event time must be a timestamp or a window')
}
