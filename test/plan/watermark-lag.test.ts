import { expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import { analyze } from '../../src/plan/analyze.ts'
import type { JoinType, LogicalPlan } from '../../src/plan/logical-plan.ts'
import { watermarkLag } from '../../src/plan/watermark-lag.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { agg, as, call, col, groupBy, lit, source, watermark, window } from '../support/plans.ts'

// Goal: how far behind the watermark rows may be after a join. Method: the figures of Spark's MultiStatefulOperatorsSuite and neighbours.

const side = (prefix: string): LogicalPlan => ({
  kind: 'project',
  child: watermark(source(structType([field('k', { kind: 'integer' }), field('t', { kind: 'timestamp' })])), 't', 1000),
  columns: [as(col('k'), `${prefix}k`), as(col('t'), `${prefix}t`)],
})
const plus = (name: string, millis: number): Expression => call('timestampAdd', col(name), lit(millis * 1000, { kind: 'double' }))
const join = (left: LogicalPlan, right: LogicalPlan, condition: Expression, type: JoinType = 'inner'): LogicalPlan => ({
  kind: 'join',
  left,
  right,
  type,
  on: { kind: 'condition', condition: call('and', call('=', col('lk'), col('rk')), condition) },
})
/** lt BETWEEN rt + from AND rt + to */
const between = (from: number, to: number): LogicalPlan =>
  join(side('l'), side('r'), call('and', call('>=', col('lt'), plus('rt', from)), call('<=', col('lt'), plus('rt', to))))
const lag = (plan: LogicalPlan): number => watermarkLag(analyze(plan).plan)

test.each([
  ['the right side waits 40 s', 0, 40_000, 40_001],
  ['the left side waits 30 s', -30_000, 0, 30_001],
  ['both wait, the right one longer', -30_000, 40_000, 40_001],
  ['a span in the past of one side', -60_000, -30_000, 60_001],
])('%s', (_name, from, to, millis) => expect(lag(between(from, to))).toBe(millis))

test('a bound that does not match itself is a millisecond less', () => {
  expect(lag(join(side('l'), side('r'), call('and', call('>', col('lt'), plus('rt', -5000)), call('<', col('lt'), col('rt')))))).toBe(5000)
})

test('the tightest of several bounds counts', () => {
  const bounds = call('and', call('>=', col('lt'), plus('rt', -9000)), call('>=', col('lt'), plus('rt', -5000)))
  expect(lag(join(side('l'), side('r'), bounds))).toBe(5001)
})

test('nothing waits where event time is among the keys, or nothing lets go', () => {
  expect(lag(join(side('l'), side('r'), call('=', col('lt'), col('rt'))))).toBe(0)
  expect(lag(join(side('l'), side('r'), call('>', col('lk'), lit(0))))).toBe(0)
  expect(lag(side('l'))).toBe(0)
})

test('an equality with an earlier time has rows wait for it', () => {
  expect(lag(join(side('l'), side('r'), call('=', col('lt'), plus('rt', -5000))))).toBe(5000)
  expect(lag(join(side('l'), side('r'), call('=', plus('lt', -3000), col('rt'))))).toBe(3000)
})

test('lags of joins of joins add up, and pass through what stands above', () => {
  const inner = between(0, 10_000)
  const third: LogicalPlan = { kind: 'project', child: side('x'), columns: [col('xk'), col('xt')] }
  const outer: LogicalPlan = {
    kind: 'join',
    left: inner,
    right: third,
    type: 'inner',
    on: {
      kind: 'condition',
      condition: call(
        'and',
        call('=', col('lk'), col('xk')),
        call('and', call('>=', col('lt'), plus('xt', -5000)), call('<=', col('lt'), col('xt'))),
      ),
    },
  }
  expect(lag(outer)).toBe(10_001 + 5001)
  expect(lag(groupBy(outer, [window('lt', 1000)], [as(agg('count'), 'n')]))).toBe(15_002)
  const renamed: LogicalPlan = { kind: 'project', child: inner, columns: [as(col('lk'), 'xk'), as(col('lt'), 'xt')] }
  expect(lag({ kind: 'union', inputs: [side('x'), renamed] })).toBe(10_001)
})
