import { afterEach, expect, test, vi } from 'vitest'
import { Aggregate } from '../../src/operator/aggregate.ts'
import { ChainState } from '../../src/operator/chain-state.ts'
import { Deduplicate } from '../../src/operator/deduplicate.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { KeyedStore } from '../../src/state/keyed-store.ts'
import { torture } from '../../src/testing/torture/index.ts'
import { ScriptInput } from '../../src/testing/torture/script-input.ts'
import { SlotOutput } from '../../src/testing/torture/slot-output.ts'
import { agg, as, col, groupBy, source, watermark, window } from '../support/plans.ts'
import { seededRandom } from '../support/random.ts'
import { eventSchema, randomEvents } from './events.ts'

// Goal: the torture kit finds what it is there to find. Method: bugs planted in operators and stores.

afterEach(() => {
  vi.restoreAllMocks()
})

const timed = watermark(source(eventSchema), 'at', 500)
const windows = groupBy(timed, [window('at', 1000), col('key')], [as(agg('count'), 'rows'), as(agg('sum', col('n')), 'n')])
const rows = randomEvents(seededRandom(3), 80, { disorder: 500, keys: 3 })

const run = (mode: 'microBatch' | 'realTime', outputMode: 'append' | 'update' | 'complete' = 'append', plan = windows) =>
  torture({
    plan,
    outputMode,
    epochs: [
      { mode, rows: rows.slice(0, 50) },
      { mode, rows: rows.slice(50) },
      { mode, rows: [] },
    ],
  })

test('without a bug there is nothing to find', () => {
  for (const mode of ['microBatch', 'realTime'] as const) {
    for (const outputMode of ['append', 'update', 'complete'] as const)
      expect(run(mode, outputMode).flatMap(epoch => epoch.rows).length).toBeGreaterThan(5)
  }
})

test('a store that forgets to note a change', () => {
  const right = KeyedStore.prototype.markDirty
  let count = 0
  vi.spyOn(KeyedStore.prototype, 'markDirty').mockImplementation(function (this: KeyedStore, handle) {
    if (++count % 7 !== 0) right.call(this, handle)
  })
  expect(() => run('realTime')).toThrow(/restored after every step.*epoch/)
})

test('a store that does not log deletions', () => {
  const right = KeyedStore.prototype.remove
  vi.spyOn(KeyedStore.prototype, 'remove').mockImplementation(function (this: KeyedStore, handle) {
    const { log } = this
    this.log = null
    right.call(this, handle)
    this.log = log
  })
  expect(() => run('microBatch')).toThrow(/restored after every step.*epoch/)
})

test('an operator that restores without knowing when its state is due', () => {
  vi.spyOn(Aggregate.prototype, 'restore').mockImplementation(function (
    this: Aggregate,
    hash,
    key,
    keyOffset,
    keyLength,
    value,
    valueOffset,
    valueLength,
  ) {
    this.store.restore(hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
  })
  expect(() => run('microBatch')).toThrow(/restored after every step.*epoch/)
})

test('an operator that ends its epoch before all is emitted', () => {
  const right = Aggregate.prototype.finishEpoch
  vi.spyOn(Aggregate.prototype, 'finishEpoch').mockImplementation(function (this: Aggregate, policy, budget) {
    right.call(this, policy, budget)
    return true
  })
  expect(() => run('microBatch', 'complete')).toThrow(/tiny steps.*epoch/)
})

test('an operator that remembers nothing', () => {
  vi.spyOn(Deduplicate.prototype, 'restore').mockImplementation(() => {})
  const plan = { kind: 'deduplicate', child: timed, columns: ['key'], withinWatermark: false } as const
  expect(() => run('realTime', 'append', plan)).toThrow(/restored after every step.*epoch/)
})

test('an input that is read, and an output that gets control, while the output is full', () => {
  const schema = structType([field('n', { kind: 'integer' })])
  const state = new ChainState(0, () => 0)
  const [input, output] = [new ScriptInput(schema, 'objects', state), new SlotOutput(schema, 'objects', true, state)]
  state.outputFull = true
  const chain = { runRecords: () => 0, runObjects: () => 0, runColumns: () => 0, operators: [], sources: [] }
  const nothing = { onBegin: () => {}, onWatermark: () => {}, onBarrier: () => {}, onEnd: () => {} }
  expect(() => input.poll(chain, 1, nothing)).toThrow('reads while its output is full')
  expect(() => output.barrier()).toThrow('control on while its output is full')
})
