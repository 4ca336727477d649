import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import {
  type MemoryStream,
  type ObjectWriterSink,
  registerSink,
  type StreamingQuery,
  Ticket,
  Trigger,
  WalkwaySession,
} from '../../src/index.ts'
import { until } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: rows flow while the last micro-batch before real time is still being committed, and whatever becomes of that commit, each row is
// there once. Method: a sink whose commits wait at a gate, and then go well, fail, or are overtaken by a stop or by another trigger.

const root = mkdtempSync(join(tmpdir(), 'walkway-slow-commit-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Rows in the order in which the sink was offered them. */
let offered: number[] = []
/** What has been committed, by epoch, in the order of the commits. */
const visible = new Map<number, number[]>()
/** Holds commits up from the row with this id on; what the gate opens with decides what becomes of the commit. */
let gate: { readonly from: number; readonly opened: Promise<void>; open(error?: Error): void; waiting: boolean }

const closeGate = (from: number): void => {
  let open: (error?: Error) => void = () => {}
  const opened = new Promise<void>((resolve, reject) => {
    open = error => (error === undefined ? resolve() : reject(error))
  })
  opened.catch(() => {})
  gate = { from, opened, open, waiting: false }
}

class Writer implements ObjectWriterSink {
  readonly rows = 'objects'
  #current: number[] = []
  #count = 0

  open(): Ticket<void> {
    return Ticket.of(undefined)
  }

  beginEpoch(): void {}

  offer(row: Record<string, unknown>): boolean {
    offered.push(Number(row.id))
    this.#current.push(Number(row.id))
    this.#count++
    return true
  }

  step(): boolean {
    return false
  }

  prepare(): Ticket<unknown> {
    const rows = this.#current
    this.#current = []
    return Ticket.of(rows)
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

registerSink({
  name: 'gated',
  describe: async () => ({
    home: 'caller',
    rows: 'objects',
    maxWriters: 1,
    guarantee: 'exactly-once',
    outputModes: ['append'],
    label: 'gated',
  }),
  open: () => new Writer(),
  committer: () => ({
    commit: async (epoch, tokens) => {
      const rows = tokens.flat() as number[]
      if (rows.some(id => id >= gate.from)) {
        gate.waiting = true
        await gate.opened
      }
      if (!visible.has(epoch)) visible.set(epoch, rows)
    },
    recover: async () => {},
    close: async () => {},
  }),
})

beforeEach(() => {
  offered = []
  visible.clear()
})

let runs = 0
const state = (query: StreamingQuery) => (): string => JSON.stringify(query.status)
const idsTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id)
const seen = (): number[] => [...visible.values()].flat()

/** A query in micro-batches whose commit of row 0 waits at the gate, and which has been told to go over to real time. */
const overtaking = async (): Promise<{ query: StreamingQuery; stream: MemoryStream }> => {
  closeGate(0)
  const stream = WalkwaySession.builder().master('inline').create().memoryStream('id INT NOT NULL')
  const query = await stream
    .toDF()
    .writeStream.format('gated')
    .options({ checkpointLocation: join(root, `cp${runs++}`), durability: 'process', maxRestarts: 3 })
    .trigger(Trigger.processingTime(0))
    .start()
  stream.addData([{ id: 0 }])
  await until(() => gate.waiting)
  query.setTrigger(Trigger.realTime('1 hour'))
  stream.addData([{ id: 1 }, { id: 2 }])
  await until(() => offered.length === 3)
  expect(seen()).toEqual([])
  return { query, stream }
}

test('rows flow beside the commit, which then goes well', async () => {
  const { query, stream } = await overtaking()
  gate.open()
  await until(() => visible.size === 1)
  stream.addData([{ id: 3 }])
  await until(() => offered.length === 4)
  await within(query.processAllAvailable(), state(query))
  expect([...visible]).toEqual([
    [0, [0]],
    [1, [1, 2, 3]],
  ])
  expect(query.recentProgress.map(({ mode, numInputRows }) => [mode, numInputRows])).toEqual([
    ['microBatch', 1],
    ['realTime', 3],
  ])
  await query.stop()
})

test('the commit fails: the query starts again, and each row is there once', async () => {
  const { query, stream } = await overtaking()
  gate.open(new Error('told to fail'))
  closeGate(Number.POSITIVE_INFINITY)
  stream.addData([{ id: 3 }])
  await within(query.processAllAvailable(), state(query))
  await query.stop()
  expect(query.exception).toBeNull()
  expect(seen()).toEqual(idsTo(4))
})

test.each([
  { name: 'a stop', act: (query: StreamingQuery): Promise<void> => query.stop() },
  {
    name: 'a stop after yet another trigger',
    act: (query: StreamingQuery): Promise<void> => {
      query.setTrigger(Trigger.processingTime(0))
      return query.stop()
    },
  },
  {
    name: 'the trigger that ends the query',
    act: (query: StreamingQuery): Promise<void> => {
      query.setTrigger(Trigger.availableNow())
      return query.awaitTermination().then(() => undefined)
    },
  },
])('$name while it waits', async ({ act }) => {
  const { query } = await overtaking()
  const ended = act(query)
  gate.open()
  await within(ended, state(query))
  expect(query.exception).toBeNull()
  expect(seen()).toEqual(idsTo(3))
})

test('there and back while it waits: the commits stay in order', async () => {
  const { query, stream } = await overtaking()
  for (let i = 0; i < 20; i++) query.setTrigger(i % 2 === 0 ? Trigger.processingTime(0) : Trigger.realTime(10))
  stream.addData([{ id: 3 }])
  gate.open()
  await within(query.processAllAvailable(), state(query))
  await query.stop()
  expect(seen()).toEqual(idsTo(4))
  expect([...visible.keys()]).toEqual([...visible.keys()].sort((a, b) => a - b))
})

test.each([Trigger.availableNow(), Trigger.once()])(
  'a query that ends by itself ($kind) waits for its commit, whatever trigger comes then',
  async trigger => {
    closeGate(0)
    const stream = WalkwaySession.builder().master('inline').create().memoryStream('id INT NOT NULL')
    stream.addData([{ id: 0 }, { id: 1 }])
    const query = await stream
      .toDF()
      .writeStream.format('gated')
      .options({ checkpointLocation: join(root, `cp${runs++}`), durability: 'process' })
      .trigger(trigger)
      .start()
    await until(() => gate.waiting)
    query.setTrigger(Trigger.realTime(10))
    const ended = query.awaitTermination()
    // Time in which it would go on if it did not wait.
    for (let i = 0; i < 5; i++) await new Promise(resolve => setTimeout(resolve, 5))
    expect(query.isActive).toBe(true)
    gate.open()
    await within(ended, state(query))
    expect(query.exception).toBeNull()
    expect([...visible]).toEqual([[0, [0, 1]]])
  },
)
