import type { LatencySnapshot } from 'native-free-buffers'
import type { SourceOffset } from '../connector/connector.ts'
import type { OperatorReport, WatermarkReport } from '../runtime/control-protocol.ts'

/** What an epoch did, under Spark's field names; latencies are in milliseconds and ours. */
export interface QueryProgress {
  readonly id: string
  readonly runId: string
  readonly name: string | null
  readonly timestamp: string
  readonly batchId: number
  readonly batchDuration: number
  readonly mode: string
  readonly numInputRows: number
  readonly inputRowsPerSecond: number
  readonly processedRowsPerSecond: number
  readonly durationMs: Readonly<Record<string, number>>
  readonly eventTime: Readonly<Record<string, string>>
  readonly stateOperators: readonly StateOperatorProgress[]
  readonly sources: readonly SourceProgress[]
  readonly sink: { readonly description: string; readonly numOutputRows: number }
  /**
   * From the arrival of a row's burst in this process to the sink, and to its acknowledgement. What was held back for the end of an epoch
   * counts from the arrival of the oldest row of that epoch.
   */
  readonly latencies: { readonly processingLatencyMs: LatencySnapshot; readonly e2eLatencyMs: LatencySnapshot }
}

/** Nothing has come for ten seconds, and again ten seconds later. */
export interface QueryIdle {
  readonly id: string
  readonly runId: string
  readonly timestamp: string
}

/** The state of one operator in an epoch, under Spark's names. */
export interface StateOperatorProgress {
  readonly operatorName: string
  readonly numRowsTotal: number
  readonly numRowsUpdated: number
  readonly numRowsRemoved: number
  readonly numRowsDroppedByWatermark: number
  readonly memoryUsedBytes: number
  /**
   * Of an operator whose state goes with the watermark: `lateWatermarkMs`, at or below which its rows were late, and
   * `evictionWatermarkMs`, at or below which its state went; above a join they are behind the query's. Of a join `outputWatermarkMs`, how
   * far its own rows have come. Of dropDuplicates `numDroppedDuplicateRows`.
   */
  readonly customMetrics: Readonly<Record<string, number>>
}

/** What one source read in an epoch, under Spark's names. */
export interface SourceProgress {
  readonly description: string
  readonly startOffset: SourceOffset | null
  readonly endOffset: SourceOffset | null
  readonly numInputRows: number
  readonly inputRowsPerSecond: number
  readonly processedRowsPerSecond: number
  readonly backlog: number
  /** What else the source counted in the epoch: `numMalformedRows`, say. */
  readonly metrics: Readonly<Record<string, number>>
}

const iso = (millis: number): string => new Date(millis).toISOString()

/** `eventTime` of a progress: least, largest and mean of the epoch, and the watermark that was in force in it. */
export const eventTimeOf = (reports: readonly WatermarkReport[], watermarkMillis: number, exists: boolean): Record<string, string> => {
  if (!exists) return {}
  const seen = reports.filter(report => report.count > 0)
  const watermark = { watermark: iso(watermarkMillis) }
  if (seen.length === 0) return watermark
  const count = seen.reduce((sum, report) => sum + report.count, 0)
  return {
    max: iso(Math.max(...seen.map(report => report.maxMicros)) / 1000),
    min: iso(Math.min(...seen.map(report => report.minMicros)) / 1000),
    avg: iso(seen.reduce((sum, report) => sum + report.sumMicros, 0) / count / 1000),
    ...watermark,
  }
}

/** One entry an operator, over all of its tasks; the last operator of the plan first, as in Spark. */
export const stateOperatorsOf = (reports: readonly OperatorReport[]): StateOperatorProgress[] => {
  const ids = [...new Set(reports.map(report => report.operatorId))].sort((a, b) => b - a)
  return ids.map((id): StateOperatorProgress => {
    const own = reports.filter(report => report.operatorId === id)
    const sum = (pick: (report: OperatorReport) => number): number => own.reduce((total, report) => total + pick(report), 0)
    const duplicates = sum(report => report.duplicatesDropped)
    return {
      operatorName: own[0].name,
      numRowsTotal: sum(report => report.rowsTotal),
      numRowsUpdated: sum(report => report.rowsUpdated),
      numRowsRemoved: sum(report => report.rowsRemoved),
      numRowsDroppedByWatermark: sum(report => report.rowsDroppedByWatermark),
      memoryUsedBytes: sum(report => report.usedBytes),
      customMetrics: { ...(own[0].name === 'deduplicate' ? { numDroppedDuplicateRows: duplicates } : {}), ...watermarksOf(own) },
    }
  })
}

/** The watermarks that an operator worked with: the least of its tasks, 0 before there is one, as Spark has it. */
const watermarksOf = (own: readonly OperatorReport[]): Record<string, number> => {
  if (!own[0].timed) return {}
  const least = (pick: (report: OperatorReport) => number): number => Math.max(0, Math.min(...own.map(pick)))
  const evictionWatermarkMs = least(report => report.evictMillis)
  const watermarks = {
    lateWatermarkMs: least(report => report.lateMillis),
    evictionWatermarkMs,
    ...(own[0].name === 'symmetricHashJoin' ? { outputWatermarkMs: evictionWatermarkMs - own[0].waitMillis } : {}),
  }
  // At the end of all input a watermark is infinite.
  return Object.fromEntries(Object.entries(watermarks).filter(([, millis]) => Number.isFinite(millis)))
}

/** Latencies in millis. */
export const inMillis = (snapshot: LatencySnapshot): LatencySnapshot => ({
  count: snapshot.count,
  mean: snapshot.mean / 1000,
  p50: snapshot.p50 / 1000,
  p90: snapshot.p90 / 1000,
  p99: snapshot.p99 / 1000,
  p999: snapshot.p999 / 1000,
  max: snapshot.max / 1000,
})
