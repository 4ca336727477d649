import { type Case, type Expr, type Mode, nodesOf, type Plan } from './format.ts'

/**
 * What this engine can do, in one place: everything else is skipped by name. When the engine learns something, its name is added here and
 * the translation in `plan.ts` or `steps.ts`.
 */
const tags = new Set([
  'real-time',
  'manual-clock',
  'state-metrics',
  'progress-events',
  'trigger-once',
  'trigger-available-now',
  'duration-strings',
  'watermark-policy',
  'no-data-batch-switch',
  'file-source',
  'state-schema-check',
  'commit-log-rewind',
  'operator-watermarks',
])

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
  'limit',
  'sort',
  'failOnce',
  'failWhile',
])

const aggregates = new Set(['count', 'sum', 'min', 'max', 'avg', 'last', 'count_distinct', 'sum_distinct', 'collect_set_size'])

const steps = new Set([
  'add',
  'addAtomic',
  'addFile',
  'addFilesAtomic',
  'holdSource',
  'releaseSource',
  'setFlag',
  'rewind',
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
  'expectOperatorWatermark',
  'expectOutputWatermark',
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
  'expectConfigError',
  'expectClock',
  'startBelowMinimumBatchDuration',
])

const functions = new Set(
  'lit + - * % floor_div = != < <= > >= <=> between and or case coalesce is_not_null concat contains cast ts_sec to_sec now_sec window . window_time'.split(
    ' ',
  ),
)

const formats = new Set(['text', 'json'])

const columnTypes = new Set(['int', 'long', 'double', 'string', 'boolean', 'ts'])

/** Why a case cannot run: the first tag, operator, step or type that is missing. Null: it can. */
export const missingFeature = (of: Case, mode: Mode): string | null => {
  for (const tag of of.requires ?? []) if (!tags.has(tag)) return `tag ${tag}`
  for (const source of Object.values(of.sources)) {
    if (source.kind !== undefined && source.kind !== 'files') return `source of kind ${source.kind}`
    if (source.kind === 'files' && !formats.has(source.format ?? 'text')) return `files of format ${source.format}`
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
    for (const e of expressionsOf(node)) {
      const missing = missingFunction(e)
      if (missing !== null) return missing
    }
  }
  return null
}

const expressionsOf = (node: Plan): readonly Expr[] => [
  node.where ?? null,
  node.on ?? null,
  ...(node.op === 'select' || node.op === 'extend' ? (node.columns as [string, Expr][]).map(([, e]) => e) : []),
  ...(node.keys ?? []).map(([, e]) => e),
  ...(node.aggs ?? []).flatMap(([, { expr, where }]) => [expr ?? null, where ?? null]),
  ...(node.by ?? []).map(([e]) => e),
]

const missingFunction = (e: Expr): string | null => {
  if (typeof e !== 'object' || e === null) return null
  const [name, ...args] = e
  if (name === 'session') return 'operator session'
  if (!functions.has(name)) return `function ${name}`
  if (name === 'lit') return null
  for (const arg of args) {
    const missing = missingFunction(arg)
    if (missing !== null) return missing
  }
  return null
}
