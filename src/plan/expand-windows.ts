import { EngineError } from '../base/errors.ts'
import type { Bound, Expression } from '../expression/expression.ts'
import { castTo } from '../expression/functions.ts'
import { outputName, resolveExpression } from '../expression/resolve.ts'
import { field, structType, timestampType, typeName, windowType } from '../record/data-type.ts'
import { type Analyzed, isEventTime } from './analyzed.ts'
import { mapExpression } from './map-expression.ts'

type WindowExpression = Extract<Expression, { kind: 'window' }>

/** All windows in an expression, however deep. */
const windowsIn = (e: Expression): WindowExpression[] => {
  const found: WindowExpression[] = []
  mapExpression(e, inner => {
    if (inner.kind === 'window') found.push(inner)
    return null
  })
  return found
}

/**
 * Windows multiply rows, so they are made below the projection or aggregation that names them, by one more operator; the expressions above
 * then refer to its column. Returns the child with that operator, and the expressions rewritten.
 */
export const expandWindows = (
  child: Analyzed,
  expressions: readonly Expression[],
): { child: Analyzed; expressions: readonly Expression[] } => {
  const windows = expressions.flatMap(windowsIn)
  if (windows.length === 0) return { child, expressions }
  const [first] = windows
  if (windows.some(other => JSON.stringify(other) !== JSON.stringify(first)))
    throw new EngineError('MULTIPLE_WINDOWS', { count: windows.length })
  const { sizeMicros, slideMicros, startMicros } = first
  if (!(sizeMicros > 0) || !(slideMicros > 0) || slideMicros > sizeMicros || Math.abs(startMicros) >= slideMicros) {
    throw new EngineError('BAD_WINDOW', { size: sizeMicros / 1000, slide: slideMicros / 1000, start: startMicros / 1000 })
  }
  const named = resolveExpression(first.time, child.plan.schema)
  const time: Bound =
    named.type.kind === 'struct'
      ? resolveExpression({ kind: 'call', name: 'windowTime', args: [first.time] }, child.plan.schema)
      : named.type.kind === 'date'
        ? castTo(named, timestampType)
        : named
  if (time.type.kind !== 'timestamp') {
    throw new EngineError('DATATYPE_MISMATCH', {
      expression: 'window',
      expected: 'timestamp',
      argument: 'its time',
      actual: typeName(time.type),
    })
  }
  const { fields } = child.plan.schema
  // A name that no user's column has, so that it can never be ambiguous.
  const name = '\u0000window'
  const schema = structType([...fields, field(name, windowType, false)])
  const eventTime = new Set(child.eventTime)
  if (isEventTime(time, child.eventTime)) eventTime.add(fields.length)
  const expanded: Analyzed = {
    ...child,
    plan: { kind: 'expandWindow', child: child.plan, time, sizeMicros, slideMicros, startMicros, schema },
    eventTime,
  }
  const rewritten = expressions.map((e): Expression => {
    if (windowsIn(e).length === 0) return e
    const replaced = mapExpression(e, inner => (inner.kind === 'window' ? { kind: 'column', name } : null))
    return { kind: 'alias', child: replaced.kind === 'alias' ? replaced.child : replaced, name: outputName(e) }
  })
  return { child: expanded, expressions: rewritten }
}
