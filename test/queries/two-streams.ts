import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Column, col, type DataFrame, type Row, Trigger, WalkwaySession } from '../../src/index.ts'
import { type SeededRandom, seededRandom } from '../support/random.ts'
import { within } from '../support/within.ts'

/** Two streams of events, run through a query in random modes, stopped and started again at random. */

export interface Event {
  readonly id: number
  readonly key: string | null
  readonly at: number
}

export interface TwoStreams {
  readonly seed: number
  readonly master: string
  readonly name: string
  /** The columns of the sides are lId, lKey, lAt and rId, rKey, rAt. */
  readonly query: (left: DataFrame, right: DataFrame) => DataFrame
  /** A row that came out as text; null for one that has to do with the rows that end the streams, whose ids are negative. */
  readonly text: (row: Row) => string | null
  readonly expected: (lefts: readonly Event[], rights: readonly Event[]) => readonly string[]
}

const START = Date.UTC(2024, 0, 1)
const DISORDER = 1000
/** When the rows that end the streams are. */
export const END = START + 10_000_000
const SCHEMA = 'id INT, key STRING, at TIMESTAMP'
const schemaOf = (prefix: string): Column[] =>
  ['id', 'key', 'at'].map(name => col(name).alias(`${prefix}${name[0].toUpperCase()}${name.slice(1)}`))
const side = (frame: DataFrame, prefix: string): DataFrame => frame.withWatermark('at', DISORDER).select(...schemaOf(prefix))

const triggers = [Trigger.realTime(10), Trigger.realTime('1 hour'), Trigger.processingTime(0)]
export const masters = ['inline', 'local[1]', 'local[2]']

/** Rows of one moment, never behind by more than the watermark waits. */
const eventsAround = (random: SeededRandom, moment: number, first: number): Event[] =>
  Array.from({ length: random.below(8) }, (_, i) => ({
    id: first + i,
    key: random.below(8) === 0 ? null : `key ${random.below(4)}`,
    at: moment - random.below(DISORDER),
  }))

/** No row is late, so the answer must be exact. */
export const runTwoStreams = async (given: TwoStreams): Promise<void> => {
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-two-'))
  try {
    await runWith(checkpoint, given)
  } finally {
    rmSync(checkpoint, { recursive: true, force: true })
  }
}

const runWith = async (checkpoint: string, { seed, master, name, query: frameOf, text, expected }: TwoStreams): Promise<void> => {
  const random = seededRandom(seed)
  await using session = WalkwaySession.builder().master(master).create()
  const [left, right] = [session.memoryStream(SCHEMA), session.memoryStream(SCHEMA)]
  const found: string[] = []
  const frame = frameOf(side(left.toDF(), 'l'), side(right.toDF(), 'r'))
  const take = (row: Row): void => {
    const told = text(row)
    if (told !== null) found.push(told)
  }
  const start = () =>
    frame.writeStream
      .outputMode('append')
      .option('checkpointLocation', checkpoint)
      .trigger(triggers[random.below(triggers.length)])
      .foreach(take)
      .start()
  let query = await start()
  const state = (): string => `seed ${seed}, ${JSON.stringify(query.status)}`
  const [lefts, rights]: [Event[], Event[]] = [[], []]
  const add = (stream: typeof left, all: Event[], events: readonly Event[]): void => {
    all.push(...events)
    stream.addData(events.map(({ id, key, at }) => ({ id, key, at: new Date(at) })))
  }
  for (let round = 0, moment = START + DISORDER; round < 12; round++, moment += random.below(1500)) {
    add(left, lefts, eventsAround(random, moment, lefts.length))
    add(right, rights, eventsAround(random, moment, rights.length))
    switch (random.below(4)) {
      case 0:
        await within(query.processAllAvailable(), state)
        break
      case 1:
        query.setTrigger(triggers[random.below(triggers.length)])
        break
      case 2:
        await within(query.stop(), state)
        query = await start()
        break
      default:
    }
  }
  for (const stream of [left, right])
    stream.addData([{ id: -1, key: `the end of ${stream === left ? 'left' : 'right'}`, at: new Date(END) }])
  await within(query.processAllAvailable(), state)
  const wanted = [...expected(lefts, rights)].sort()
  // In real time the last watermark may still be on its way when the last row has been dealt with.
  for (let i = 0; i < 600 && found.length < wanted.length; i++) await new Promise(resolve => setTimeout(resolve, 50))
  await within(query.stop(), state)
  expect(found.sort(), `seed ${seed}, ${name}, ${master}`).toEqual(wanted)
  expect(wanted.length).toBeGreaterThan(0)
}
