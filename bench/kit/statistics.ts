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

/** What a latency histogram held, as figures whose names begin with `prefix`. */
export const latencyFigures = (
  prefix: string,
  snapshot: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number; readonly max: number },
): Record<string, number> => ({
  [`${prefix}P50Micros`]: snapshot.p50,
  [`${prefix}P90Micros`]: snapshot.p90,
  [`${prefix}P99Micros`]: snapshot.p99,
  [`${prefix}P999Micros`]: snapshot.p999,
  [`${prefix}MaxMicros`]: snapshot.max,
})
