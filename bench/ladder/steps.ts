import type { Percentiles } from '../kit/statistics.ts'

/** Shares of its own peak at which each rung is measured. */
export const LOADS = [0.1, 0.5, 0.8] as const

/** A rung at one load, open loop: latencies in micros from the instant when a row was due, CPU time of the whole process. */
export interface Step {
  readonly load: number
  readonly latency: Percentiles
  readonly cpuSecondsPerSecond: number
  readonly wrong: string | null
}

/** What a process of `ladder-run` says, as one line of JSON. */
export interface Climb {
  /** Events a second at most. */
  readonly peak: number
  readonly steps: readonly Step[]
}
