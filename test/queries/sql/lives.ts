import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { committedFiles } from '../../../src/connector/file-log.ts'
import { type DataFrame, type Row, type StreamingQuery, Trigger, udf, WalkwaySession } from '../../../src/index.ts'
import type { SeededRandom } from '../../support/random.ts'
import { within } from '../../support/within.ts'
import { type Data, DISORDER_MILLIS, EVENT_SCHEMA, rowOf, TABLE_SCHEMA } from './data.ts'
import type { Query } from './random-query.ts'
import { frameOf } from './relation.ts'
import { textOf, textsOf } from './rows.ts'

/** The ways to run a query, each giving its final rows as sorted texts. `log` says what was done. */

const isEvent = udf((id: number) => id >= 0, 'BOOLEAN')

/**
 * The rows that end the streams move the watermark, and go no further. Conditions go below a watermark, but not one that asks a user
 * function, nor others past it.
 */
const eventsOf = (frame: DataFrame): DataFrame => frame.withWatermark('at', DISORDER_MILLIS).filter(isEvent('id'))

const tableOf = ({ table }: Data, session: WalkwaySession): DataFrame =>
  session.createDataFrame(
    table.map(row => ({ ...row })),
    TABLE_SCHEMA,
  )

/** From files to files. */
export const asBatch = async ({ relation, fields }: Query, data: Data, master: string, root: string): Promise<string[]> => {
  await using session = WalkwaySession.builder().master(master).create()
  const stream = (i: 0 | 1): DataFrame => {
    const folder = join(root, `in-${i}`)
    mkdirSync(folder)
    for (const [round, events] of data.rounds.entries())
      writeFileSync(join(folder, `${round}.json`), events[i].map(event => `${JSON.stringify(rowOf(event))}\n`).join(''))
    return eventsOf(session.read.schema(EVENT_SCHEMA).json(folder))
  }
  const output = join(root, 'out')
  await frameOf(relation, { streams: [stream(0), stream(1)], table: tableOf(data, session) }).write.json(output)
  const rows: Row[] = []
  for (const { path } of await committedFiles(output, Number.POSITIVE_INFINITY))
    for (const line of readFileSync(join(output, path), 'utf8').split('\n')) if (line !== '') rows.push(JSON.parse(line))
  return textsOf(rows, fields)
}

const triggersOf = {
  microBatch: [Trigger.processingTime(0), Trigger.processingTime('10 milliseconds')],
  realTime: [Trigger.realTime('10 milliseconds'), Trigger.realTime('1 hour')],
} as const

interface Life {
  readonly query: Query
  readonly data: Data
  readonly mode: keyof typeof triggersOf
  readonly master: string
  readonly checkpoint: string
  readonly random: SeededRandom
  readonly expected: readonly string[]
  readonly log: string[]
}

/** What has come out so far. */
class Found {
  readonly #query: Query
  readonly #appended: string[] = []
  readonly #newest = new Map<string, string>()
  #whole: string[] = []

  constructor(query: Query) {
    this.#query = query
  }

  take(row: Row): void {
    const { fields, keys, outputMode } = this.#query
    const text = textOf(row, fields)
    if (outputMode === 'append') this.#appended.push(text)
    else
      this.#newest.set(
        textOf(
          row,
          fields.filter(({ name }) => keys.includes(name)),
        ),
        text,
      )
  }

  takeAll(rows: readonly Row[]): void {
    this.#whole = textsOf(rows, this.#query.fields)
  }

  get texts(): string[] {
    const { outputMode } = this.#query
    return outputMode === 'append' ? [...this.#appended].sort() : outputMode === 'update' ? [...this.#newest.values()].sort() : this.#whole
  }
}

/** As a stream that comes round by round, in epochs as they happen to be, now and then stopped and started again. */
export const asStream = async ({ query, data, mode, master, checkpoint, random, expected, log }: Life): Promise<string[]> => {
  await using session = WalkwaySession.builder().master(master).config('durability', 'process').create()
  const inputs = [session.memoryStream(EVENT_SCHEMA), session.memoryStream(EVENT_SCHEMA)] as const
  const [left, right] = inputs
  const found = new Found(query)
  const frame = frameOf(query.relation, { streams: [eventsOf(left.toDF()), eventsOf(right.toDF())], table: tableOf(data, session) })
  const start = (): Promise<StreamingQuery> => {
    const trigger = random.pick<Trigger>(triggersOf[mode])
    log.push(`start ${JSON.stringify(trigger)}`)
    const writer = frame.writeStream.outputMode(query.outputMode).option('checkpointLocation', checkpoint).trigger(trigger)
    if (query.outputMode !== 'complete') return writer.foreach(row => found.take(row)).start()
    return writer.foreachBatch(async batch => found.takeAll(await batch.collect())).start()
  }
  let running = await start()
  const state = (): string => `${log.join('; ')}; ${JSON.stringify(running.status)}`
  for (const round of data.rounds) {
    for (const i of [0, 1] as const) {
      inputs[i].addData(round[i].map(rowOf))
      if (random.below(4) === 0) await within(running.processAllAvailable(), state)
    }
    // Not between the rows that end the streams: as in Spark, how far each stream has come is not known after a restart.
    if (round === data.rounds.at(-1) || random.below(6) > 0) continue
    log.push('stop')
    await within(running.stop(), state)
    running = await start()
  }
  await within(running.processAllAvailable(), state)
  // In real time the last watermark may still be on its way when the last row has been dealt with.
  for (let i = 0; i < 100 && found.texts.join('\n') !== expected.join('\n'); i++) await new Promise(resolve => setTimeout(resolve, 20))
  await within(running.stop(), state)
  if (running.exception !== null) throw running.exception
  return found.texts
}
