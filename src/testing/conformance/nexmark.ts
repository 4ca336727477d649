import {
  avg,
  type Column,
  col,
  count,
  countDistinct,
  type DataFrame,
  floor,
  lit,
  lower,
  max,
  min,
  sum,
  udf,
  when,
  window,
} from '../../index.ts'
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

const letterCount = udf((text: string, letter: string) => text.split(letter).length - 1, 'int', { name: 'letterCount' })
const urlPart = udf((url: string, index: number) => url.split('/')[index] ?? '', 'string', { name: 'urlPart' })
const channelId = udf((url: string) => /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1] ?? null, 'string', { name: 'channelId' })

/**
 * The queries that the operators of today can say, written by hand. A join of two streams is put as a stream with a table; functions that
 * the engine lacks are user functions.
 */
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
  q4: {
    outputMode: 'complete',
    build: n => closingPrices(n).groupBy('category').agg(avg('final').alias('avg')),
  },
  q5: {
    outputMode: 'complete',
    build: n => {
      const perAuction = (bids: DataFrame): DataFrame =>
        bids
          .groupBy('auction', window(col('date_time'), '10 seconds', '2 seconds').alias('w'))
          .agg(count('*').alias('num'))
          .select('auction', 'num', col('w').getField('start').alias('start'))
      const most = perAuction(n.table('bid')).groupBy(col('start').alias('most_start')).agg(max('num').alias('most'))
      return perAuction(n.stream('bid'))
        .join(
          most,
          col('start')
            .equalTo(col('most_start'))
            .and(col('num').equalTo(col('most'))),
          'inner',
        )
        .select('auction', 'num')
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
  q14: {
    outputMode: 'append',
    build: n => {
      const dayTime = hour.geq(8).and(hour.leq(18))
      const nightTime = hour.leq(6).or(hour.geq(20))
      const part = when(dayTime, lit('dayTime')).when(nightTime, lit('nightTime')).otherwise(lit('otherTime'))
      return n
        .stream('bid')
        .filter(euros.gt(1000000).and(euros.lt(50000000)))
        .select(
          'auction',
          'bidder',
          euros.alias('price'),
          part.alias('bidTimeType'),
          'date_time',
          letterCount(col('extra'), lit('c')).alias('c_counts'),
        )
    },
  },
  q15: {
    outputMode: 'complete',
    build: n => {
      const ranks: readonly Column[] = [cheap, middle, dear]
      const distinct = (name: 'bidder' | 'auction'): Column[] => [
        countDistinct(name).alias(`total_${name}s`),
        ...ranks.map((rank, i) => countDistinct(when(rank, col(name))).alias(`rank${i + 1}_${name}s`)),
      ]
      return n
        .stream('bid')
        .groupBy(day.alias('day'))
        .agg(
          count('*').alias('total_bids'),
          ...ranks.map((rank, i) => countWhere(rank).alias(`rank${i + 1}_bids`)),
          ...distinct('bidder'),
          ...distinct('auction'),
        )
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
  q21: {
    outputMode: 'append',
    build: n => {
      const channel = lower(col('channel'))
      const known = ['apple', 'google', 'facebook', 'baidu'].map((name, i) => [lit(name), lit(String(i))] as const)
      const id = known.reduceRight(
        (otherwise, [name, number]) => when(channel.equalTo(name), number).otherwise(otherwise),
        channelId('url'),
      )
      return n.stream('bid').select('auction', 'bidder', 'price', 'channel', id.alias('channel_id')).filter(col('channel_id').isNotNull())
    },
  },
  q22: {
    outputMode: 'append',
    build: n => {
      const dirs = [3, 4, 5].map((at, i) => urlPart(col('url'), lit(at)).alias(`dir${i + 1}`))
      return n.stream('bid').select('auction', 'bidder', 'price', 'channel', ...dirs)
    },
  },
  q101: {
    outputMode: 'append',
    build: n => {
      const best = n.table('bid').groupBy(col('auction').alias('best_auction')).agg(max('price').alias('current_highest_bid'))
      return n
        .stream('auction')
        .join(best, col('id').equalTo(col('best_auction')), 'leftOuter')
        .select(col('id').alias('auction_id'), col('item_name').alias('auction_item_name'), 'current_highest_bid')
    },
  },
  q102: {
    outputMode: 'complete',
    build: n => {
      const bids = n.table('bid').groupBy().agg(count('*').alias('bids'))
      const auctions = n.table('bid').select('auction').dropDuplicates().groupBy().agg(count('*').alias('auctions'))
      const mean = bids.join(auctions, lit(true), 'inner').select(floor(col('bids').divide(col('auctions'))).alias('mean'))
      return withItems(n, 1)
        .join(mean, lit(true), 'inner')
        .filter(col('bid_count').geq(col('mean')))
        .drop('mean')
    },
  },
  q103: {
    outputMode: 'complete',
    build: n => withItems(n, 20).select('auction_id', 'auction_item_name'),
  },
  q104: {
    outputMode: 'append',
    build: n => {
      const few = n.table('bid').groupBy(col('auction').alias('few')).agg(count('*').alias('bid_count')).filter(col('bid_count').lt(20))
      return n
        .stream('auction')
        .join(few, col('id').equalTo(col('few')), 'leftAnti')
        .select(col('id').alias('auction_id'), col('item_name').alias('auction_item_name'))
    },
  },
  q105: {
    outputMode: 'complete',
    build: n => withItems(n, 1),
  },
  q106: {
    outputMode: 'complete',
    build: n => closingPrices(n).groupBy().agg(min('final').alias('min_final')),
  },
}

/** What each of the others would need. */
export const nexmarkMissing: Readonly<Record<string, string>> = {
  q6_group_top1: 'operator row_number',
  q9: 'operator row_number',
  q16: 'aggregate count_distinct',
  q18: 'operator row_number',
  q19: 'operator row_number',
}

/** The highest bid of each auction while it was open. */
const closingPrices = (n: NexmarkInputs): DataFrame =>
  n
    .stream('bid')
    .join(
      n.table('auction').select('id', 'category', col('date_time').alias('opens'), 'expires'),
      col('auction')
        .equalTo(col('id'))
        .and(col('date_time').between(col('opens'), col('expires'))),
      'inner',
    )
    .groupBy('id', 'category')
    .agg(max('price').alias('final'))

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
