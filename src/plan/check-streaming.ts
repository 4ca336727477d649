import { EngineError } from '../base/errors.ts'
import type { Analyzed } from './analyzed.ts'
import { type AnalyzedPlan, childrenOf } from './analyzed-plan.ts'
import type { OutputMode } from './logical-plan.ts'

/**
 * Whether a streaming query can mean something in its output mode: Spark's UnsupportedOperationChecker, less the restrictions that come
 * from Spark's engine and not from the meaning (a union of a stream with a table …). Throws UNSUPPORTED_OUTPUT_MODE,
 * UNSUPPORTED_OPERATION, NO_STREAMING_SOURCE.
 */
export const checkStreaming = (analyzed: Analyzed, outputMode: OutputMode): void => {
  if (!analyzed.streaming) throw new EngineError('NO_STREAMING_SOURCE')
  const aggregates = find(analyzed.plan, node => node.kind === 'aggregate')
  if (outputMode === 'complete' && aggregates.length === 0) {
    throw new EngineError('UNSUPPORTED_OUTPUT_MODE', {
      mode: outputMode,
      reason: 'there is no aggregation, so the complete result is the whole stream. Use append',
    })
  }
  if (outputMode !== 'append') {
    for (const node of find(analyzed.plan, ({ kind }) => kind === 'aggregate' || kind === 'deduplicate')) {
      const below = childrenOf(node)
      if (!below.some(child => find(child, other => other.kind === 'aggregate' && streams(other)).length > 0)) continue
      const operation = `${node.kind === 'aggregate' ? 'an aggregation' : 'dropDuplicates'} above an aggregation in ${outputMode} mode`
      if (outputMode === 'update') {
        // Totals come again and again there, and what is above would take each for a row of its own.
        const instead = 'use complete, where the whole result comes again, or append, where totals are final'
        throw new EngineError('UNSUPPORTED_OPERATION', { operation: `${operation}: ${instead}` })
      }
      if (!below.every(isWholeResult)) {
        // Some rows would come again each epoch, and others once.
        const instead = 'aggregate the other inputs of the union, too'
        throw new EngineError('UNSUPPORTED_OPERATION', { operation: `${operation}, together with rows that are no totals: ${instead}` })
      }
    }
  }
  if (outputMode !== 'append') {
    for (const node of find(analyzed.plan, ({ kind }) => kind === 'streamJoin')) {
      // Pairs are final as soon as they are found; rows without a match, and totals below, are not.
      const isFinal =
        node.kind === 'streamJoin' &&
        node.type === 'inner' &&
        find(node, other => other.kind === 'aggregate' && streams(other)).length === 0
      if (outputMode === 'update' && isFinal) continue
      throw new EngineError('UNSUPPORTED_OUTPUT_MODE', {
        mode: outputMode,
        reason: 'a join of two streams puts out each row once. Use append, or update for an inner join of what is no aggregation',
      })
    }
  }
  if (outputMode === 'append') {
    for (const node of aggregates) {
      if (node.kind === 'aggregate' && node.eventTimeKey === null && streams(node.child)) {
        throw new EngineError('UNSUPPORTED_OUTPUT_MODE', {
          mode: outputMode,
          reason: 'an aggregation without a watermark on one of its grouping keys is never final. Add withWatermark, or use update',
        })
      }
    }
  }
  if (outputMode === 'update' && find(analyzed.plan, node => node.kind === 'limit' && streams(node)).length > 0) {
    throw new EngineError('UNSUPPORTED_OPERATION', {
      operation: 'limit in update mode: a row that has passed may come again, with other values',
    })
  }
  for (const node of find(analyzed.plan, other => other.kind === 'sort' && streams(other))) {
    if (outputMode !== 'complete' || node.kind !== 'sort' || find(node.child, ({ kind }) => kind === 'aggregate').length === 0) {
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'sorting a stream, except after an aggregation in complete mode' })
    }
  }
}

/** True if all rows have come through an aggregation, so that in complete mode all of them come again each epoch. */
const isWholeResult = (plan: AnalyzedPlan): boolean => {
  if (plan.kind === 'aggregate') return true
  const below = childrenOf(plan)
  return below.length > 0 && below.every(isWholeResult)
}

const find = (plan: AnalyzedPlan, test: (node: AnalyzedPlan) => boolean): AnalyzedPlan[] => [
  ...(test(plan) ? [plan] : []),
  ...childrenOf(plan).flatMap(child => find(child, test)),
]

const streams = (plan: AnalyzedPlan): boolean => (plan.kind === 'source' ? plan.source.streaming : childrenOf(plan).some(streams))
