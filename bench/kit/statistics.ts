import type { LatencySnapshot } from 'native-free-buffers'
import { medianOf, type Spread } from 'walkway/bench'

export { medianOf, type Spread }

/** Each figure over all rounds. A maximum is the greatest of all rounds; a median would hide what it is there to show. */
export const spreadOf = (rounds: readonly Readonly<Record<string, number>>[]): Record<string, Spread> => {
  const spreads: Record<string, Spread> = {}
  for (const name of Object.keys(rounds[0] ?? {})) {
    const values = rounds.map(round => round[name])
    const most = Math.max(...values)
    spreads[name] = { median: /Max(?![a-z])/.test(name) ? most : medianOf(values), least: Math.min(...values), most }
  }
  return spreads
}

export type Percentiles = Pick<LatencySnapshot, 'p50' | 'p90' | 'p99' | 'p999' | 'max'>

/** Medians of the percentiles of stretches of time, and the greatest of their maxima; 0 of none. `scale` brings them to micros. */
export const medianLatency = (stretches: readonly Percentiles[], scale = 1): Percentiles => {
  const median = (pick: (stretch: Percentiles) => number): number => (stretches.length === 0 ? 0 : medianOf(stretches.map(pick)) * scale)
  return {
    p50: median(({ p50 }) => p50),
    p90: median(({ p90 }) => p90),
    p99: median(({ p99 }) => p99),
    p999: median(({ p999 }) => p999),
    max: Math.max(0, ...stretches.map(({ max }) => max)) * scale,
  }
}

/** What a latency histogram held, as figures whose names begin with `prefix`. */
export const latencyFigures = (prefix: string, snapshot: Percentiles): Record<string, number> => ({
  [`${prefix}P50Micros`]: snapshot.p50,
  [`${prefix}P90Micros`]: snapshot.p90,
  [`${prefix}P99Micros`]: snapshot.p99,
  [`${prefix}P999Micros`]: snapshot.p999,
  [`${prefix}MaxMicros`]: snapshot.max,
})
