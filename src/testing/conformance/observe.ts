import type { Engine } from './engine.ts'

/** What the public API tells of a running query, in the corpus's units. */
export interface Progress {
  readonly batchId: number
  readonly numInputRows: number
  readonly eventTime: { readonly min?: number; readonly max?: number; readonly avg?: number; readonly watermark?: number }
  readonly stateOperators: readonly {
    readonly total: number
    readonly updated: number
    readonly removed: number
    readonly dropped: number
    readonly duplicates: number
    readonly name: string
    readonly late?: number
    readonly evict?: number
    readonly output?: number
  }[]
  readonly startOffset: number | null
  readonly endOffset: number | null
}

const millisOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text))

/** The epochs of this run that the query still remembers, oldest first. */
export const progressesOf = (engine: Engine): readonly Progress[] =>
  (engine.query?.recentProgress ?? []).map(progress => ({
    batchId: progress.batchId,
    numInputRows: progress.numInputRows,
    eventTime: {
      min: millisOf(progress.eventTime.min),
      max: millisOf(progress.eventTime.max),
      avg: millisOf(progress.eventTime.avg),
      watermark: millisOf(progress.eventTime.watermark),
    },
    stateOperators: progress.stateOperators.map(op => ({
      total: op.numRowsTotal,
      updated: op.numRowsUpdated,
      removed: op.numRowsRemoved,
      dropped: op.numRowsDroppedByWatermark,
      duplicates: op.customMetrics.numDroppedDuplicateRows ?? 0,
      name: op.operatorName === 'symmetricHashJoin' ? 'join' : op.operatorName,
      late: op.customMetrics.lateWatermarkMs,
      evict: op.customMetrics.evictionWatermarkMs,
      output: op.customMetrics.outputWatermarkMs,
    })),
    startOffset: offsetOf(progress.sources[0]?.startOffset),
    endOffset: offsetOf(progress.sources[0]?.endOffset),
  }))

/** The offset of a source with one partition. */
const offsetOf = (offset: Readonly<Record<string, number>> | null | undefined): number | null =>
  offset === null || offset === undefined ? null : (Object.values(offset)[0] ?? null)
