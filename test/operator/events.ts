import { decimalType, field, type StructType, structType } from '../../src/record/data-type.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import type { SeededRandom } from '../support/random.ts'

/** Rows that operators have a hard time with: few keys, many nulls, disorder. */

export const eventSchema: StructType = structType([
  field('id', { kind: 'long' }, false),
  field('key', { kind: 'string' }),
  field('n', { kind: 'integer' }),
  field('big', { kind: 'long' }),
  field('x', { kind: 'double' }),
  field('price', decimalType(10, 2)),
  field('huge', decimalType(30, 3)),
  field('flag', { kind: 'boolean' }),
  field('day', { kind: 'date' }),
  field('bytes', { kind: 'binary' }),
  field('at', { kind: 'timestamp' }),
])

export const START = Date.UTC(2024, 0, 1)

export interface EventOptions {
  /** How far behind the latest row a row may come, in millis. */
  readonly disorder: number
  /** Keys are numbers below this, as text. */
  readonly keys: number
}

/** `count` rows, one every 100 ms of event time on the average. */
export const randomEvents = (random: SeededRandom, count: number, { disorder, keys }: EventOptions): UserRow[] => {
  let latest = START
  const orNull = <T>(value: T): T | null => (random.below(6) === 0 ? null : value)
  return Array.from({ length: count }, (_, id) => {
    latest += random.below(200)
    return {
      id,
      key: orNull(`key ${'of some length '.repeat(random.below(3))}${random.below(keys)}`.slice(0, 24)),
      n: orNull(random.below(100) - 50),
      big: orNull(random.pick<number | bigint>([random.below(1000), 2n ** 53n + 1n, -(2n ** 54n)])),
      x: orNull(random.pick([random.next() * 100, 0, -0, Number.NaN, -1.5])),
      price: orNull((random.below(20_000) / 100 - 100).toFixed(2)),
      huge: orNull(`${random.pick(['', '-', '123456789012345678901'])}${random.below(9)}.125`),
      flag: orNull(random.below(2) === 0),
      day: orNull(new Date(Date.UTC(2024, 0, 1 + random.below(5)))),
      bytes: orNull(Uint8Array.from({ length: random.below(6) }, () => random.below(3))),
      at: random.below(20) === 0 ? null : new Date(latest - random.below(disorder + 1)),
    }
  })
}

/** Cuts rows at random borders, some parts empty. */
export const cutRandomly = <T>(random: SeededRandom, rows: readonly T[], parts: number): T[][] => {
  const borders = Array.from({ length: parts - 1 }, () => random.below(rows.length + 1)).sort((a, b) => a - b)
  return [0, ...borders].map((from, i) => rows.slice(from, borders[i] ?? rows.length))
}
