/**
 * What a mode is, as far as tasks are concerned (DESIGN section 1). It travels in band, so each task changes mode at one exact point of its
 * input.
 */
export type EpochMode = 'batch' | 'microBatch' | 'realTime'

export interface EpochPolicy {
  readonly epoch: number
  readonly mode: EpochMode
  /** What `current_timestamp()` answers in batch and micro-batch. */
  readonly batchTimeMicros: number
  /** Rows at or below are late. Frozen for the epoch in micro-batch; in real time only where the flow begins. -Infinity: none. */
  readonly lateMillis: number
  /** State that ends at or below is due. */
  readonly evictMillis: number
}
