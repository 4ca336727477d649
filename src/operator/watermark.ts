import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import type { RowAccessor } from '../expression/value.ts'
import { EVENT_COUNT, EVENT_MAX, EVENT_MIN, EVENT_SUM, watermarkRegister } from './chain-state.ts'
import { type Consumer, eventTimeMicros, type OpContext } from './op-context.ts'

/** Notes the event time of each row. Rows without one count for nothing. The task turns the largest into a watermark once per burst. */
export const emitWatermark = (c: OpContext, index: number, time: Bound, row: RowAccessor, skip: string, next: Consumer): void => {
  const { cg, registers } = c
  const value = compileExpression(cg, time, row, c.compile)
  const at = watermarkRegister(index)
  const t = cg.fresh('t')
  cg.open(value.isNull === 'false' ? '{' : `if (!${value.isNull}) {`)
  cg.line(`const ${t} = ${eventTimeMicros(value)}`)
  cg.line(`if (${t} > ${registers}[${at + EVENT_MAX}]) ${registers}[${at + EVENT_MAX}] = ${t}`)
  cg.line(`if (${t} < ${registers}[${at + EVENT_MIN}]) ${registers}[${at + EVENT_MIN}] = ${t}`)
  cg.line(`${registers}[${at + EVENT_SUM}] += ${t}`)
  cg.line(`${registers}[${at + EVENT_COUNT}]++`)
  cg.close()
  next(row, skip)
}
