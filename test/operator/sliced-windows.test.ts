import { describe, expect, test } from 'vitest'
import type { EpochMode } from '../../src/operator/epoch-policy.ts'
import { analyze } from '../../src/plan/analyze.ts'
import type { LogicalPlan, OutputMode } from '../../src/plan/logical-plan.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { planPhysical } from '../../src/plan/physical-plan.ts'
import { rowText, runScenario, undisturbed } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, groupBy, lit, source, watermark, window } from '../support/plans.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { cutRandomly, eventSchema, randomEvents } from './events.ts'

// Goal: windows kept as slices give in each epoch the rows, and drop the late ones, that windows kept one by one do. Method: the same
// random rows through two plans that differ in an aggregate which forbids slices and is then projected away.

const totals = [
  as(agg('count'), 'rows'),
  as(agg('sum', col('n')), 'sum'),
  as(agg('avg', col('n')), 'avg'),
  as(agg('sum', col('huge')), 'huge'),
  as(agg('avg', col('price')), 'price'),
  ...['key', 'n', 'huge', 'flag', 'day', 'bytes', 'at'].flatMap(name =>
    ['min', 'max'].map(f => as(agg(f, col(name), { filter: call('>', col('id'), lit(3)) }), `${f}_${name}`)),
  ),
]

const names = ['window', 'key', ...totals.map(total => (total.kind === 'alias' ? total.name : ''))]

const plans = (size: number, slide: number, start: number, delay: number): { sliced: LogicalPlan; single: LogicalPlan } => {
  const timed = watermark(source(eventSchema), 'at', delay)
  const keys = [window('at', size, slide, start), col('key')]
  const project = (child: LogicalPlan): LogicalPlan => ({ kind: 'project', child, columns: names.map(col) })
  return {
    sliced: project(groupBy(timed, keys, totals)),
    single: project(groupBy(timed, keys, [...totals, as(agg('first', col('id')), 'first')])),
  }
}

const isSliced = (plan: LogicalPlan, outputMode: OutputMode): boolean =>
  planPhysical(optimize(analyze(plan).plan), 1, outputMode).stages.some(({ ops }) =>
    ops.some(op => op.kind === 'aggregate' && op.slices !== null),
  )

describe.each(seeds(12))('seed %i', seed => {
  for (const outputMode of ['append', 'update'] as const) {
    for (const mode of ['microBatch', 'realTime', 'mixed'] as const) {
      test(`${outputMode}, ${mode}: slices say what windows do`, () => {
        const random = seededRandom(seed)
        const slide = random.pick([100, 250, 1000])
        const size = slide * random.pick([2, 3, 5]) + random.pick([0, 0, 30])
        const { sliced, single } = plans(size, slide, random.pick([0, 0, 20, -70]), random.pick([0, 300, 2000]))
        expect([isSliced(sliced, outputMode), isSliced(single, outputMode)]).toEqual([true, false])
        const rows = randomEvents(random, 120, { disorder: random.pick([0, 500, 6000]), keys: random.pick([1, 4]) })
        const modeOf = (): EpochMode => (mode === 'mixed' ? random.pick(['microBatch', 'realTime']) : mode)
        const epochs = cutRandomly(random, rows, 1 + random.below(8)).map(part => ({ mode: modeOf(), rows: part }))
        const options = { ...undisturbed, burstRows: random.pick([1, 3, 1024]), restores: random.below(2) === 0 }
        const found = runScenario({ plan: sliced, outputMode, epochs }, options)
        const expected = runScenario({ plan: single, outputMode, epochs }, options)
        for (const [i, epoch] of expected.entries()) {
          expect(found[i].rows.map(rowText).sort()).toEqual(epoch.rows.map(rowText).sort())
          expect(found[i].late).toBe(epoch.late)
        }
      })
    }
  }
})

test('windows are slices where that is the same and worth it', () => {
  const timed = watermark(source(eventSchema), 'at', 1000)
  const by = (size: number, slide: number, child: LogicalPlan = timed, more = agg('count')): LogicalPlan =>
    groupBy(child, [window('at', size, slide), col('key')], [as(more, 'total')])
  expect(isSliced(by(1000, 100), 'append')).toBe(true)
  expect(isSliced(by(1000, 100), 'update')).toBe(true)
  expect(isSliced(by(1000, 100), 'complete')).toBe(false)
  expect(isSliced(by(1000, 1000), 'append')).toBe(false)
  expect(isSliced(by(1000, 100, source(eventSchema)), 'update')).toBe(false)
  expect(isSliced(by(100_000, 100), 'append')).toBe(true)
  expect(isSliced(by(100_000, 100), 'update')).toBe(false)
  expect(isSliced(by(1000, 100, timed, agg('sum', call('rand'))), 'append')).toBe(false)
})
