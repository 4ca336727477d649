import type { EpochMode, EpochPolicy } from '../operator/epoch-policy.ts'

/**
 * Control frames travel in the same rings as data, in order with it. Their payload is a few doubles:
 *
 *   EPOCH_BEGIN  epoch · mode · batch time (micros) · late watermark (millis) · eviction watermark (millis)
 *   BARRIER      epoch
 *   WATERMARK    millis; NaN: this input is idle and does not count until it speaks again
 *   END          —
 */
export const DATA = 1
export const EPOCH_BEGIN = 2
export const BARRIER = 3
export const WATERMARK = 4
export const END = 5
export const CONTROL_BYTES = 40

const modes: readonly EpochMode[] = ['batch', 'microBatch', 'realTime']

export const writePolicy = (f64: Float64Array, offset: number, policy: EpochPolicy): void => {
  const at = offset >> 3
  f64[at] = policy.epoch
  f64[at + 1] = modes.indexOf(policy.mode)
  f64[at + 2] = policy.batchTimeMicros
  f64[at + 3] = policy.lateMillis
  f64[at + 4] = policy.evictMillis
}

export const readPolicy = (f64: Float64Array, offset: number): EpochPolicy => {
  const at = offset >> 3
  return { epoch: f64[at], mode: modes[f64[at + 1]], batchTimeMicros: f64[at + 2], lateMillis: f64[at + 3], evictMillis: f64[at + 4] }
}
