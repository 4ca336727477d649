import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { col, count, type Row, sum, Trigger, type TriggerOptions } from '../../src/index.ts'
import { masters, until, withSession } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a running query goes from any trigger to any other, and nothing is lost or doubled. Method: every ordered pair in one query after
// the other, with rows before, between and after; keyed totals that must be exact.

const root = mkdtempSync(join(tmpdir(), 'walkway-trigger-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const lasting: Readonly<Record<string, Trigger>> = {
  default: { kind: 'default' },
  processingTime: Trigger.processingTime(15),
  'a long processingTime': Trigger.processingTime('1 hour'),
  realTime: Trigger.realTime(15),
  'a long realTime': Trigger.realTime('1 hour'),
}
const ending: Readonly<Record<string, Trigger>> = { once: Trigger.once(), availableNow: Trigger.availableNow() }
const pairs = Object.keys(lasting).flatMap(from => Object.keys({ ...lasting, ...ending }).map(to => [from, to] as const))
const SCHEMA = 'key INT NOT NULL, value BIGINT NOT NULL'

describe.each(masters)('%s', master => {
  test('every pair', async () => {
    await withSession(master, async session => {
      const stream = session.memoryStream(SCHEMA)
      const wanted = new Map<number, [number, number]>()
      let value = 0
      const feed = (): void => {
        const rows = Array.from({ length: 20 }, () => ({ key: value % 7, value: value++ }))
        for (const row of rows) {
          const [n, total] = wanted.get(row.key) ?? [0, 0]
          wanted.set(row.key, [n + 1, total + row.value])
        }
        stream.addData(rows)
      }
      const newest = new Map<number, [number, number]>()
      const checkpoint = join(root, `pairs-${master}`)
      const start = (trigger: Trigger) =>
        stream
          .toDF()
          .groupBy('key')
          .agg(count('*').alias('n'), sum(col('value')).alias('total'))
          .writeStream.outputMode('update')
          .option('checkpointLocation', checkpoint)
          .option('durability', 'process')
          .trigger(trigger)
          .foreach(({ key, n, total }: Row) => void newest.set(Number(key), [Number(n), Number(total)]))
          .start()
      let query = await start(lasting.default)
      for (const [from, to] of pairs) {
        const state = (): string => `${from} to ${to}: ${query.status.message}`
        query.setTrigger(lasting[from])
        expect(query.trigger).toEqual(lasting[from])
        feed()
        // A long processingTime does not read before its time: the next trigger does.
        if (from !== 'a long processingTime') await within(query.processAllAvailable(), state)
        feed()
        const next = { ...lasting, ...ending }[to]
        query.setTrigger(next)
        if (to in ending) {
          await within(query.awaitTermination(), state)
          expect(query.exception).toBe(null)
          query = await start(lasting.default)
        } else if (to !== 'a long processingTime') {
          feed()
          await within(query.processAllAvailable(), state)
        }
      }
      query.setTrigger(Trigger.realTime(15))
      await within(query.processAllAvailable(), () => query.status.message)
      expect([...newest].sort()).toEqual([...wanted].sort())
      await query.stop()
    })
  }, 300_000)
})

test('what is no trigger is refused, and changes nothing', async () => {
  await withSession('inline', async session => {
    const stream = session.memoryStream(SCHEMA)
    const query = await stream.toDF().writeStream.format('noop').trigger(Trigger.realTime('1 hour')).start()
    for (const [bad, code] of [
      ['realTime', 'BAD_TRIGGER'],
      [undefined, 'BAD_TRIGGER'],
      [{ kind: 'batch' }, 'BAD_TRIGGER'],
      [{ kind: 'realTime' }, 'BAD_TRIGGER'],
      [{ processingTime: 'soon' }, 'BAD_DURATION'],
      [{ processingTime: -1 }, 'BAD_TRIGGER_INTERVAL'],
      [{ realTime: 0 }, 'BAD_TRIGGER_INTERVAL'],
    ] as const) {
      expect(() => query.setTrigger(bad as TriggerOptions), JSON.stringify(bad)).toThrow(expect.objectContaining({ code }))
    }
    expect(query.trigger).toEqual(Trigger.realTime('1 hour'))
    stream.addData({ key: 1, value: 1 })
    await until(() => query.latencies?.e2eLatencyMs.count === 1)
  })
})

test('both notations mean the same', async () => {
  await withSession('inline', async session => {
    const query = await session.memoryStream(SCHEMA).toDF().writeStream.format('noop').start()
    query.setTrigger({ realTime: '2 seconds' })
    expect(query.trigger).toEqual(Trigger.realTime('2 seconds'))
    query.setTrigger({ processingTime: 50 })
    expect(query.trigger).toEqual(Trigger.processingTime('50 milliseconds'))
    query.setTrigger({ once: true })
    await query.awaitTermination()
  })
})
