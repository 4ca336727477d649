import { describe, expect, test } from 'vitest'
import type { Bound, Expression } from '../../src/expression/expression.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { timeBounds } from '../../src/plan/time-bounds.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { call, col, lit } from '../support/plans.ts'

// Goal: what a comparison of two sides' times says of how long rows are kept. Method: conditions over l, l2 (left) and r, r2 (right), of
// which l and r are under a watermark.

const schema = structType(['l', 'l2', 'r', 'r2'].map(name => field(name, { kind: 'timestamp' })))
const plus = (time: Expression, millis: number): Expression => call('timestampAdd', time, lit(millis * 1000, { kind: 'double' }))

const boundsOf = (...parts: Expression[]): { left: string[]; right: string[] } => {
  const bounds = timeBounds(
    parts.map(part => resolveExpression(part, schema)),
    new Set([0]),
    new Set([0]),
    2,
  )
  const text = (names: readonly string[]) => (bound: { time: Bound; shiftMicros: number; inclusive: boolean }) =>
    `${bound.time.kind === 'input' ? names[bound.time.ordinal] : '?'} ${-bound.shiftMicros / 1000}${bound.inclusive ? ' reached' : ''}`
  return { left: bounds.left.map(text(['l', 'l2'])), right: bounds.right.map(text(['r', 'r2'])) }
}

const none = { left: [], right: [] }
const [l, r] = [col('l'), col('r')]

describe('which side is let go, and when the watermark has come how far', () => {
  test.each<[string, Expression, ReturnType<typeof boundsOf>]>([
    ['l >= r', call('>=', l, r), { left: ['l 0'], right: [] }],
    ['l > r', call('>', l, r), { left: ['l 0 reached'], right: [] }],
    ['l <= r', call('<=', l, r), { left: [], right: ['r 0'] }],
    ['l < r', call('<', l, r), { left: [], right: ['r 0 reached'] }],
    ['r >= l', call('>=', r, l), { left: [], right: ['r 0'] }],
    ['l >= r - 5 s', call('>=', l, plus(r, -5000)), { left: ['l 5000'], right: [] }],
    ['l + 5 s >= r', call('>=', plus(l, 5000), r), { left: ['l 5000'], right: [] }],
    ['l < r + 2 s', call('<', l, plus(r, 2000)), { left: [], right: ['r 2000 reached'] }],
    ['l + 1 s + 2 s >= r + 7 s', call('>=', plus(plus(l, 1000), 2000), plus(r, 7000)), { left: ['l -4000'], right: [] }],
    ['l2 >= r: any time of a side, if the other’s is under a watermark', call('>=', col('l2'), r), { left: ['l2 0'], right: [] }],
    ['l >= r2: not under a watermark', call('>=', l, col('r2')), none],
    ['l = r: an equality is no bound', call('=', l, r), none],
    ['l >= l2: of one side', call('>=', l, col('l2')), none],
    ['l >= a moment', call('>=', l, lit(0, { kind: 'timestamp' })), none],
    ['l >= r or l <= r', call('or', call('>=', l, r), call('<=', l, r)), none],
    ['not l >= r', call('not', call('>=', l, r)), none],
    ['the least of two times', call('>=', call('least', l, col('l2')), r), none],
  ])('%s', (_name, condition, bounds) => expect(boundsOf(condition)).toEqual(bounds))
})

test('a span bounds both sides, and each further comparison adds to them', () => {
  expect(boundsOf(call('>=', l, plus(r, -5000)), call('<=', l, plus(r, 3000)), call('<', l, plus(r, 1000)))).toEqual({
    left: ['l 5000'],
    right: ['r 3000', 'r 1000 reached'],
  })
})
