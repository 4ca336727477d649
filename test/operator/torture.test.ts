import { describe, expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import type { JoinType, LogicalPlan, OutputMode } from '../../src/plan/logical-plan.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { type ScenarioEpoch, torture } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, groupBy, lit, source, watermark, window } from '../support/plans.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { cutRandomly, eventSchema, randomEvents } from './events.ts'

// Goal: an operator gives the same rows however it is interrupted. Method: every operator and some chains, random rows in random epochs of
// every mode, through the torture kit: an output that is full every other call, and a checkpoint and a new instance after every step.

const events = source(eventSchema)
const timed = watermark(events, 'at', 1000)

const everything: Expression[] = [
  as(agg('count'), 'rows'),
  as(agg('count', col('n')), 'countN'),
  ...['n', 'big', 'x', 'price', 'huge'].flatMap(name => ['sum', 'avg'].map(f => as(agg(f, col(name)), `${f}_${name}`))),
  ...['key', 'n', 'big', 'x', 'price', 'huge', 'flag', 'day', 'bytes', 'at'].flatMap(name =>
    ['min', 'max', 'first', 'last'].map(f => as(agg(f, col(name)), `${f}_${name}`)),
  ),
  as(agg('first', col('key'), { ignoreNulls: true }), 'firstKey'),
  as(agg('last', col('huge'), { ignoreNulls: true }), 'lastHuge'),
  as(agg('sum', col('n'), { filter: call('>', col('n'), lit(0)) }), 'positive'),
]
/** What windows can be kept as slices for: nothing that depends on the order of rows. */
const orderFree: Expression[] = [
  ...everything.filter(e => !(e.kind === 'alias' && e.child.kind === 'aggregate' && ['first', 'last'].includes(e.child.name))),
]
const distinctly: Expression[] = [
  as(agg('count', col('n'), { distinct: true }), 'ns'),
  as(agg('count', col('key'), { distinct: true, filter: call('>', col('n'), lit(0)) }), 'keys'),
  as(agg('sum', col('price'), { distinct: true }), 'prices'),
  as(agg('count', col('x'), { distinct: true }), 'xs'),
  as(agg('count'), 'rows'),
  as(agg('max', col('n'), { distinct: true }), 'max'),
]
const few: Expression[] = [as(agg('count'), 'rows'), as(agg('sum', col('n')), 'total'), as(agg('max', col('key')), 'longest')]

const table: LogicalPlan = {
  kind: 'localRelation',
  schema: structType([field('name', { kind: 'string' }), field('rank', { kind: 'integer' })]),
  rows: [
    ...Array.from({ length: 6 }, (_, i) => ({ name: `key ${i % 4}`, rank: i * 10 - 20 })),
    { name: null, rank: 1 },
    { name: 'key of some length 1', rank: null },
  ],
}

const joined = (type: JoinType, child: LogicalPlan, more: Expression | null = null): LogicalPlan => {
  const equal = call('=', col('key'), col('name'))
  return {
    kind: 'join',
    left: child,
    right: table,
    type,
    on: { kind: 'condition', condition: more === null ? equal : call('and', equal, more) },
  }
}

const distinct = (child: LogicalPlan, columns: readonly string[] | null, withinWatermark = false): LogicalPlan => ({
  kind: 'deduplicate',
  child,
  columns,
  withinWatermark,
})

const first = (child: LogicalPlan, count: number): LogicalPlan => ({ kind: 'limit', child, count })

const inOrder = (child: LogicalPlan, by: readonly Expression[]): LogicalPlan => ({ kind: 'sort', child, by })

const byWindow = (child: LogicalPlan, size: number, slide = size, start = 0): LogicalPlan =>
  groupBy(child, [window('at', size, slide, start), col('key')], few)

/** Columns of the events, under names of one side. */
const side = (child: LogicalPlan, prefix: string, names = ['id', 'key', 'n', 'x', 'flag', 'at'], ...more: Expression[]): LogicalPlan => ({
  kind: 'project',
  child,
  columns: [...names.map(name => as(col(name), `${prefix}_${name}`)), ...more],
})
const allColumns = eventSchema.fields.map(({ name }) => name)
const windowed = (prefix: string): LogicalPlan => side(timed, prefix, ['id', 'x', 'flag'], as(window('at', 1000), `${prefix}_window`))

const together = (type: JoinType, left: LogicalPlan, right: LogicalPlan, ...conditions: Expression[]): LogicalPlan => ({
  kind: 'join',
  left,
  right,
  type,
  on: { kind: 'condition', condition: conditions.reduce((all, condition) => call('and', all, condition)) },
})

const equal = (name: string): Expression => call('=', col(`l_${name}`), col(`r_${name}`))
const plusMillis = (name: string, millis: number): Expression => call('timestampAdd', col(name), lit(millis * 1000, { kind: 'double' }))
const near = [
  call('>=', col('r_at'), plusMillis('l_at', -500)),
  call('<', col('r_at'), plusMillis('l_at', 700)),
  call('>', call('+', col('l_n'), col('r_n')), lit(-60)),
  call('>', col('l_n'), lit(-40)),
]
const bothSides = (watermarked = true): [LogicalPlan, LogicalPlan] => {
  const child = watermarked ? timed : events
  return [side(child, 'l'), side(child, 'r')]
}
const streamJoins: readonly JoinType[] = ['inner', 'leftOuter', 'rightOuter', 'fullOuter', 'leftSemi']

/** Joins of two streams: rows of both come in turn. */
const joins: Record<string, LogicalPlan> = {
  ...Object.fromEntries(
    streamJoins.flatMap(type => [
      [`${type}, near in time`, together(type, ...bothSides(), equal('key'), ...near)],
      [
        `${type}, the same window`,
        together(type, windowed('l'), windowed('r'), equal('window'), call('<=>', col('l_flag'), col('r_flag'))),
      ],
    ]),
  ),
  'outer, all columns': together('fullOuter', side(timed, 'l', allColumns), side(timed, 'r', allColumns), equal('key'), ...near),
  'inner, for ever': together('inner', ...bothSides(false), equal('key'), equal('flag')),
  'semi, for ever': together('leftSemi', ...bothSides(false), equal('x'), call('<', col('l_id'), col('r_id'))),
  'inner, by the time itself': together('inner', ...bothSides(), equal('at')),
  'outer, by what may be null': together(
    'fullOuter',
    ...bothSides(),
    call('<=>', col('l_at'), col('r_at')),
    call('<=>', col('l_key'), col('r_key')),
  ),
  'outer, then windows': groupBy(
    together('leftOuter', ...bothSides(), equal('key'), ...near),
    [window('l_at', 1000)],
    [as(agg('count', col('r_id')), 'pairs'), as(agg('count'), 'rows')],
  ),
  'inner, then distinct': distinct(together('inner', ...bothSides(), equal('key'), ...near), ['l_key', 'l_at']),
}

const every: readonly OutputMode[] = ['append', 'update', 'complete']
const flowing: readonly OutputMode[] = ['append', 'update']

/** The queries, and the output modes in which they mean something. */
const queries: Record<string, readonly [LogicalPlan, readonly OutputMode[]]> = {
  'filter and project': [
    {
      kind: 'project',
      child: { kind: 'filter', child: events, condition: call('>', col('n'), lit(0)) },
      columns: [col('key'), as(call('+', col('n'), lit(1)), 'next'), col('huge'), col('bytes')],
    },
    flowing,
  ],
  'a window of each row': [{ kind: 'project', child: events, columns: [window('at', 500, 200), col('id')] }, flowing],
  'all aggregates by key': [groupBy(events, [col('key')], everything), ['update', 'complete']],
  'aggregates of everything': [groupBy(events, [], few), ['update', 'complete']],
  'by several keys': [groupBy(events, [col('flag'), col('day'), col('x'), col('bytes')], few), ['update', 'complete']],
  'by wide and null-free keys': [groupBy(events, [col('huge'), col('id')], few), ['update', 'complete']],
  'tumbling windows': [byWindow(timed, 1000), every],
  'tumbling windows, all aggregates': [groupBy(timed, [window('at', 2000)], everything), every],
  'sliding windows': [byWindow(timed, 1000, 300, 70), every],
  'sliding windows, all aggregates': [groupBy(timed, [col('flag'), window('at', 1100, 400, -30), col('key')], orderFree), flowing],
  'sliding windows of everything': [groupBy(timed, [window('at', 1000, 250)], few), flowing],
  'sliding windows, first and last': [groupBy(timed, [window('at', 1000, 500)], everything), flowing],
  'windows of sliding windows': [
    groupBy(byWindow(timed, 500, 250), [window('window', 2000, 1000)], [as(agg('sum', col('rows')), 'rows'), as(agg('count'), 'groups')]),
    ['append'],
  ],
  'windows without watermark': [byWindow(events, 1000, 500), ['update', 'complete']],
  'by raw event time': [groupBy(timed, [col('at')], few), every],
  'distinct rows for ever': [distinct(events, ['key', 'flag']), flowing],
  'distinct rows, all columns': [distinct({ kind: 'project', child: events, columns: [col('key'), col('n')] }, null), flowing],
  'distinct rows by event time': [distinct(timed, ['key', 'at']), flowing],
  'distinct rows within the watermark': [distinct(timed, ['key'], true), flowing],
  'inner join': [joined('inner', events), flowing],
  'left join': [joined('leftOuter', events), flowing],
  'semi join': [joined('leftSemi', events), flowing],
  'anti join': [joined('leftAnti', events), flowing],
  'inner join with a condition': [joined('inner', events, call('>', col('rank'), col('n'))), flowing],
  'left join with a condition': [joined('leftOuter', events, call('>', col('rank'), col('n'))), flowing],
  'semi join with a condition': [joined('leftSemi', events, call('>', col('rank'), col('n'))), flowing],
  'anti join with a condition': [joined('leftAnti', events, call('>', col('rank'), col('n'))), flowing],
  'cross join': [
    { kind: 'join', left: events, right: table, type: 'inner', on: { kind: 'condition', condition: call('<', col('rank'), col('n')) } },
    flowing,
  ],
  'distinct, then windows': [byWindow(distinct(timed, ['key', 'at']), 1000, 500), every],
  'windows of windows': [
    groupBy(byWindow(timed, 500), [window('window', 2000)], [as(agg('sum', col('rows')), 'rows'), as(agg('count'), 'groups')]),
    ['append'],
  ],
  'windows, then distinct': [
    distinct({ kind: 'project', child: byWindow(timed, 500), columns: [col('window'), col('rows')] }, ['window', 'rows']),
    ['append'],
  ],
  'the first rows': [first(events, 25), ['append']],
  'the first of the first rows': [first(first(distinct(events, ['key', 'n']), 12), 5), ['append']],
  'the first rows of windows of everything': [first(groupBy(timed, [window('at', 1000, 500)], few), 4), ['append']],
  'the first rows, then windows': [byWindow(first(timed, 30), 1000, 500), ['append', 'complete']],
  'totals in order': [
    inOrder(groupBy(events, [col('key'), col('flag')], everything), [col('max_x'), col('flag'), col('key')]),
    ['complete'],
  ],
  'the first totals in order': [first(inOrder(groupBy(first(events, 40), [col('key')], few), [col('total'), col('key')]), 3), ['complete']],
  'totals of totals': [
    groupBy(
      groupBy(events, [col('key'), col('flag')], few),
      [col('flag')],
      [as(agg('sum', col('rows')), 'rows'), as(agg('max', col('longest')), 'longest')],
    ),
    ['complete'],
  ],
  'totals of totals of everything': [
    groupBy(
      groupBy(byWindow(timed, 1000, 500), [col('key')], [as(agg('count'), 'windows')]),
      [],
      [as(agg('sum', col('windows')), 'windows')],
    ),
    ['complete'],
  ],
  'distinct values of totals': [
    groupBy(groupBy(events, [col('key'), col('flag')], few), [col('flag')], [as(agg('count', col('longest'), { distinct: true }), 'keys')]),
    ['complete'],
  ],
  'distinct totals, in order': [inOrder(distinct(byWindow(timed, 500), ['window', 'rows']), [col('window'), col('rows')]), ['complete']],
  'distinct totals within the watermark': [distinct(byWindow(timed, 500), ['rows'], true), ['complete']],
  'distinct values': [groupBy(events, [col('key')], distinctly), ['update', 'complete']],
  'distinct values of everything': [groupBy(events, [], distinctly), ['update', 'complete']],
  'distinct values of windows': [groupBy(timed, [col('flag'), window('at', 1000, 500)], distinctly), every],
  'join, then windows': [byWindow(joined('leftOuter', timed), 1000, 500), every],
  'windows, then join': [joined('inner', byWindow(timed, 1000, 500)), every],
}

const rounds: Record<string, (random: SeededRandom, count?: number) => ScenarioEpoch[]> = {
  batch: random => [{ mode: 'batch', rows: randomEvents(random, 60, { disorder: 5000, keys: 4 }) }],
  microBatch: (random, count) => epochs(random, () => 'microBatch', count),
  realTime: (random, count) => epochs(random, () => 'realTime', count),
  mixed: (random, count) => epochs(random, () => random.pick(['microBatch', 'realTime']), count),
}

const epochs = (random: SeededRandom, mode: () => ScenarioEpoch['mode'], count = 60): ScenarioEpoch[] => {
  const rows = randomEvents(random, count, { disorder: random.pick([0, 500, 4000]), keys: random.pick([2, 12]) })
  return cutRandomly(random, rows, 1 + random.below(5)).map(part => ({ mode: mode(), rows: part }))
}

describe.each(Object.entries(queries))('%s', (_name, [plan, outputModes]) => {
  for (const outputMode of outputModes) {
    for (const [round, make] of Object.entries(rounds)) {
      test.each(seeds(2))(`${outputMode}, ${round}, seed %i`, seed => {
        const scenario = { plan, outputMode, epochs: make(seededRandom(seed)) }
        // A batch has no watermark.
        const result = torture(round === 'batch' ? { ...scenario, plan: finite(plan) } : scenario)
        expect(result).toHaveLength(scenario.epochs.length)
      })
    }
  }
})

describe.each(Object.entries(joins))('a join of two streams: %s', (_name, plan) => {
  for (const [round, make] of Object.entries(rounds)) {
    if (round === 'batch') continue
    test.each(seeds(1))(`${round}, seed %i`, seed => {
      const random = seededRandom(seed)
      const scenario = make(random, 30).map(epoch => ({ ...epoch, sources: epoch.rows.map(() => random.below(2)) }))
      const result = torture({ plan, outputMode: 'append', epochs: scenario })
      expect(result).toHaveLength(scenario.length)
    })
  }
})

test('no join of this file is without rows', () => {
  for (const [name, plan] of Object.entries(joins)) {
    const rows = randomEvents(seededRandom(1), 400, { disorder: 500, keys: 2 })
    const parts = [rows.slice(0, 300), rows.slice(300), []].map(part => ({
      mode: 'microBatch' as const,
      rows: part,
      sources: part.map((_, i) => i % 2),
    }))
    const result = torture({ plan, outputMode: 'append', epochs: parts })
    expect(result.flatMap(epoch => epoch.rows).length, name).toBeGreaterThan(0)
  }
})

test('no query of this file is without rows', () => {
  for (const [name, [plan, [outputMode]]] of Object.entries(queries)) {
    const rows = randomEvents(seededRandom(1), 200, { disorder: 500, keys: 4 })
    const result = torture({
      plan,
      outputMode,
      epochs: [rows.slice(0, 150), rows.slice(150), []].map(part => ({ mode: 'microBatch', rows: part })),
    })
    expect(result.flatMap(epoch => epoch.rows).length, name).toBeGreaterThan(0)
  }
})

const finite = (plan: LogicalPlan): LogicalPlan => {
  if (plan.kind === 'source') return { ...plan, streaming: false }
  if (plan.kind === 'join') return { ...plan, left: finite(plan.left) }
  return 'child' in plan ? { ...plan, child: finite(plan.child) } : plan
}
