import { expect, test } from 'vitest'
import { registerSink, registerSource, type SinkConnector, type SourceConnector, Ticket } from '../../src/index.ts'
import { field, longType, structType } from '../../src/record/data-type.ts'
import { masters, withSession } from '../support/masters.ts'

// Goal: when one part of a query cannot be opened, those that were are closed. Method: sources and a sink that count, and a source that
// throws.

let open = 0
const schema = structType([field('n', longType, false)])

const counted = (name: string, breaks: () => void): SourceConnector => ({
  name,
  schema: () => schema,
  describe: async () => ({ schema, home: 'caller', rows: 'objects', maxReaders: 1, replayable: true, label: name }),
  open: () => {
    breaks()
    open++
    let isOpen = true
    return {
      rows: 'objects',
      open: () => Ticket.of(undefined),
      position: () => ({ '0': 0 }),
      latest: () => Ticket.of({ '0': 0 }),
      limit: () => {},
      exhausted: () => true,
      arrivalMicros: () => 0,
      backlog: () => 0,
      committed: () => {},
      poll: () => 0,
      onReady: () => {},
      close: () => {
        if (isOpen) open--
        isOpen = false
        return Ticket.of(undefined)
      },
    }
  },
})

const countedSink: SinkConnector = {
  name: 'counted-sink',
  describe: async () => ({
    home: 'caller',
    rows: 'objects',
    maxWriters: 1,
    guarantee: 'at-least-once',
    outputModes: ['append'],
    label: 'counted',
  }),
  open: () => {
    open++
    let isOpen = true
    return {
      rows: 'objects',
      open: () => Ticket.of(undefined),
      beginEpoch: () => {},
      offer: () => true,
      step: () => false,
      prepare: () => Ticket.of(null),
      offeredCount: () => 0,
      acknowledgedCount: () => 0,
      close: () => {
        if (isOpen) open--
        isOpen = false
        return Ticket.of(undefined)
      },
    }
  },
  committer: () => null,
}

test.each(masters)('%s', async master => {
  registerSource(counted('counted', () => {}))
  registerSource(
    counted('breaking', () => {
      throw new Error('no such place')
    }),
  )
  registerSink(countedSink)
  await withSession(master, async session => {
    const frame = session.readStream.format('counted').load()
    const bad = session.readStream.format('breaking').load()
    for (const plan of [bad, frame.union(bad), bad.union(frame), frame.union(frame).union(bad)]) {
      await expect(plan.writeStream.format('counted-sink').start()).rejects.toThrow('no such place')
      expect(open).toBe(0)
    }
    const other = session.readStream.format('counted').option('other', 'true').load()
    const query = await frame.union(other).writeStream.format('counted-sink').start()
    expect(open).toBe(3)
    await query.stop()
    expect(open).toBe(0)
  })
})
