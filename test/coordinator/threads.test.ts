import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { waitableClock } from '../../src/base/clock.ts'
import { callerObjects } from '../../src/connector/caller-sinks.ts'
import { prepareQuery } from '../../src/coordinator/prepare-query.ts'
import { defaultRestart, type QueryOptions } from '../../src/coordinator/query-options.ts'
import { QueryRun } from '../../src/coordinator/query-run.ts'
import { col, count, sum, WalkwaySession } from '../../src/index.ts'
import { numberSources } from '../../src/plan/number-sources.ts'
import { within } from '../support/within.ts'

// Goal: the end of any thread of a query, the persister's too, costs a restart and nothing else. Method: a keyed count on two workers whose
// threads are ended in turn while rows come; at the end each count is exact.

const root = mkdtempSync(join(tmpdir(), 'walkway-threads-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

test('a query whose threads are ended one after another, the persister among them, counts each row once', async () => {
  const session = WalkwaySession.builder().master('local[2]').create()
  const stream = session.memoryStream('key INT NOT NULL, value BIGINT NOT NULL')
  const df = stream
    .toDF()
    .groupBy('key')
    .agg(count('*').alias('n'), sum(col('value')).alias('total'))
  const newest = new Map<number, { n: number; total: number }>()
  const take = (row: Record<string, unknown>): void => {
    newest.set(Number(row.key), { n: Number(row.n), total: Number(row.total) })
  }
  const checkpointLocation = join(root, 'cp')
  const options: QueryOptions = {
    plan: numberSources(df.plan),
    sink: { format: 'callback', options: { id: callerObjects.callbacks.put(take) }, holds: take },
    outputMode: 'update',
    trigger: { kind: 'realTime', intervalMillis: 20 },
    name: null,
    checkpointLocation,
    workers: 2,
    idle: 'park',
    clock: waitableClock(),
    watermarkPolicy: 'min',
    noDataEpochs: true,
    durability: 'process',
    restart: { ...defaultRestart, most: 100, firstMillis: 1, longestMillis: 10 },
    modules: [],
    signal: null,
    onProgress: () => {},
    onIdle: () => {},
  }
  const run = new QueryRun(options, await prepareQuery(options))
  await run.started
  const wanted = new Map<number, { n: number; total: number }>()
  let value = 0
  const feed = (): void => {
    const rows = Array.from({ length: 500 }, (_, i) => ({ key: i % 50, value: value++ }))
    for (const row of rows) {
      const { n, total } = wanted.get(row.key) ?? { n: 0, total: 0 }
      wanted.set(row.key, { n: n + 1, total: total + row.value })
    }
    stream.addData(rows)
  }
  const state = (): string => `${run.message} ${JSON.stringify(run.lastProgress)} ${run.exception}`
  // Two workers and the persister.
  expect(run.attempt?.threads.length).toBe(3)
  let attempts = 1
  for (const victim of [2, 0, 1, 2]) {
    feed()
    await within(run.processAllAvailable(), state)
    const { attempt } = run
    feed()
    await attempt?.threads[victim].terminate()
    feed()
    while (run.attempt === attempt || run.attempt === null) {
      if (!run.isActive) throw run.exception ?? new Error('it has stopped')
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    attempts++
    await within(run.processAllAvailable(), state)
  }
  expect(attempts).toBe(5)
  await within(run.stop(), state)
  expect(run.exception).toBeNull()
  expect([...newest].sort()).toEqual([...wanted].sort())
  // One file an operator and epoch, not one a task.
  const epochs = readdirSync(join(checkpointLocation, 'state'))
    .filter(name => name.endsWith('.state'))
    .map(name => name.split('-').slice(0, 3).join('-'))
  expect(new Set(epochs).size).toBe(epochs.length)
  expect(epochs.length).toBeGreaterThan(0)
})
