import { type Column, coalesce, col, type DataFrame, hash, lit, timestampMicros, type WalkwaySession, when } from 'walkway'

/**
 * Card payments that nobody made: each is a function of its number alone, so every run and every mode sees the same ones. Most are small
 * purchases with one of 50,000 cards. Every thousandth belongs to a thief, who uses one card for 40 payments (8 s at 5,000 a second) and
 * then the next one: in turn a thief who tries a card with many tiny payments online, and one who empties it in a few dear purchases.
 */
const CARDS = 50_000
const THIEF_EVERY = 1000
const PAYMENTS_PER_THEFT = 40_000

/** Event time: payment 0 is made at noon, and 5,000 follow a second, whatever the speed at which they are replayed. */
const FIRST_MICROS = Date.UTC(2027, 0, 4, 12) * 1000
const MICROS_BETWEEN = 200
/** A payment may be reported up to this much later than it was made. */
const MOST_DISORDER_MICROS = 500_000

const CATEGORIES = ['groceries', 'fuel', 'travel', 'electronics', 'online']

/** What is usual within one window, by category of merchant: more payments than that, or more money, is a reason to look. */
export const rules = (session: WalkwaySession): DataFrame =>
  session.createDataFrame(
    [
      { category: 'groceries', maxCount: 12, maxCents: 90_000 },
      { category: 'fuel', maxCount: 12, maxCents: 60_000 },
      { category: 'travel', maxCount: 12, maxCents: 400_000 },
      { category: 'electronics', maxCount: 12, maxCents: 300_000 },
      { category: 'online', maxCount: 10, maxCents: 150_000 },
    ],
    'category STRING NOT NULL, maxCount BIGINT NOT NULL, maxCents BIGINT NOT NULL',
  )

/** Payments from their numbers: a bigint column of the given name. */
export const paymentsOf = (numbers: DataFrame, number: string): DataFrame => {
  const id = col(number)
  /** A number below `below` that looks like chance: Spark's Murmur3 of the payment's number and a salt. */
  const chance = (salt: string, below: number, of: Column = id): Column =>
    hash(of, lit(salt))
      .cast('bigint')
      .plus(2 ** 31)
      .mod(below)
  const theft = id.minus(id.mod(PAYMENTS_PER_THEFT)).divide(PAYMENTS_PER_THEFT).cast('bigint')
  const isThief = id.mod(THIEF_EVERY).equalTo(7)
  const isTrying = theft.mod(2).equalTo(0)
  const category = CATEGORIES.slice(1).reduce(
    (choice, name, i) => choice.when(chance('category', CATEGORIES.length).equalTo(i + 1), name),
    when(chance('category', CATEGORIES.length).equalTo(0), CATEGORIES[0]),
  )
  return numbers.select(
    when(isThief, chance('thief', CARDS, theft))
      .otherwise(chance('card', CARDS))
      .alias('card'),
    coalesce(when(isThief, when(isTrying, 'online').otherwise('electronics')), category).alias('category'),
    when(isThief, when(isTrying, chance('tiny', 200)).otherwise(chance('dear', 20_000).plus(40_000)))
      .otherwise(chance('cents', 8000).plus(150))
      .alias('cents'),
    timestampMicros(id.multiply(MICROS_BETWEEN).plus(FIRST_MICROS).minus(chance('delay', MOST_DISORDER_MICROS))).alias('time'),
  )
}
