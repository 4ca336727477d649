import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rangeSource } from '../../src/connector/range-source.ts'
import {
  type ColumnReader,
  type EngineError,
  type ObjectWriterSink,
  registerSink,
  registerSource,
  type SinkCommitter,
  Ticket,
  Trigger,
  WalkwaySession,
} from '../../src/index.ts'
import { type CountFolders, countFolders } from '../support/windowed-count.ts'
import { within } from '../support/within.ts'

// Goal: a connector that somebody else has written throws what it likes, wherever it is called; the query starts again by itself and a
// sink that keeps its side of the contract has each row once. One that always throws ends the query with a code. Method: a source and a
// sink that fail on command at each of their calls.

const ROWS = 500
let folders: CountFolders
/** How many calls of a place go well, and how many fail then. */
const orders = new Map<string, { good: number; bad: number }>()
let failed = 0
/** What a transaction of the sink's has made visible, by epoch. */
const visible = new Map<number, readonly unknown[]>()

const fail = (place: string): void => {
  const order = orders.get(place)
  if (order === undefined || order.good-- > 0 || order.bad-- <= 0) return
  failed++
  throw new Error(`told to fail at ${place}`)
}

const flakySource = {
  ...rangeSource,
  name: 'flaky',
  open: (context: Parameters<typeof rangeSource.open>[0]) => {
    fail('source.open')
    const reader = rangeSource.open(context) as ColumnReader
    const { poll, position } = { poll: reader.poll.bind(reader), position: reader.position.bind(reader) }
    reader.poll = (out, budget) => {
      const count = poll(out, Math.min(budget, 7))
      fail('source.poll')
      return count
    }
    reader.position = () => {
      fail('source.position')
      return position()
    }
    return reader
  },
}

class FlakyWriter implements ObjectWriterSink {
  readonly rows = 'objects'
  #current: unknown[] = []
  #count = 0

  open(): Ticket<void> {
    fail('sink.open')
    return Ticket.of(undefined)
  }

  beginEpoch(): void {}

  offer(row: Record<string, unknown>): boolean {
    fail('sink.offer')
    this.#current.push(row.id)
    this.#count++
    return true
  }

  step(): boolean {
    return false
  }

  prepare(): Ticket<unknown> {
    const ticket = new Ticket<unknown>()
    try {
      fail('sink.prepare')
      ticket.complete(this.#current)
    } catch (error) {
      ticket.fail(error)
    }
    this.#current = []
    return ticket
  }

  offeredCount(): number {
    return this.#count
  }

  acknowledgedCount(): number {
    return this.#count
  }

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

const committer: SinkCommitter = {
  commit: async (epoch, tokens) => {
    fail('committer.commit, before')
    if (!visible.has(epoch)) visible.set(epoch, tokens.flat())
    fail('committer.commit, after')
  },
  recover: async () => {
    fail('committer.recover')
  },
  close: async () => {},
}

registerSource(flakySource)
registerSink({
  name: 'flaky',
  describe: async () => ({
    home: 'caller',
    rows: 'objects',
    maxWriters: 1,
    guarantee: 'exactly-once',
    outputModes: ['append'],
    label: 'flaky',
  }),
  open: () => new FlakyWriter(),
  committer: () => committer,
})

beforeEach(async () => {
  folders = await countFolders()
  visible.clear()
  orders.clear()
  failed = 0
})

afterEach(() => folders.remove())

const start = (trigger: Trigger, maxRestarts: number) =>
  WalkwaySession.builder()
    .master('inline')
    .create()
    .readStream.format('flaky')
    .option('end', ROWS)
    .load()
    .writeStream.format('flaky')
    .options({ checkpointLocation: join(folders.root, 'cp'), durability: 'process', maxRestarts })
    .trigger(trigger)
    .start()

/** Each with what makes the failure come about. */
const places: readonly { readonly at: string; readonly orders: Readonly<Record<string, { good: number; bad: number }>> }[] = [
  ...['source.open', 'sink.open', 'sink.prepare', 'committer.commit, before', 'committer.commit, after'].map(at => ({
    at,
    orders: { [at]: { good: 0, bad: 2 } },
  })),
  ...['source.poll', 'sink.offer'].map(at => ({ at, orders: { [at]: { good: 20, bad: 2 } } })),
  // The first call is of the start.
  { at: 'source.position', orders: { 'source.position': { good: 1, bad: 2 } } },
  { at: 'committer.recover', orders: { 'committer.recover': { good: 1, bad: 2 }, 'sink.offer': { good: 30, bad: 1 } } },
]
const triggers = [
  { name: 'micro-batch', trigger: Trigger.availableNow() },
  { name: 'real time', trigger: Trigger.realTime(10) },
]
const cases = triggers.flatMap(mode => places.map(place => ({ ...mode, ...place })))

const give = (given: (typeof places)[number]['orders']): void => {
  for (const [place, order] of Object.entries(given)) orders.set(place, { ...order })
}

const seen = (): unknown[] => [...visible.values()].flat().sort((a, b) => Number(a) - Number(b))
const wanted = Array.from({ length: ROWS }, (_, i) => i)

test.each(cases)('one that fails twice: the query goes on, each row once: $at, $name', async place => {
  give(place.orders)
  const query = await start(place.trigger, 5)
  await within(query.awaitTermination(), () => JSON.stringify(query.status))
  expect(failed).toBeGreaterThan(1)
  expect(seen()).toEqual(wanted)
})

test.each(cases)('one that fails for ever: the query ends with a code, and goes on when it is mended: $at, $name', async place => {
  give(Object.fromEntries(Object.entries(place.orders).map(([at, { good }]) => [at, { good, bad: Number.POSITIVE_INFINITY }])))
  const error = await within(
    start(place.trigger, 1)
      .then(query => query.awaitTermination())
      .then(
        () => null,
        (reason: EngineError) => reason,
      ),
    () => place.at,
  )
  expect(error).toMatchObject({ code: 'RESTART_LIMIT', message: expect.stringContaining('told to fail'), cause: { code: 'INTERNAL' } })
  orders.clear()
  const query = await start(Trigger.availableNow(), 0)
  await within(query.awaitTermination(), () => JSON.stringify(query.status))
  expect(seen()).toEqual(wanted)
})

test('without a restart the error has a code as well', async () => {
  give({ 'committer.commit, before': { good: 0, bad: 1 } })
  const query = await start(Trigger.availableNow(), 0)
  await expect(within(query.awaitTermination(), () => JSON.stringify(query.status))).rejects.toMatchObject({ code: 'INTERNAL' })
  expect(query.exception).toMatchObject({ code: 'INTERNAL', cause: { message: 'told to fail at committer.commit, before' } })
})
