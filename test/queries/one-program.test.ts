import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { committedFiles } from '../../src/connector/file-log.ts'
import { col, count, type DataFrame, type Row, type StreamingQuery, sum, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { addFile, type CountEvent, type CountFolders, countFolders, eventFiles } from '../support/windowed-count.ts'
import { within } from '../support/within.ts'

/**
 * One program, many lives: a windowed count over a file of disordered events, its masters, triggers, stops and restarts chosen by a seed.
 * However it was run, the final rows are those of plain JavaScript over all events, and those of the same program as a batch. With late
 * events in the input, what is missing must have been late; and where epochs are the same in each run (micro-batches of two files, all
 * there from the start), exactly those events are missing that are late by the rule of micro-batches, however often it was stopped.
 * WALKWAY_SEEDS=200 runs as many; WALKWAY_SEED=17 runs that one.
 */

const variants = ['append', 'update', 'complete', 'distinct', 'joined', 'sliding'] as const
type Variant = (typeof variants)[number]

/** `timely`: nothing is late. `late`: what is depends on the run. `steady`: late by a rule that stops and restarts do not change. */
type Input = 'timely' | 'late' | 'steady'
const inputs: readonly Input[] = ['timely', 'late', 'steady', 'timely', 'timely', 'timely']

const FILES_PER_EPOCH = 2

const SCHEMA = 'time TIMESTAMP, key STRING, value BIGINT'
const WINDOW_MILLIS = 1000
const DELAY_MILLIS = 2000
/** Of the sliding variant, which is kept as slices: windows end between the beginnings of others. */
const SLIDE_MILLIS = 300

/** The static table of the joined variant: not every key is in it. */
const rates = [0, 1, 2, 3, 4].map(k => ({ key: `k${k}`, rate: k * 10 }))

const program = (variant: Variant, events: DataFrame, session: WalkwaySession): DataFrame => {
  const timely = events.withWatermark('time', `${DELAY_MILLIS} milliseconds`)
  if (variant === 'distinct') return timely.dropDuplicates(['time', 'key']).select(col('time').alias('start'), 'key', 'value')
  const table = session.createDataFrame(rates, 'key STRING, rate BIGINT')
  const input = variant === 'joined' ? timely.join(table, 'key').withColumn('value', col('value').plus(col('rate'))) : timely
  return input
    .groupBy(window('time', `${WINDOW_MILLIS} milliseconds`, `${slideOf(variant)} milliseconds`), 'key')
    .agg(count('*').alias('events'), sum('value').alias('total'))
    .select('window.start', 'key', 'events', 'total')
}

const slideOf = (variant: Variant): number => (variant === 'sliding' ? SLIDE_MILLIS : WINDOW_MILLIS)

/** The windows that an event falls in, each with its key. */
const groupsOf = ({ time, key }: CountEvent, slide: number): string[] => {
  const ids: string[] = []
  for (let start = Math.floor(time / slide) * slide; start > time - WINDOW_MILLIS; start -= slide)
    ids.push(`${new Date(start).toISOString()} ${key}`)
  return ids
}

const idOf = (row: Row): string => `${new Date(row.start as string).toISOString()} ${row.key}`

/** Group to its row as text, from plain JavaScript. */
const expected = (variant: Variant, events: readonly CountEvent[]): Map<string, { events: number; total: number }> => {
  const groups = new Map<string, { events: number; total: number }>()
  for (const event of events) {
    if (event.key === 'end') continue
    const rate = variant === 'joined' ? rates.find(({ key }) => key === event.key)?.rate : 0
    if (rate === undefined) continue
    for (const id of groupsOf(event, slideOf(variant))) {
      const group = groups.get(id) ?? { events: 0, total: 0 }
      groups.set(id, { events: group.events + 1, total: group.total + event.value + rate })
    }
  }
  return groups
}

const lines = (groups: ReadonlyMap<string, { events: number; total: number }>): string[] =>
  [...groups].map(([id, { events, total }]) => `${id} ${events} ${total}`).sort()

const visibleRows = async (output: string): Promise<Row[]> => {
  const rows: Row[] = []
  for (const { path } of await committedFiles(output, Number.POSITIVE_INFINITY))
    for (const line of readFileSync(join(output, path), 'utf8').split('\n')) if (line !== '') rows.push(JSON.parse(line))
  return rows.filter(row => row.key !== 'end')
}

/** Those that take so many files an epoch, and no more. */
const steadyTriggers: readonly Trigger[] = [Trigger.processingTime(0), Trigger.processingTime('20 milliseconds'), Trigger.availableNow()]
const triggers: readonly Trigger[] = [
  ...steadyTriggers,
  Trigger.realTime('10 milliseconds'),
  Trigger.realTime('60 milliseconds'),
  Trigger.realTime('1 hour'),
  Trigger.once(),
]

const keepsOn = (query: StreamingQuery): boolean => query.trigger.kind !== 'availableNow' && query.trigger.kind !== 'once'

/** The rows of sinks in this thread: the newest of each group, and those of the last batch. */
class Caller {
  readonly newest = new Map<string, { events: number; total: number }>()
  batch = new Map<string, { events: number; total: number }>()
}

const start = async (variant: Variant, master: string, folders: CountFolders, first: Trigger, caller: Caller): Promise<StreamingQuery> => {
  const session = WalkwaySession.builder().master(master).config('durability', 'process').create()
  const events = session.readStream.schema(SCHEMA).option('maxFilesPerTrigger', FILES_PER_EPOCH).json(folders.input)
  const writer = program(variant, events, session).writeStream.option('checkpointLocation', folders.checkpoint).trigger(first)
  const valuesOf = (row: Row): { events: number; total: number } => ({ events: Number(row.events), total: Number(row.total) })
  if (variant === 'update') {
    return writer
      .outputMode('update')
      .foreach(row => {
        if (row.key !== 'end') caller.newest.set(idOf(row), valuesOf(row))
      })
      .start()
  }
  if (variant === 'complete') {
    return writer
      .outputMode('complete')
      .foreachBatch(async batch => {
        const rows = await batch.collect()
        caller.batch = new Map(rows.filter(row => row.key !== 'end').map(row => [idOf(row), valuesOf(row)]))
      })
      .start()
  }
  return writer.outputMode('append').format('json').start(folders.output)
}

/** Lives the program's life as the seed has it; the log says what it was. */
const live = async (
  variant: Variant,
  input: Input,
  files: CountEvent[][],
  random: SeededRandom,
  folders: CountFolders,
  log: string[],
): Promise<Caller> => {
  const caller = new Caller()
  let added = 0
  const add = (most: number): void => {
    for (let i = 0; i < most && added < files.length; i++) addFile(folders, added, files[added++])
  }
  const choice = input === 'steady' ? steadyTriggers : triggers
  const lastChoice = input === 'steady' ? steadyTriggers : [...steadyTriggers, Trigger.realTime('20 milliseconds')]
  if (input === 'steady') add(files.length)
  for (let life = 1 + random.below(4); life >= 0; life--) {
    const isLast = life === 0
    const master = random.pick(['inline', 'local[1]', 'local[2]'])
    const first = random.pick(isLast ? lastChoice : choice)
    log.push(`${master} ${JSON.stringify(first)}`)
    add(1 + random.below(3))
    if (isLast) add(files.length)
    const query = await within(start(variant, master, folders, first, caller), () => log.join('; '))
    const state = (): string => `${log.join('; ')}; ${JSON.stringify(query.status)} ${JSON.stringify(query.lastProgress)}`
    if (!isLast) {
      for (let turn = random.below(4); turn > 0 && query.isActive; turn--) {
        const next = random.pick(choice)
        log.push(`→ ${JSON.stringify(next)}`)
        if (query.isActive) query.setTrigger(next)
        add(random.below(3))
        await pause(random.below(30))
      }
    }
    if (isLast || random.below(3) === 0) {
      const ended = keepsOn(query)
        ? query.processAllAvailable().catch(error => {
            if (query.exception !== null || isLast) throw error
          })
        : query.awaitTermination()
      await within<unknown>(ended, state)
    }
    await within(query.stop(), state)
    if (query.exception !== null) throw query.exception
  }
  return caller
}

const run = async (seed: number): Promise<void> => {
  const random = seededRandom(seed)
  const variant = variants[seed % variants.length]
  // An event may be late for some of its windows only; that is for the tests of operators.
  const input = variant === 'sliding' ? 'timely' : inputs[Math.floor(seed / variants.length) % inputs.length]
  const files = eventFiles(random, 3 + random.below(6), 1 + random.below(120))
  if (input !== 'timely')
    for (const file of files.slice(0, -2))
      for (const event of file) if (random.below(10) === 0) (event as { time: number }).time -= 3000 + random.below(9000)
  const folders = await countFolders()
  const log: string[] = [`seed ${seed}, ${variant}, ${input}`]
  try {
    const caller = await live(variant, input, files, random, folders, log)
    const rows = variant === 'update' ? caller.newest : variant === 'complete' ? caller.batch : await visibleRows(folders.output)
    const batch = await asBatch(variant, random.pick(['inline', 'local[1]', 'local[2]']), folders)
    if (variant === 'distinct') checkDistinct(rows as Row[], batch, input, files, log.join('; '))
    else checkGroups(variant, rows instanceof Map ? rows : grouped(rows, log.join('; ')), batch, input, files, log.join('; '))
  } finally {
    folders.remove()
  }
}

/** The same program with `read` for `readStream` and `write` for `writeStream`: what it wrote. */
const asBatch = async (variant: Variant, master: string, folders: CountFolders): Promise<Row[]> => {
  const session = WalkwaySession.builder().master(master).create()
  const output = join(folders.root, 'batch')
  await program(variant, session.read.schema(SCHEMA).json(folders.input), session).write.json(output)
  return visibleRows(output)
}

const checkGroups = (
  variant: Variant,
  found: ReadonlyMap<string, { events: number; total: number }>,
  batch: readonly Row[],
  input: Input,
  files: readonly (readonly CountEvent[])[],
  log: string,
): void => {
  const events = files.flat()
  const wanted = expected(variant, events)
  expect(lines(grouped(batch, `as a batch: ${log}`)), `as a batch: ${log}`).toEqual(lines(wanted))
  if (input === 'timely' || variant === 'complete') {
    expect(lines(found), log).toEqual(lines(wanted))
    return
  }
  if (input === 'steady') {
    expect(lines(found), log).toEqual(lines(expected(variant, timelyByEpoch(files, WINDOW_MILLIS))))
    return
  }
  // Each event that is missing was behind the watermark in the strictest of modes: that which flows.
  const late = expected(variant, lateEvents(events, WINDOW_MILLIS))
  for (const [id, { events: most }] of wanted) {
    const missing = most - (found.get(id)?.events ?? 0)
    expect(missing, `${id}: ${log}`).toBeGreaterThanOrEqual(0)
    expect(missing, `${id}: ${log}`).toBeLessThanOrEqual(late.get(id)?.events ?? 0)
  }
  for (const id of found.keys()) expect(wanted.has(id), `${id}: ${log}`).toBe(true)
}

const checkDistinct = (
  found: readonly Row[],
  batch: readonly Row[],
  input: Input,
  files: readonly (readonly CountEvent[])[],
  log: string,
): void => {
  const idsOf = (events: readonly CountEvent[]): string[] => {
    const ids = events.filter(({ key }) => key !== 'end').map(({ time, key }) => `${new Date(time).toISOString()} ${key}`)
    return [...new Set(ids)].sort()
  }
  const rows = found.map(row => idOf(row)).sort()
  const all = idsOf(files.flat())
  expect(batch.map(idOf).sort(), `as a batch: ${log}`).toEqual(all)
  if (input !== 'late') {
    expect(rows, log).toEqual(input === 'timely' ? all : idsOf(timelyByEpoch(files, 0)))
    return
  }
  expect(new Set(rows).size, log).toBe(rows.length)
  const late = idsOf(lateEvents(files.flat(), 0))
  expect(
    all.filter(id => !rows.includes(id) && !late.includes(id)),
    log,
  ).toEqual([])
  expect(
    rows.filter(id => !all.includes(id)),
    log,
  ).toEqual([])
}

/** Rows of an append: one a group. */
const grouped = (rows: readonly Row[], log: string): Map<string, { events: number; total: number }> => {
  const groups = new Map<string, { events: number; total: number }>()
  for (const row of rows) {
    expect(groups.has(idOf(row)), `${idOf(row)} came twice: ${log}`).toBe(false)
    groups.set(idOf(row), { events: Number(row.events), total: Number(row.total) })
  }
  return groups
}

/** Until when an event counts: the end of its window, or its own time. */
const endOf = ({ time }: CountEvent, windowMillis: number): number =>
  windowMillis === 0 ? time : (Math.floor(time / windowMillis) + 1) * windowMillis

/** Events whose window had ended at the largest time before them, less the delay. */
const lateEvents = (events: readonly CountEvent[], windowMillis: number): CountEvent[] => {
  let largest = Number.NEGATIVE_INFINITY
  return events.filter(event => {
    const isLate = endOf(event, windowMillis) <= largest - DELAY_MILLIS
    largest = Math.max(largest, event.time)
    return isLate
  })
}

/** Events that micro-batches of so many files take: an epoch drops what ended at or before the watermark under which the one before ran. */
const timelyByEpoch = (files: readonly (readonly CountEvent[])[], windowMillis: number): CountEvent[] => {
  let [before, current, next] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const timely: CountEvent[] = []
  for (let from = 0; from < files.length; from += FILES_PER_EPOCH) {
    const events = files.slice(from, from + FILES_PER_EPOCH).flat()
    timely.push(...events.filter(event => endOf(event, windowMillis) > before))
    next = Math.max(next, ...events.map(({ time }) => time - DELAY_MILLIS))
    before = current
    current = next
  }
  return timely
}

test.each(seeds(15))('however it is run, one program gives the same final rows (seed %i)', run)
