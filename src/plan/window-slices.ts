import type { Bound } from '../expression/expression.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { inputsOf } from './bound-inputs.ts'
import { isDeterministic } from './determinism.ts'
import type { OutputMode } from './logical-plan.ts'

/** Sliding windows that an aggregation keeps as slices: a row changes one slice, and windows are put together from slices. */
export interface WindowSlices {
  /** Which of the aggregation's keys is the window. */
  readonly key: number
  /** Over the rows that come in, which have no window column. */
  readonly time: Bound
  readonly sizeMicros: number
  readonly slideMicros: number
  readonly startMicros: number
}

/** Changes are emitted for each window of a row; with more of them than this, putting each together costs more than keeping it. */
const MOST_WINDOWS_UPDATED = 64

/**
 * The slices of an aggregation over sliding windows, or null if it must keep its windows one by one: when nothing lets go of old ones, when
 * an aggregate depends on the order of rows, or when the window is more than a key.
 */
export const windowSlices = (plan: Extract<AnalyzedPlan, { kind: 'aggregate' }>, outputMode: OutputMode): WindowSlices | null => {
  const { child, keys, aggregates, eventTimeKey } = plan
  if (child.kind !== 'expandWindow' || eventTimeKey === null || outputMode === 'complete') return null
  const { time, sizeMicros, slideMicros, startMicros } = child
  if (sizeMicros === slideMicros) return null
  if (outputMode === 'update' && sizeMicros > MOST_WINDOWS_UPDATED * slideMicros) return null
  const window = child.schema.fields.length - 1
  const key = keys[eventTimeKey]
  if (key.kind !== 'input' || key.ordinal !== window) return null
  const others = [...keys.filter((_, i) => i !== eventTimeKey), ...aggregates.flatMap(({ arg, filter }) => [arg, filter])]
  for (const other of others) {
    if (other !== null && (!isDeterministic(other) || inputsOf(other).includes(window))) return null
  }
  if (aggregates.some(({ name }) => name === 'first' || name === 'last')) return null
  return { key: eventTimeKey, time, sizeMicros, slideMicros, startMicros }
}
