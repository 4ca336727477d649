import type { Row } from '../../../src/index.ts'
import type { SeededRandom } from '../../support/random.ts'

/** Two streams of random events, none of them late, and a static table. Times are millis here, as they are in SQL. */

export const START = Date.UTC(2024, 0, 1)
/** When the rows are that end the streams. */
const END = START + 10_000_000
/** How long rows may be late, and the most that they are. */
export const DISORDER_MILLIS = 1000

export const EVENT_SCHEMA = 'id BIGINT, at TIMESTAMP, k STRING, g INT, n BIGINT, x DOUBLE, s STRING, b BOOLEAN'
export const TABLE_SCHEMA = 't_k STRING, t_g BIGINT, t_v BIGINT'

export interface Event {
  readonly id: number
  readonly at: number | null
  readonly k: string | null
  readonly g: number | null
  readonly n: number | null
  readonly x: number | null
  readonly s: string | null
  readonly b: boolean | null
}

export interface TableRow {
  readonly t_k: string | null
  readonly t_g: number | null
  readonly t_v: number | null
}

export interface Data {
  /** By round, for each of the two streams. The last round has the rows that end them: their ids are negative. */
  readonly rounds: readonly (readonly [readonly Event[], readonly Event[]])[]
  readonly table: readonly TableRow[]
}

const TEXTS = ['', 'a', 'b', 'ab', 'Abba', ' b ', '日本', 'a🙂b', "it's", 'a long text that does not fit into eighteen bytes']

export const randomData = (random: SeededRandom): Data => {
  const [keys, nullTimes] = [2 + random.below(5), random.below(4) === 0]
  const maybe = <T>(value: T, share = 8): T | null => (random.below(share) === 0 ? null : value)
  const keyText = (): string | null => maybe(`k${random.below(keys)}`)
  const eventsAround = (moment: number, first: number): Event[] => {
    const events: Event[] = []
    for (let i = random.below(9); i > 0; i--) {
      // Now and then the same row again.
      if (events.length > 0 && random.below(7) === 0) events.push(random.pick(events))
      else
        events.push({
          id: first + events.length,
          at: nullTimes ? maybe(moment - random.below(DISORDER_MILLIS), 12) : moment - random.below(DISORDER_MILLIS),
          k: keyText(),
          g: maybe(random.below(4) - 1),
          n: maybe(random.below(12) === 0 ? random.below(2001) - 1000 : random.below(13) - 6),
          // Quarters: their sums are exact in any order.
          x: maybe((random.below(81) - 40) / 4),
          s: maybe(random.pick(TEXTS)),
          b: maybe(random.below(2) === 0),
        })
    }
    return events
  }
  const rounds: [Event[], Event[]][] = []
  let moment = START + random.below(5000) + DISORDER_MILLIS
  for (let round = 6 + random.below(8); round > 0; round--) {
    rounds.push([eventsAround(moment, rounds.length * 10), eventsAround(moment, rounds.length * 10)])
    moment += random.below(1500)
  }
  const end: Event = { id: -1, at: END, k: null, g: null, n: null, x: null, s: null, b: null }
  const table = Array.from({ length: random.below(8) }, () => ({
    t_k: keyText(),
    t_g: maybe(random.below(4) - 1),
    t_v: maybe(random.below(21) - 10),
  }))
  return { rounds: [...rounds, [[end], [end]]], table }
}

/** An event as a program gets it. */
export const rowOf = (event: Event): Row => ({ ...event, at: event.at === null ? null : new Date(event.at) })
