import { compileExpression, compilePredicate } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import type { RowAccessor } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import type { Consumer, OpContext } from './op-context.ts'

/** Keeps the rows for which the condition is true. */
export const emitFilter = (c: OpContext, condition: Bound, row: RowAccessor, skip: string, next: Consumer): void => {
  c.cg.line(`if (!(${compilePredicate(c.cg, condition, row, c.compile)})) ${skip}`)
  next(row, skip)
}

/** Computes the columns of the next row. */
export const emitProject = (c: OpContext, columns: readonly Bound[], row: RowAccessor, skip: string, next: Consumer): void => {
  next(valuesAccessor(columns.map(column => compileExpression(c.cg, column, row, c.compile))), skip)
}
