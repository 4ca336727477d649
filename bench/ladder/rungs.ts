import { col, count, type DataFrame, type WalkwaySession, window } from 'walkway'
import { type Chain, openRxjs, openWalkway } from '../engine/chains.ts'

/** A rung of the ladder that runs on workers: a query over the engine's `rate` source. */
export interface Rung {
  readonly outputMode: 'append' | 'update'
  query(session: WalkwaySession, rowsPerSecond: number): DataFrame
  /** Whether so many rows come out of so many; without it, as many must. */
  readonly isRight?: (rowsIn: number, rowsOut: number) => boolean
}

/** The rungs on the caller's thread. */
export const chains: Readonly<Record<string, () => Promise<Chain>>> = { inline: openWalkway, rxjs: openRxjs }

const KEYS = 1000
const WINDOWED_KEYS = 100

const rate = (session: WalkwaySession, rowsPerSecond: number): DataFrame =>
  session.readStream.format('rate').option('rowsPerSecond', rowsPerSecond).load()

export const rungs: Readonly<Record<string, Rung>> = {
  /** One exchange: half of the rows change threads. */
  hop: {
    outputMode: 'append',
    query: (session, rowsPerSecond) => rate(session, rowsPerSecond).repartition(2, 'value'),
  },
  keyedCount: {
    outputMode: 'update',
    query: (session, rowsPerSecond) => rate(session, rowsPerSecond).groupBy(col('value').mod(KEYS).alias('key')).agg(count('*').alias('n')),
  },
  /** Windows of 10 s by 10 ms: each row is in a thousand. A result's latency counts from the rows that ended its window. */
  windows: {
    outputMode: 'append',
    query: (session, rowsPerSecond) =>
      rate(session, rowsPerSecond)
        .withWatermark('timestamp', 0)
        .groupBy(window(col('timestamp'), '10 seconds', '10 milliseconds'), col('value').mod(WINDOWED_KEYS).alias('key'))
        .agg(count('*').alias('n')),
    isRight: (_rowsIn, rowsOut) => rowsOut > 0,
  },
}
