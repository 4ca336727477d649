import type { Bound } from '../expression/expression.ts'
import { type Field, structType } from '../record/data-type.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'

/** A plan with what the rules of streaming need to know of its output. */
export interface Analyzed {
  readonly plan: AnalyzedPlan
  /** Ordinals of the output columns that are event time: the column of a watermark, a window over one, and what they are renamed to. */
  readonly eventTime: ReadonlySet<number>
  readonly streaming: boolean
  /** How long the watermark waits, in micros; null without a watermark. */
  readonly delayMicros: number | null
}

export const inputOf = (f: Field, ordinal: number): Bound => ({ kind: 'input', ordinal, name: f.name, type: f.type, nullable: f.nullable })

/** A projection to some of the columns, by ordinal. */
export const keepColumns = (child: Analyzed, ordinals: readonly number[]): Analyzed => {
  const { fields } = child.plan.schema
  return {
    ...child,
    plan: {
      kind: 'project',
      child: child.plan,
      columns: ordinals.map(i => inputOf(fields[i], i)),
      schema: structType(ordinals.map(i => fields[i])),
    },
    eventTime: new Set([...ordinals.keys()].filter(to => child.eventTime.has(ordinals[to]))),
  }
}

/** True if a value is event time where its input is: the column itself, a window over it, a window's time. */
export const isEventTime = (value: Bound, eventTime: ReadonlySet<number>): boolean => {
  if (value.kind === 'input') return eventTime.has(value.ordinal)
  if (value.kind === 'call' && value.name === 'windowTime') {
    const [end] = value.args
    return end.kind === 'field' && isEventTime(end.child, eventTime)
  }
  return false
}
