import { coalesce, col, count, currentTimestamp, type DataFrame, lit, max, type Row, timestampAdd, window, windowTime } from 'walkway'
import { AUCTION, BID, PERSON } from './generator.ts'

export interface NexmarkQuery {
  /** From the mixed stream to the query's rows. */
  readonly build: (events: DataFrame) => DataFrame
  /** A row as GENERATOR.md hashes it. */
  readonly line: (row: Row) => string
  /** Rows and checksum over the first `CHECKED` events; null where the machine's clock decides. */
  readonly answer: { readonly rows: number; readonly checksum: string } | null
  /** The kind of the event that ends the stream: one that the query keeps, if its watermark is to move. */
  readonly ending?: number
}

/** How many events the answers are for. */
export const CHECKED = 100_000

const bids = (events: DataFrame): DataFrame => events.filter(col('event_type').equalTo(BID))
const late = (events: DataFrame): DataFrame => events.withWatermark('date_time', '4 seconds')
const millis = (value: unknown): number => (value as Date).getTime()

export const queries: Readonly<Record<string, NexmarkQuery>> = {
  q0: {
    build: events => bids(events).select('auction', 'bidder', 'price', 'date_time', 'extra'),
    line: row => `${row.auction}|${row.bidder}|${row.price}|${millis(row.date_time)}|${row.extra}`,
    answer: { rows: 92_000, checksum: 'ceda69e3' },
  },
  q1: {
    build: events => bids(events).select('auction', 'bidder', lit(0.908).multiply(col('price')).alias('price'), 'date_time', 'extra'),
    line: row => `${row.auction}|${row.bidder}|${Math.round((row.price as number) * 1000)}|${millis(row.date_time)}|${row.extra}`,
    answer: { rows: 92_000, checksum: '5e0a1611' },
  },
  q2: {
    build: events => bids(events).filter(col('auction').mod(123).equalTo(0)).select('auction', 'price'),
    line: row => `${row.auction}|${row.price}`,
    answer: { rows: 354, checksum: '88917ce0' },
  },
  q5: {
    build: events => {
      const counted = bids(late(events))
        .groupBy('auction', window(col('date_time'), '10 seconds', '2 seconds'))
        .agg(count('*').alias('num'))
      const most = counted.groupBy(col('window').alias('mostWindow')).agg(max('num').alias('maxn'))
      return counted
        .join(
          most,
          col('window')
            .equalTo(col('mostWindow'))
            .and(col('num').geq(col('maxn'))),
        )
        .select('auction', 'num')
    },
    line: row => `${row.auction}|${row.num}`,
    answer: { rows: 9, checksum: '46f9e861' },
    ending: BID,
  },
  q7: {
    build: events => {
      const bid = bids(late(events)).select('auction', 'price', 'bidder', 'date_time', 'extra')
      // The time of a window is a microsecond before its end.
      const best = bid
        .groupBy(window(col('date_time'), '10 seconds').alias('tumble'))
        .agg(max('price').alias('maxprice'))
        .select('maxprice', windowTime('tumble').alias('last'))
      const inWindow = col('date_time').between(timestampAdd('MICROSECOND', 1 - 10_000_000, 'last'), timestampAdd('MICROSECOND', 1, 'last'))
      return bid.join(best, col('price').equalTo(col('maxprice')).and(inWindow)).select('auction', 'price', 'bidder', 'date_time', 'extra')
    },
    line: row => `${row.auction}|${row.price}|${row.bidder}|${millis(row.date_time)}|${row.extra}`,
    answer: { rows: 1, checksum: '53d6cd62' },
    ending: BID,
  },
  // A join of two groups with the same key and window is one group of the rows of both, which reads the stream once.
  q8: {
    build: events =>
      late(events)
        .filter(col('event_type').isin(PERSON, AUCTION))
        .groupBy(coalesce('person_id', 'seller').alias('id'), window(col('date_time'), '10 seconds'))
        .agg(max('name').alias('name'), count('seller').alias('auctions'))
        .filter(col('name').isNotNull().and(col('auctions').gt(0)))
        .select('id', 'name', col('window').getField('start').alias('starttime')),
    line: row => `${row.id}|${row.name}|${millis(row.starttime)}`,
    answer: { rows: 972, checksum: 'bdf7c4dd' },
    ending: PERSON,
  },
  q12: {
    build: events =>
      bids(events)
        .select('bidder', currentTimestamp().alias('now'))
        .withWatermark('now', 0)
        .groupBy('bidder', window(col('now'), '10 seconds'))
        .agg(count('*').alias('bid_count')),
    line: row => `${row.bidder}|${row.bid_count}`,
    answer: null,
  },
}
