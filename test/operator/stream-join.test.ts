import { expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import { analyze } from '../../src/plan/analyze.ts'
import type { JoinType, LogicalPlan } from '../../src/plan/logical-plan.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { planPhysical } from '../../src/plan/physical-plan.ts'
import { type DataType, decimalType, field, type StructType, structType } from '../../src/record/data-type.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { rowText, runScenario, type ScenarioEpoch, torture, undisturbed } from '../../src/testing/torture/index.ts'
import { Instance } from '../../src/testing/torture/instance.ts'
import { tortured } from '../../src/testing/torture/joined-sides.ts'
import { as, call, col, lit, source, watermark, window } from '../support/plans.ts'

// Goal: what a join of two streams does at its edges: rows that are behind the watermark but not late, nulls, values that are easily lost.
// Method: one operator in a task of the torture kit, a few rows, the answer by hand.

const millis = (name: string, shift: number): Expression => call('timestampAdd', col(name), lit(shift * 1000, { kind: 'double' }))
const at = (seconds: number): Date => new Date(seconds * 1000)

const schema = structType([field('k', { kind: 'integer' }), field('t', { kind: 'timestamp' })])
const side = (prefix: string, of: StructType = schema, ...more: Expression[]): LogicalPlan => ({
  kind: 'project',
  child: watermark(source(of), 't', 10_000),
  columns: [...of.fields.map(({ name }) => as(col(name), `${prefix}${name}`)), ...more],
})
const join = (type: JoinType, left: LogicalPlan, right: LogicalPlan, ...conditions: Expression[]): LogicalPlan => ({
  kind: 'join',
  left,
  right,
  type,
  on: { kind: 'condition', condition: conditions.reduce((all, condition) => call('and', all, condition)) },
})
const sameKey = call('=', col('lk'), col('rk'))
const within = [call('>=', col('rt'), millis('lt', -2000)), call('<=', col('rt'), millis('lt', 2000))]
const byWindow = (type: JoinType): LogicalPlan =>
  join(
    type,
    side('l', schema, as(window('t', 5000), 'lw')),
    side('r', schema, as(window('t', 5000), 'rw')),
    sameKey,
    call('=', col('lw'), col('rw')),
  )

/** Rows of both sides in the order in which they come. */
const epoch = (rows: readonly ['l' | 'r', UserRow][], mode: ScenarioEpoch['mode'] = 'microBatch'): ScenarioEpoch => ({
  mode,
  rows: rows.map(([, row]) => row),
  sources: rows.map(([name]) => (name === 'l' ? 0 : 1)),
})
/** As [side, key, seconds]. */
const events = (...rows: ['l' | 'r', number | null, number | null][]): ScenarioEpoch =>
  epoch(rows.map(([name, k, t]) => [name, { k, t: t === null ? null : at(t) }]))

const idsOf = (rows: readonly UserRow[]): string[] =>
  rows.map(({ lk = null, lt = null, rk = null, rt = null }) => `${lk}@${secondsOf(lt)} ${rk}@${secondsOf(rt)}`).sort()
const secondsOf = (time: unknown): number | null => (time instanceof Date ? time.getTime() / 1000 : null)
const run = (plan: LogicalPlan, ...epochs: ScenarioEpoch[]): string[][] =>
  torture({ plan, outputMode: 'append', epochs }).map(({ rows }) => idsOf(rows))

/** The watermark is 20 s: of the batch after next for lateness, of the next for what may go. */
const ahead = events(['l', 0, 30], ['r', 9, 30])

test.each([
  ['left first', ['l', 1, 17] as const, ['r', 1, 18] as const],
  ['right first', ['r', 1, 18] as const, ['l', 1, 17] as const],
])('rows of one batch meet although it lets both of them go: %s', (_name, one, other) => {
  const batch = events([...one], [...other])
  expect(run(byWindow('inner'), ahead, batch)[1]).toEqual(['1@17 1@18'])
  expect(run(byWindow('fullOuter'), ahead, batch, events())[1]).toEqual(['1@17 1@18'])
  expect(run(byWindow('leftOuter'), ahead, batch)[1]).toEqual(['1@17 1@18'])
  expect(run(join('inner', side('l'), side('r'), sameKey, ...within), ahead, batch)[1]).toEqual(['1@17 1@18'])
  const semi = run(byWindow('leftSemi'), ahead, batch)[1]
  expect(semi).toEqual(['1@17 null@null'])
})

test('a row that its batch lets go alone comes out once, and is gone', () => {
  const [, second, third] = run(byWindow('fullOuter'), ahead, events(['l', 1, 17], ['r', 2, 18]), events(['r', 1, 18], ['l', 2, 17]))
  expect(second).toEqual(['1@17 null@null', 'null@null 2@18'])
  // Late by now.
  expect(third).toEqual([])
  const [, batch] = runScenario({ plan: byWindow('fullOuter'), outputMode: 'append', epochs: [ahead, events(['l', 1, 17])] }, undisturbed)
  expect(batch.stateRows).toBe(2)
})

test('a bound holds to the millisecond', () => {
  const plan = join('leftOuter', side('l'), side('r'), sameKey, ...within)
  // The left row of 18 s can match until 20 s: a right row of 20 s is late once the watermark is 20 s, but the row goes at 20.001 s.
  const before = run(plan, events(['l', 1, 18], ['r', 2, 30], ['l', 2, 30]), events())
  expect(before.flat()).toEqual(['2@30 2@30'])
  const after = run(plan, events(['l', 1, 18], ['r', 2, 30.001], ['l', 2, 30.001]), events())
  expect(after).toEqual([['2@30.001 2@30.001'], ['1@18 null@null']])
  const strict = join('leftOuter', side('l'), side('r'), sameKey, within[0], call('<', col('rt'), millis('lt', 2000)))
  expect(run(strict, events(['l', 1, 18], ['r', 2, 30], ['l', 2, 30]), events())).toEqual([['2@30 2@30'], ['1@18 null@null']])
})

test('a row whose time is null can match nothing, and comes out at once where it is wanted alone', () => {
  const plan = join('fullOuter', side('l'), side('r'), sameKey, ...within)
  const first = events(['l', 1, null], ['r', 1, 1], ['r', 1, null], ['l', null, 1])
  expect(run(plan, first)).toEqual([['1@null null@null', 'null@null 1@null']])
  const byTime = join('leftOuter', side('l'), side('r'), sameKey, call('=', col('lt'), col('rt')))
  expect(run(byTime, first)).toEqual([['1@null null@null']])
  const [{ stateRows }] = runScenario(
    { plan: join('inner', side('l'), side('r'), sameKey, ...within), outputMode: 'append', epochs: [first] },
    undisturbed,
  )
  expect(stateRows).toBe(1)
})

test('a null key matches nothing but by <=>, and waits like any other where it is wanted', () => {
  const rows = events(['l', null, 1], ['r', null, 1])
  const end = [events(['l', 0, 100], ['r', 9, 100]), events()]
  expect(run(join('inner', side('l'), side('r'), sameKey, ...within), rows, ...end).flat()).toEqual([])
  expect(run(join('rightOuter', side('l'), side('r'), sameKey, ...within), rows, ...end)).toEqual([[], [], ['null@null null@1']])
  const safe = call('<=>', col('lk'), col('rk'))
  expect(run(join('fullOuter', side('l'), side('r'), safe, ...within), rows, ...end)[0]).toEqual(['null@1 null@1'])
})

const point: DataType = structType([field('x', { kind: 'double' }, false), field('name', { kind: 'string' })])
const wide = structType([
  field('k', { kind: 'integer' }, false),
  field('t', { kind: 'timestamp' }),
  field('x', { kind: 'double' }),
  field('f', { kind: 'float' }, false),
  field('d', decimalType(38, 4)),
  field('s', { kind: 'string' }),
  field('b', { kind: 'binary' }),
  field('p', point),
  field('q', point, false),
  field('l', { kind: 'long' }, false),
])
const wideRow = (k: number, x: number, text: string | null, p: UserRow | null): UserRow => ({
  k,
  t: at(1),
  x,
  f: x,
  d: '-1234567890123456789012345678901234.5678',
  s: text,
  b: text === null ? null : Uint8Array.from([0, 255, text.length & 255]),
  p,
  q: { x, name: text },
  l: -(2n ** 63n),
})

test('a row comes out of the state as it went in: −0, NaN, wide decimals, long and empty texts, structs and nulls', () => {
  const plan = join(
    'fullOuter',
    side('l', wide),
    side('r', wide),
    call('=', call('+', col('lx'), lit(0.0)), call('+', col('rx'), lit(0.0))),
    ...within,
  )
  const rows = [
    wideRow(1, -0, 'ä'.repeat(100_000), { x: -0, name: null }),
    wideRow(2, Number.NaN, '', null),
    wideRow(3, Number.POSITIVE_INFINITY, null, { x: 5e-324, name: '\u0000' }),
    wideRow(4, 1.5, 'alone', { x: Number.NaN, name: 'z' }),
  ]
  const lefts = rows.map((row): ['l', UserRow] => ['l', row])
  // Only the last two find nobody: the left one alone, the right one alone.
  const rights = [...rows.slice(0, 3), wideRow(5, 2.5, null, null)].map((row): ['r', UserRow] => ['r', row])
  const end = (k: number): UserRow => ({ ...wideRow(k, k, null, null), t: at(100) })
  const result = torture({
    plan,
    outputMode: 'append',
    epochs: [
      epoch(lefts),
      epoch(rights),
      epoch([
        ['l', end(-1)],
        ['r', end(-2)],
      ]),
      epoch([]),
    ],
  })
  const named = (prefix: string, row: UserRow | null): UserRow =>
    Object.fromEntries(wide.fields.map(({ name }) => [`${prefix}${name}`, row === null ? null : row[name]]))
  const pair = (l: UserRow | null, r: UserRow | null): string => rowText({ ...named('l', l), ...named('r', r) })
  const wanted = [...rows.slice(0, 3).map(row => pair(row, row)), pair(rows[3], null), pair(null, rights[3][1])]
  expect(
    result
      .flatMap(({ rows: put }) => put)
      .map(rowText)
      .sort(),
  ).toEqual(wanted.sort())
})

test('an equality with a shifted time keeps rows until their partner is late', () => {
  const plan = join('leftOuter', side('l'), side('r'), sameKey, call('=', col('lt'), millis('rt', -5000)))
  const turned = join('leftOuter', side('l'), side('r'), sameKey, call('=', millis('lt', 5000), col('rt')))
  for (const each of [plan, turned]) {
    // The watermark is 18 s: past the time of the left row, not of its partner.
    const epochs = [events(['l', 1, 15], ['l', 2, 15]), events(['l', 9, 28], ['r', 8, 28]), events(), events(['r', 1, 20])]
    expect(run(each, ...epochs, events(['l', 9, 30], ['r', 8, 30]), events())).toEqual([[], [], [], ['1@15 1@20'], [], ['2@15 null@null']])
  }
})

test('a common column of a full outer join is wide enough for both sides', () => {
  const of = (k: DataType, value: string): LogicalPlan => ({
    kind: 'project',
    child: watermark(source(structType([field('k', k), field('t', { kind: 'timestamp' })])), 't', 0),
    columns: [col('k'), as(window('t', 5000), 'w'), as(col('t'), value)],
  })
  const plan: LogicalPlan = {
    kind: 'join',
    left: of({ kind: 'integer' }, 'lt'),
    right: of({ kind: 'long' }, 'rt'),
    type: 'fullOuter',
    on: { kind: 'using', columns: ['k', 'w'] },
  }
  const big = 2 ** 40
  const rows: ['l' | 'r', UserRow][] = [
    ['l', { k: 1, t: at(1) }],
    ['r', { k: big, t: at(1) }],
    ['l', { k: 7, t: at(1) }],
    ['r', { k: 7, t: at(2) }],
    ['l', { k: 0, t: at(9) }],
    ['r', { k: 0, t: at(9) }],
  ]
  const put = torture({ plan, outputMode: 'append', epochs: [epoch(rows), epoch([])] }).flatMap(result => result.rows)
  expect(put.map(({ k }) => k).sort()).toEqual([0, 1, big, 7])
})

/** The join's own task, whose rows come as the stages before it make them: much faster than through those. */
const joinAlone = (plan: LogicalPlan) => {
  const physical = planPhysical(optimize(analyze(plan).plan), 1, 'append')
  const { stage } = tortured(physical)
  const instance = new Instance(stage, new Map(), 'append', undisturbed, () => 0, null)
  const [operator] = instance.chain.operators
  const { fields } = stage.inputSchema
  let epochNumber = 0
  return {
    operator,
    usedBytes: () => operator.store.usedBytes + (operator.ownBytes ?? 0),
    run: (rows: readonly ['l' | 'r', number, number][], evictMillis: number) =>
      instance.run({ epoch: epochNumber++, mode: 'microBatch', batchTimeMicros: 0, lateMillis: evictMillis, evictMillis }, [
        {
          rows: rows.map(([name, k, seconds]) => {
            const values: UserRow = { '\u0000side': name === 'l' ? 0 : 1, '\u0000key0:lk': k, [`${name}k`]: k, [`${name}t`]: at(seconds) }
            return Object.fromEntries(fields.map((f, i) => [f.name, values[f.name.slice(`${i} `.length)] ?? null]))
          }),
          watermark: null,
        },
      ]),
  }
}

test('the memory of rows and lists falls back when all have gone', () => {
  const { operator, usedBytes, run: feed } = joinAlone(join('fullOuter', side('l'), side('r'), sameKey, ...within))
  const before = usedBytes()
  for (let round = 0; round < 3; round++) {
    const from = round * 1000 + 1
    const rows = Array.from({ length: 30_000 }, (_, i): ['l' | 'r', number, number] => [i % 2 === 0 ? 'l' : 'r', i >> 2, from + i / 1000])
    feed(rows, round * 1_000_000)
    expect(operator.store.size).toBe(30_000)
    expect(usedBytes()).toBeGreaterThan(30_000 * 100)
    const { sealed } = feed([], (round + 1) * 1_000_000)
    expect(sealed.operators[0].usedBytes).toBe(usedBytes())
    feed([], (round + 1) * 1_000_000)
    expect(operator.store.size).toBe(0)
    expect(usedBytes()).toBe(before)
  }
})

test('a key that has most rows costs no more a row than others, but for its matches', () => {
  const cost = (key: (i: number) => number): number => {
    const { run: feed } = joinAlone(join('leftOuter', side('l'), side('r'), sameKey, ...within))
    const lefts = Array.from({ length: 50_000 }, (_, i): ['l', number, number] => ['l', key(i), 1 + i / 1000])
    const start = process.cpuUsage()
    feed(lefts, 0)
    // All of them meet one, and then they go.
    expect(feed([['r', key(0), 30]], 0).rows.length).toBeLessThan(5000)
    expect(feed([], 1_000_000).rows.length).toBeGreaterThan(45_000)
    const { user, system } = process.cpuUsage(start)
    return user + system
  }
  cost(i => i)
  const [many, hot] = [cost(i => i), cost(() => 1)]
  // Anything quadratic would be hundreds of times as much.
  expect(hot).toBeLessThan(20 * many)
})
