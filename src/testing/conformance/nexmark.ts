import { avg, col, count, type DataFrame, lit, max, min, sum, when, window } from '../../index.ts'
import type { Columns } from './format.ts'

/** The NEXMark inputs. */
export const nexmarkTables: Readonly<Record<'person' | 'auction' | 'bid', Columns>> = {
  person: [
    ['id', 'long'],
    ['name', 'string'],
    ['email_address', 'string'],
    ['credit_card', 'string'],
    ['city', 'string'],
    ['state', 'string'],
    ['date_time', 'ts'],
    ['extra', 'string'],
  ],
  auction: [
    ['id', 'long'],
    ['item_name', 'string'],
    ['description', 'string'],
    ['initial_bid', 'long'],
    ['reserve', 'long'],
    ['date_time', 'ts'],
    ['expires', 'ts'],
    ['seller', 'long'],
    ['category', 'long'],
    ['extra', 'string'],
  ],
  bid: [
    ['auction', 'long'],
    ['bidder', 'long'],
    ['price', 'long'],
    ['channel', 'string'],
    ['url', 'string'],
    ['date_time', 'ts'],
    ['extra', 'string'],
  ],
}

/** One input as a stream, the others as static tables where a query joins. */
export interface NexmarkInputs {
  readonly stream: (name: keyof typeof nexmarkTables) => DataFrame
  readonly table: (name: keyof typeof nexmarkTables) => DataFrame
}

export interface NexmarkQuery {
  readonly outputMode: 'append' | 'update' | 'complete'
  readonly build: (inputs: NexmarkInputs) => DataFrame
}

const day = col('date_time').cast('date').cast('string')
const euros = lit(0.908).multiply(col('price'))
const cheap = col('price').lt(10000)
const middle = col('price').geq(10000).and(col('price').lt(1000000))
const dear = col('price').geq(1000000)
const countWhere = (condition: typeof cheap) => count(when(condition, 1))
const time = col('date_time').cast('string')
const hour = time.substr(12, 2).cast('int')

/** The queries that the operators of today can say, written by hand. A join of two streams is put as a stream with a table. */
export const nexmarkQueries: Readonly<Record<string, NexmarkQuery>> = {
  q0: { outputMode: 'append', build: n => n.stream('bid').select('auction', 'bidder', 'price', 'date_time') },
  q1: { outputMode: 'append', build: n => n.stream('bid').select('auction', 'bidder', euros.alias('price'), 'date_time') },
  q2: {
    outputMode: 'append',
    build: n =>
      n
        .stream('bid')
        .filter(col('auction').isin(1007, 1020, 2001, 2019, 2087))
        .select('auction', 'price'),
  },
  q3: {
    outputMode: 'append',
    build: n => {
      const person = n.table('person').select(col('id').alias('person_id'), 'name', 'city', 'state')
      return n
        .stream('auction')
        .filter(col('category').equalTo(10))
        .join(person, col('seller').equalTo(col('person_id')), 'inner')
        .filter(col('state').isin('or', 'id', 'ca'))
        .select('name', 'city', 'state', 'id')
    },
  },
  q7: {
    outputMode: 'complete',
    build: n => {
      const bid = n.table('bid').select('auction', 'price', 'bidder', 'date_time')
      const best = n
        .stream('bid')
        .groupBy(window(col('date_time'), '10 seconds').alias('w'))
        .agg(max('price').alias('maxprice'))
        .select('maxprice', col('w').getField('start').alias('first'), col('w').getField('end').alias('end'))
      return best
        .join(
          bid,
          col('maxprice')
            .equalTo(col('price'))
            .and(col('date_time').between(col('first'), col('end'))),
          'inner',
        )
        .select('auction', 'price', 'bidder', 'date_time')
    },
  },
  q8: {
    outputMode: 'append',
    build: n => {
      const tumbling = window(col('date_time'), '10 seconds')
      const person = n
        .table('person')
        .select(col('id').alias('person_id'), 'name', tumbling.getField('start').alias('registered'))
        .dropDuplicates()
      const sellers = n
        .stream('auction')
        .select('seller', tumbling.alias('w'))
        .select('seller', col('w').getField('start').alias('starttime'))
        .dropDuplicates(['seller', 'starttime'])
      return sellers
        .join(
          person,
          col('seller')
            .equalTo(col('person_id'))
            .and(col('starttime').equalTo(col('registered'))),
          'inner',
        )
        .select(col('person_id').alias('id'), 'name', 'starttime')
    },
  },
  q10: {
    outputMode: 'append',
    build: n => {
      // A 12-hour clock: midnight reads 12.
      const twelve = hour.plus(11).mod(12).plus(1).cast('string')
      const padded = when(twelve.equalTo('10').or(twelve.equalTo('11')).or(twelve.equalTo('12')), twelve).otherwise(lit('0').concat(twelve))
      return n
        .stream('bid')
        .select('auction', 'bidder', 'price', 'date_time', day.alias('date'), padded.concat(lit(':'), time.substr(15, 2)).alias('time'))
    },
  },
  q17: {
    outputMode: 'update',
    build: n =>
      n
        .stream('bid')
        .groupBy('auction', day.alias('day'))
        .agg(
          count('*').alias('total_bids'),
          countWhere(cheap).alias('rank1_bids'),
          countWhere(middle).alias('rank2_bids'),
          countWhere(dear).alias('rank3_bids'),
          min('price').alias('min_price'),
          max('price').alias('max_price'),
          avg('price').alias('avg_price'),
          sum('price').alias('sum_price'),
        ),
  },
  q20: {
    outputMode: 'append',
    build: n => {
      const auction = n
        .table('auction')
        .select(
          'id',
          'item_name',
          'description',
          'initial_bid',
          'reserve',
          col('date_time').alias('auction_date_time'),
          'expires',
          'seller',
          'category',
          col('extra').alias('auction_extra'),
        )
        .filter(col('category').equalTo(10))
      return n
        .stream('bid')
        .select('auction', 'bidder', 'price', 'channel', 'url', col('date_time').alias('bid_date_time'), col('extra').alias('bid_extra'))
        .join(auction, col('auction').equalTo(col('id')), 'inner')
        .drop('id')
    },
  },
  q103: {
    outputMode: 'complete',
    build: n => withItems(n, 20).select('auction_id', 'auction_item_name'),
  },
  q105: {
    outputMode: 'complete',
    build: n => withItems(n, 1),
  },
}

/** Auctions with at least so many bids, and their number. */
const withItems = (n: NexmarkInputs, least: number): DataFrame =>
  n
    .stream('bid')
    .groupBy('auction')
    .agg(count('*').alias('bid_count'))
    .filter(col('bid_count').geq(least))
    .join(
      n.table('auction').select(col('id').alias('auction_id'), col('item_name').alias('auction_item_name')),
      col('auction').equalTo(col('auction_id')),
      'inner',
    )
    .select('auction_id', 'auction_item_name', 'bid_count')

/** How many leading columns name a group of an `update` query: a later row replaces the earlier one of its group. */
export const nexmarkKeys: Readonly<Record<string, number>> = { q17: 2 }
