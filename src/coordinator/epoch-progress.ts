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
  /** When it began, by the query's clock. */
  readonly begunMicros: number
  readonly durationMillis: number
  /** How long its parts took, under Spark's names. */
  readonly partMillis: Readonly<Record<string, number>>
}

/** Whose progress it is. */
export interface ProgressIdentity {
  readonly id: string
  readonly runId: string
  readonly name: string | null
}

/**
 * What a user sees of an epoch. Latencies are those since the last call for the same attempt. `sinceMicros`: when the epoch before began,
 * NaN for the first.
 */
export const progressOf = (
  identity: ProgressIdentity,
  prepared: PreparedQuery,
  attempt: Attempt,
  ended: EndedEpoch,
  sinceMicros: number,
): QueryProgress => {
  const { policy, outcome, before, after, watermarkMillis, durationMillis, begunMicros, partMillis } = ended
  const sourceReports = outcome.sealed.filter(report => attempt.sourceOf(report.task) !== null)
  const rowsIn = sourceReports.reduce((sum, report) => sum + report.rowsIn, 0)
  const last = outcome.sealed.filter(report => attempt.isSink(report.task))
  // Input: since the trigger before, as in Spark. In real time one epoch begins where the last one ends.
  const inputMillis = policy.mode === 'realTime' ? durationMillis : (begunMicros - sinceMicros) / 1000
  const rates = (rows: number): { inputRowsPerSecond: number; processedRowsPerSecond: number } => ({
    inputRowsPerSecond: inputMillis > 0 ? (rows * 1000) / inputMillis : 0,
    processedRowsPerSecond: durationMillis > 0 ? (rows * 1000) / durationMillis : 0,
  })
  return {
    ...identity,
    timestamp: new Date(begunMicros / 1000).toISOString(),
    batchId: policy.epoch,
    batchDuration: Math.round(durationMillis),
    mode: policy.mode,
    numInputRows: rowsIn,
    ...rates(rowsIn),
    durationMs: Object.fromEntries(
      Object.entries({ ...partMillis, triggerExecution: durationMillis }).map(([name, millis]) => [name, Math.round(millis)]),
    ),
    eventTime: eventTimeOf(
      outcome.sealed.flatMap(report => report.watermarks),
      watermarkMillis,
      prepared.delays.size > 0,
    ),
    stateOperators: stateOperatorsOf(outcome.sealed.flatMap(report => report.operators)),
    sources: [...prepared.sources].map(([id, source]) => {
      const own = sourceReports.filter(report => attempt.sourceOf(report.task) === id)
      const rows = own.reduce((sum, report) => sum + report.rowsIn, 0)
      return {
        description: source.description.label,
        startOffset: before[id] ?? null,
        endOffset: after[id] ?? null,
        numInputRows: rows,
        ...rates(rows),
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
