import { expect, test } from 'vitest'
import { EngineError, registerSink, Ticket, Trigger } from '../../src/index.ts'
import { codeOf, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a sink that is full holds back whoever pushes, and nothing is lost or doubled; also where a push calls the chain at once. Method: a
// sink of objects that takes rows only while it is open, and fails at one row on demand.

const SCHEMA = 'n BIGINT NOT NULL'

class Gate {
  isOpen = true
  failsAt = Number.NaN
  readonly seen: unknown[] = []
  #wake: () => void = () => {}
  refusedCount = 0

  register(name: string): void {
    registerSink({
      name,
      describe: async () => ({
        home: 'caller',
        rows: 'objects',
        maxWriters: 1,
        guarantee: 'at-least-once',
        outputModes: ['append'],
        label: name,
      }),
      open: () => ({
        rows: 'objects',
        open: () => Ticket.of(undefined),
        onReady: wake => {
          this.#wake = wake
        },
        beginEpoch: () => {},
        offer: ({ n }) => {
          if (!this.isOpen) {
            this.refusedCount++
            return false
          }
          if (n === this.failsAt) throw new EngineError('RECORD_TOO_LARGE', { bytes: 9, limit: 8 })
          this.seen.push(n)
          return true
        },
        step: () => false,
        prepare: () => Ticket.of(null),
        offeredCount: () => this.seen.length,
        acknowledgedCount: () => this.seen.length,
        close: () => Ticket.of(undefined),
      }),
      committer: () => null,
    })
  }

  open(): void {
    this.isOpen = true
    this.#wake()
  }
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n)

test('inline, a sink that is full fills the queue; what was accepted comes once and in order when it takes rows again', async () => {
  await withSession('inline', async session => {
    const gate = new Gate()
    gate.register('gate')
    const stream = session.pushStream(SCHEMA, { capacity: 4 })
    const query = await stream.toDF().writeStream.format('gate').trigger(Trigger.realTime('1 hour')).start()
    await within(query.processAllAvailable(), () => query.status.message)
    let next = 0
    const push = (): boolean => stream.push({ n: next }) && ++next > 0
    for (let round = 0; round < 20; round++) {
      // Open: a row is through when `push` returns.
      for (let i = 0; i < 3; i++) expect(push()).toBe(true)
      expect(gate.seen).toEqual(upTo(next))
      // Shut: the row at hand waits in the task, as many as there is room for in the queue, and the next is not taken.
      gate.isOpen = false
      const held = next
      for (let i = 0; i < 5; i++) expect(push()).toBe(true)
      expect(push()).toBe(false)
      const sent = [stream.send({ n: next++ }), stream.send({ n: next++ })]
      // The task looks at the sink now and then, which takes nothing.
      const refused = gate.refusedCount
      await until(() => gate.refusedCount > refused)
      expect(gate.seen).toEqual(upTo(held))
      gate.open()
      await within(Promise.all(sent), () => `${gate.seen.length} rows`)
      await within(query.processAllAvailable(), () => query.status.message)
      expect(gate.seen).toEqual(upTo(next))
    }
    await within(query.stop(), () => query.status.message)
    expect(gate.seen).toEqual(upTo(next))
    expect(query.recentProgress.reduce((all, { numInputRows }) => all + numInputRows, 0)).toBe(next)
    expect(query.recentProgress.reduce((all, { sink }) => all + sink.numOutputRows, 0)).toBe(next)
  })
})

test.each(['in a push', 'when it takes rows again'])(
  'inline, a sink that fails %s ends the query with its code, and no row comes after',
  async way => {
    await withSession('inline', async session => {
      const gate = new Gate()
      gate.register('gate that fails')
      const stream = session.pushStream(SCHEMA, { capacity: 4 })
      const query = await stream.toDF().writeStream.format('gate that fails').trigger(Trigger.realTime('1 hour')).start()
      await within(query.processAllAvailable(), () => query.status.message)
      gate.failsAt = 2
      gate.isOpen = way === 'in a push'
      // The error is the query's, not the caller's: the row that met it had been taken.
      for (const n of upTo(way === 'in a push' ? 3 : 5)) expect(stream.push({ n })).toBe(true)
      const waiting = way === 'in a push' ? Promise.resolve('QUERY_STOPPED') : codeOf(stream.send({ n: 5 }))
      if (!gate.isOpen) gate.open()
      await expect(within(query.awaitTermination(), () => query.status.message)).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
      expect(gate.seen).toEqual([0, 1])
      expect(['none', 'QUERY_STOPPED']).toContain(await waiting)
      expect(stream.push({ n: 9 })).toBe(false)
      expect(await codeOf(stream.send({ n: 9 }))).toBe('QUERY_STOPPED')
    })
  },
)
