import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import { type StructType, timestampType, windowType } from '../record/data-type.ts'
import { type Consumer, eventTimeMicros, type OpContext, readAll } from './op-context.ts'

export interface WindowSpec {
  readonly time: Bound
  readonly sizeMicros: number
  readonly slideMicros: number
  readonly startMicros: number
}

/**
 * Each row once for each window that it falls in, latest window first: the row's columns, then the window. Windows are half-open, [start,
 * end), and start is congruent to `startMicros` modulo the slide, as in Spark. Rows without a time fall in none.
 */
export const emitExpandWindow = (
  c: OpContext,
  spec: WindowSpec,
  input: StructType,
  row: RowAccessor,
  skip: string,
  next: Consumer,
): void => {
  const { cg } = c
  const { sizeMicros: size, slideMicros: slide, startMicros: offset } = spec
  const time = compileExpression(cg, spec.time, row, c.compile)
  if (time.isNull !== 'false') cg.line(`if (${time.isNull}) ${skip}`)
  const [t, start] = [cg.fresh('t'), cg.fresh('start')]
  cg.line(`const ${t} = ${eventTimeMicros(time)}`)
  // The division rounds; a micro before the border may come out on it. One step back or forth mends that.
  cg.line(`let ${start} = Math.floor((${t} - ${offset}) / ${slide}) * ${slide} + ${offset}`)
  cg.line(`if (${start} > ${t}) ${start} -= ${slide}; else if (${t} - ${start} >= ${slide}) ${start} += ${slide}`)
  const rowWithWindow = (columns: Value[]): RowAccessor => {
    const scalar = (code: string): Value => ({ form: 'scalar', type: timestampType, isNull: 'false', code })
    return valuesAccessor([
      ...columns,
      { form: 'struct', type: windowType, isNull: 'false', fields: [scalar(start), scalar(`(${start} + ${size})`)] },
    ])
  }
  if (size === slide) {
    next(rowWithWindow(readAll(row, input)), skip)
    return
  }
  const columns = readAll(row, input)
  cg.open(`for (; ${start} + ${size} > ${t}; ${start} -= ${slide}) {`)
  next(rowWithWindow(columns), 'continue')
  cg.close()
}
