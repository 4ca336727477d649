import type { EpochPolicy } from '../operator/epoch-policy.ts'
import type { Attempt, EpochOutcome } from './attempt.ts'
import type { Positions } from './positions.ts'
import type { PreparedQuery } from './prepare-query.ts'
import { eventTimeOf, inMillis, type QueryProgress, stateOperatorsOf } from './progress.ts'

/** An epoch that has been committed. */
export interface EndedEpoch {
  readonly policy: EpochPolicy
  readonly outcome: EpochOutcome
  /** Where the sources stood before and after it. */
  readonly before: Positions
  readonly after: Positions
  /** The watermark that was in force in it. */
  readonly watermarkMillis: number
  readonly durationMillis: number
}

/** Whose progress it is. */
export interface ProgressIdentity {
  readonly id: string
  readonly runId: string
  readonly name: string | null
}

/** What a user sees of an epoch. Latencies are those since the last call for the same attempt. */
export const progressOf = (identity: ProgressIdentity, prepared: PreparedQuery, attempt: Attempt, ended: EndedEpoch): QueryProgress => {
  const { policy, outcome, before, after, watermarkMillis, durationMillis } = ended
  const sourceReports = outcome.sealed.filter(report => attempt.sourceOf(report.task) !== null)
  const rowsIn = sourceReports.reduce((sum, report) => sum + report.rowsIn, 0)
  const last = outcome.sealed.filter(report => attempt.isSink(report.task))
  const perSecond = durationMillis > 0 ? (rowsIn * 1000) / durationMillis : 0
  return {
    ...identity,
    timestamp: new Date(policy.batchTimeMicros / 1000).toISOString(),
    batchId: policy.epoch,
    batchDuration: Math.round(durationMillis),
    mode: policy.mode,
    numInputRows: rowsIn,
    inputRowsPerSecond: perSecond,
    processedRowsPerSecond: perSecond,
    durationMs: { triggerExecution: Math.round(durationMillis) },
    eventTime: eventTimeOf(
      outcome.sealed.flatMap(report => report.watermarks),
      watermarkMillis,
      prepared.delays.size > 0,
    ),
    stateOperators: stateOperatorsOf(outcome.sealed.flatMap(report => report.operators)),
    sources: [...prepared.sources].map(([id, source]) => {
      const own = sourceReports.filter(report => attempt.sourceOf(report.task) === id)
      return {
        description: source.description.label,
        startOffset: before[id] ?? null,
        endOffset: after[id] ?? null,
        numInputRows: own.reduce((sum, report) => sum + report.rowsIn, 0),
        backlog: own.reduce((sum, report) => sum + report.backlog, 0),
        metrics: summed(own.map(report => report.counts ?? {})),
      }
    }),
    sink: { description: prepared.sink.description.label, numOutputRows: last.reduce((sum, report) => sum + report.rowsOut, 0) },
    latencies: attempt.latenciesSince(inMillis),
  }
}

const summed = (counts: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const sums: Record<string, number> = {}
  for (const [name, count] of counts.flatMap(each => Object.entries(each))) sums[name] = (sums[name] ?? 0) + count
  return sums
}
