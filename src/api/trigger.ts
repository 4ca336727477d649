import { durationMillis, parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import type { Trigger as PlanTrigger } from '../plan/logical-plan.ts'

/** When a streaming query runs: the one line in which its modes differ. */
export type Trigger = Exclude<PlanTrigger, { kind: 'batch' }>

/** The same as keyword arguments, as PySpark has them. */
export type TriggerOptions =
  | { readonly processingTime: string | number }
  | { readonly once: true }
  | { readonly availableNow: true }
  | { readonly realTime: string | number }

/** Spark's default for the distance between two checkpoints in real-time mode. */
const DEFAULT_REAL_TIME_MILLIS = 300_000
const LEAST_REAL_TIME_MILLIS = 10

/** Makes triggers, under Spark's names. */
export const Trigger = {
  /**
   * A micro-batch every interval ('1 second', or millis); 0: as soon as the last one is done. Throws BAD_DURATION, BAD_TRIGGER_INTERVAL.
   */
  processingTime(interval: string | number): Trigger {
    const millis = durationMillis(interval)
    if (millis < 0) throw refuse('processingTime', interval, 'not negative')
    return millis === 0 ? { kind: 'default' } : { kind: 'processingTime', intervalMillis: millis }
  },
  /** One micro-batch over everything that is there, then the query ends. Spark's predecessor of `availableNow`. */
  once(): Trigger {
    return { kind: 'once' }
  },
  /** Micro-batches over everything that is there at the start, within the sources' rate limits, then the query ends. */
  availableNow(): Trigger {
    return { kind: 'availableNow' }
  },
  /**
   * Event by event. The interval ('1 second', or millis; at least 10 ms; 5 minutes unless given, as in Spark) is the distance between two
   * checkpoints; rows never wait for it.
   * Throws BAD_DURATION, BAD_TRIGGER_INTERVAL.
   */
  realTime(interval: string | number = DEFAULT_REAL_TIME_MILLIS): Trigger {
    const millis = durationMillis(interval)
    if (!(millis >= LEAST_REAL_TIME_MILLIS)) throw refuse('realTime', interval, `at least ${LEAST_REAL_TIME_MILLIS} ms`)
    return { kind: 'realTime', intervalMillis: millis }
  },
} as const

const refuse = (trigger: string, interval: string | number, expected: string): EngineError =>
  new EngineError('BAD_TRIGGER_INTERVAL', { trigger, interval: String(interval), expected })

const KINDS: readonly Trigger['kind'][] = ['default', 'processingTime', 'once', 'availableNow', 'realTime']

/** A trigger in either notation. Throws BAD_TRIGGER for anything else, also from a program without types. */
export const triggerOf = (trigger: Trigger | TriggerOptions): Trigger => {
  if (typeof trigger !== 'object' || trigger === null)
    throw new EngineError('BAD_TRIGGER', { text: JSON.stringify(trigger) ?? String(trigger) })
  if ('kind' in trigger && KINDS.includes(trigger.kind)) {
    if (trigger.kind !== 'processingTime' && trigger.kind !== 'realTime') return trigger
    if (typeof trigger.intervalMillis === 'number') return Trigger[trigger.kind](trigger.intervalMillis)
  }
  const [[name, value] = ['', null], ...others] = Object.entries(trigger) as [string, unknown][]
  if (others.length === 0 && (typeof value === 'string' || typeof value === 'number')) {
    if (name === 'processingTime') return Trigger.processingTime(value)
    if (name === 'realTime') return Trigger.realTime(value)
  }
  if (others.length === 0 && value === true) {
    if (name === 'once') return Trigger.once()
    if (name === 'availableNow') return Trigger.availableNow()
  }
  throw new EngineError('BAD_TRIGGER', { text: JSON.stringify(trigger) })
}

/**
 * A trigger from one word of a command line: 'realTime', 'realTime 1 second', 'processingTime 1 second', 'availableNow', 'once', 'default'.
 * Throws BAD_TRIGGER.
 */
export const parseTrigger = (text: string): Trigger => {
  const [, name, rest] = /^\s*(\w+)\s*(.*?)\s*$/.exec(text) ?? []
  switch (name?.toLowerCase()) {
    case 'realtime':
      return rest === '' ? Trigger.realTime('1 second') : Trigger.realTime(parseDuration(rest))
    case 'processingtime':
      return Trigger.processingTime(rest === '' ? 0 : parseDuration(rest))
    case 'availablenow':
      return Trigger.availableNow()
    case 'once':
      return Trigger.once()
    case 'default':
      return { kind: 'default' }
    default:
      throw new EngineError('BAD_TRIGGER', { text: JSON.stringify(text) })
  }
}
