import { type Case, type Mode, nodesOf, type Plan } from './format.ts'

/**
 * What this engine can do, in one place: everything else is skipped by name. When the engine learns something, its name is added here and the
 * translation in `plan.ts` or `steps.ts`.
 */
const tags = new Set(['real-time', 'manual-clock', 'state-metrics', 'progress-events', 'trigger-once', 'trigger-available-now', 'duration-strings'])

const operators = new Set([
  'source',
  'table',
  'select',
  'extend',
  'filter',
  'watermark',
  'aggregate',
  'dropDuplicates',
  'dropDuplicatesWithinWatermark',
  'join',
  'union',
])

const aggregates = new Set(['count', 'sum', 'min', 'max', 'avg', 'last'])

const steps = new Set([
  'add',
  'addAtomic',
  'start',
  'stop',
  'restart',
  'sync',
  'awaitTermination',
  'advanceProcessingTime',
  'endBatch',
  'endOfInput',
  'clearSink',
  'emptyBatch',
  'expectNew',
  'expectAll',
  'expectLast',
  'expectError',
  'expectPlan',
  'expectWatermark',
  'expectEventTime',
  'expectNoEventTime',
  'expectState',
  'expectStateRows',
  'expectDroppedByWatermark',
  'expectDroppedDuplicates',
  'expectLastBatchId',
  'expectDataBatches',
  'expectBatches',
  'expectProgress',
  'expectDelay',
  'expectTrigger',
  'startBelowMinimumBatchDuration',
])

const columnTypes = new Set(['int', 'long', 'double', 'string', 'boolean', 'ts'])

/** Why a case cannot run: the first tag, operator, step or type that is missing. Null: it can. */
export const missingFeature = (of: Case, mode: Mode): string | null => {
  for (const tag of of.requires ?? []) if (!tags.has(tag)) return `tag ${tag}`
  for (const source of Object.values(of.sources)) {
    if (source.kind !== undefined) return `source of kind ${source.kind}`
    if (source.continues !== undefined) return 'a source that continues another'
    for (const [, type] of source.columns) if (!columnTypes.has(type)) return `type ${type}`
  }
  for (const plan of [of.query, ...Object.values(of.queries ?? {})]) {
    const missing = plan === undefined ? null : missingInPlan(plan)
    if (missing !== null) return missing
  }
  for (const step of of.steps) {
    const kind = Object.keys(step)[0]
    if (!steps.has(kind)) return `step ${kind}`
  }
  if (mode === 'real-time' && of.requires?.some(tag => tag.startsWith('trigger-'))) return 'a trigger of its own in real-time mode'
  return null
}

const missingInPlan = (plan: Plan): string | null => {
  for (const node of nodesOf(plan)) {
    if (!operators.has(node.op)) return `operator ${node.op}`
    for (const [, { agg }] of node.aggs ?? []) if (!aggregates.has(agg)) return `aggregate ${agg}`
    if (node.op === 'join' && node.left !== undefined && node.right !== undefined && isStream(node.left) && isStream(node.right)) {
      return 'operator stream-stream join'
    }
    if (JSON.stringify(node.keys ?? []).includes('["session"') || JSON.stringify(node.columns ?? []).includes('["session"')) return 'operator session'
    for (const name of ['"split"', '"array"']) if (JSON.stringify(node.columns ?? []).includes(`[${name}`)) return `function ${name}`
  }
  return null
}

export const isStream = (plan: Plan): boolean => [...nodesOf(plan)].some(node => node.op === 'source')
