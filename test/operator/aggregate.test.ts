import { describe, expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import type { Expression } from '../../src/expression/expression.ts'
import { analyze } from '../../src/plan/analyze.ts'
import { type DataType, decimalType, field, structType, typeName } from '../../src/record/data-type.ts'
import { runScenario, torture, undisturbed } from '../../src/testing/torture/index.ts'
import { agg, as, call, col, groupBy, lit, source } from '../support/plans.ts'

// Goal: aggregates answer as Spark's do, in value and type. Method: a batch of a few rows for each rule.

const planOf = (type: DataType, name: string, ignoreNulls = false, streaming = false) =>
  groupBy(source(structType([field('v', type)]), streaming), [], [as(agg(name, col('v'), { ignoreNulls }), 'r')])

const answer = (type: DataType, name: string, values: readonly unknown[], ignoreNulls = false): unknown =>
  torture({ plan: planOf(type, name, ignoreNulls), outputMode: 'update', epochs: [{ mode: 'batch', rows: values.map(v => ({ v })) }] })[0]
    .rows[0].r

const typeOf = (type: DataType, name: string): string => typeName(analyze(planOf(type, name)).plan.schema.fields[0].type)

const faultOf = (type: DataType, name: string, values: readonly unknown[]): EngineError => {
  try {
    answer(type, name, values)
  } catch (error) {
    const cause = error instanceof EngineError ? error : (error as Error).cause
    if (cause instanceof EngineError) return cause
    throw error
  }
  throw new Error('nothing failed')
}

const [int, long, float, double, string]: DataType[] = (['integer', 'long', 'float', 'double', 'string'] as const).map(kind => ({ kind }))

describe('types', () => {
  test.each([
    ['sum', int, 'bigint'],
    ['sum', { kind: 'byte' }, 'bigint'],
    ['sum', long, 'bigint'],
    ['sum', float, 'double'],
    ['sum', double, 'double'],
    ['sum', string, 'double'],
    ['sum', decimalType(10, 2), 'decimal(20,2)'],
    ['sum', decimalType(35, 2), 'decimal(38,2)'],
    ['avg', int, 'double'],
    ['avg', long, 'double'],
    ['avg', decimalType(10, 2), 'decimal(14,6)'],
    ['avg', decimalType(38, 10), 'decimal(38,14)'],
    ['count', string, 'bigint'],
    ['min', { kind: 'date' }, 'date'],
    ['max', string, 'string'],
    ['first', decimalType(5, 1), 'decimal(5,1)'],
    ['last', { kind: 'boolean' }, 'boolean'],
  ] as [string, DataType, string][])('%s of %o is %s', (name, type, expected) => {
    expect(typeOf(type, name)).toBe(expected)
  })

  test.each([
    ['sum', { kind: 'boolean' }],
    ['avg', { kind: 'boolean' }],
    ['sum', { kind: 'date' }],
  ] as [string, DataType][])('%s of %o is refused', (name, type) => {
    expect(() => typeOf(type, name)).toThrow('[DATATYPE_MISMATCH]')
  })

  test('an aggregate that does not exist is refused with the nearest', () => {
    expect(() => typeOf(int, 'summ')).toThrow(/\[UNRESOLVED_ROUTINE\].*summ.*sum/)
  })
})

describe('nulls and nothing', () => {
  test.each(['sum', 'avg', 'min', 'max', 'first', 'last'])('%s of no rows, and of nulls, is null', name => {
    expect(answer(int, name, [])).toBeNull()
    expect(answer(int, name, [null, null])).toBeNull()
    expect(answer(string, name === 'sum' || name === 'avg' ? 'min' : name, [null])).toBeNull()
  })

  test('count of no rows, and of nulls, is 0', () => {
    expect(answer(int, 'count', [])).toBe(0)
    expect(answer(int, 'count', [null, null])).toBe(0)
    expect(answer(int, 'count', [null, 3])).toBe(1)
  })

  test('nulls are left out', () => {
    expect(answer(int, 'sum', [null, 2, null, 3])).toBe(5)
    expect(answer(int, 'avg', [null, 2, null, 3])).toBe(2.5)
    expect(answer(int, 'min', [null, 2, 3])).toBe(2)
    expect(answer(string, 'max', [null, 'a', null])).toBe('a')
  })

  test('first and last take nulls for values, unless they ignore them', () => {
    expect(answer(int, 'first', [null, 1, 2])).toBeNull()
    expect(answer(int, 'last', [1, 2, null])).toBeNull()
    expect(answer(int, 'first', [null, 1, 2], true)).toBe(1)
    expect(answer(int, 'last', [1, 2, null], true)).toBe(2)
    expect(answer(string, 'last', ['x', null, 'y'])).toBe('y')
    expect(answer(string, 'first', ['x', null, 'y'])).toBe('x')
  })

  test('groups without a key column are one; a null key is a key', () => {
    const schema = structType([field('k', string), field('v', int)])
    const plan = groupBy(source(schema, false), [col('k')], [as(agg('count'), 'n')])
    const rows = ['a', null, 'a', null, null].map(k => ({ k, v: 1 }))
    const [{ rows: found }] = torture({ plan, outputMode: 'update', epochs: [{ mode: 'batch', rows }] })
    expect(found.map(({ k, n }) => `${k} ${n}`).sort()).toEqual(['a 2', 'null 3'])
  })

  test('−0 and 0 are one key, and so are all NaNs', () => {
    const plan = groupBy(source(structType([field('k', double)]), false), [col('k')], [as(agg('count'), 'n')])
    const rows = [0, -0, Number.NaN, Number.NaN].map(k => ({ k }))
    const [{ rows: found }] = torture({ plan, outputMode: 'update', epochs: [{ mode: 'batch', rows }] })
    expect(found.map(({ n }) => n)).toEqual([2, 2])
  })
})

describe('values', () => {
  test('sums of integers are exact beyond 2^53', () => {
    expect(answer(long, 'sum', [2n ** 53n, 1, 1])).toBe(2n ** 53n + 2n)
    expect(answer(int, 'sum', [2147483647, 2147483647])).toBe(4294967294)
    expect(answer(long, 'sum', [-(2n ** 63n), 2n ** 63n - 1n])).toBe(-1)
  })

  test('a sum beyond int64 is an error, as in ANSI SQL', () => {
    for (const values of [
      [2n ** 63n - 1n, 1],
      [-(2n ** 63n), -1],
    ]) {
      expect(faultOf(long, 'sum', values).code).toBe('ARITHMETIC_OVERFLOW')
    }
  })

  test('decimals: sums keep their scale, averages gain four digits, half up', () => {
    expect(answer(decimalType(10, 2), 'sum', ['0.10', '0.20', '99999999.99'])).toBe('100000000.29')
    expect(answer(decimalType(10, 2), 'avg', ['1.00', '1.00', '0.00'])).toBe('0.666667')
    expect(answer(decimalType(10, 2), 'avg', ['-1.00', '-1.00', '0.00'])).toBe('-0.666667')
    expect(answer(decimalType(4, 1), 'avg', ['0.1', '0.2'])).toBe('0.15000')
    expect(answer(decimalType(30, 3), 'sum', ['123456789012345678901234567.125', '-0.125'])).toBe('123456789012345678901234567.000')
    expect(answer(decimalType(30, 3), 'max', ['-1.000', '123456789012345678901234567.125', '0.000'])).toBe(
      '123456789012345678901234567.125',
    )
    expect(answer(decimalType(30, 3), 'min', ['-1.000', '-123456789012345678901234567.125'])).toBe('-123456789012345678901234567.125')
  })

  test('a decimal sum of more than 38 digits is an error', () => {
    const most = `${'9'.repeat(38)}`
    expect(faultOf(decimalType(38, 0), 'sum', [most, most]).code).toBe('ARITHMETIC_OVERFLOW')
  })

  test('NaN is larger than any number', () => {
    expect(answer(double, 'max', [1, Number.NaN, Number.POSITIVE_INFINITY])).toBeNaN()
    expect(answer(double, 'min', [Number.NaN, 1, Number.NaN])).toBe(1)
    expect(answer(float, 'min', [Number.NaN])).toBeNaN()
    expect(answer(double, 'sum', [1, Number.NaN])).toBeNaN()
  })

  test('strings and binaries are ordered by bytes', () => {
    expect(answer(string, 'max', ['Z', 'a', 'é', '日', '🙂'])).toBe('🙂')
    expect(answer(string, 'min', ['b', 'ab', 'abc', 'a', 'aa'])).toBe('a')
    expect(answer(string, 'min', ['', 'a'])).toBe('')
    expect(answer({ kind: 'binary' }, 'max', [Uint8Array.of(1), Uint8Array.of(1, 0), Uint8Array.of(0, 255)])).toEqual(Uint8Array.of(1, 0))
    // Growing and shrinking values move between blocks.
    expect(answer(string, 'last', ['x', 'y'.repeat(5000), 'z'])).toBe('z')
    expect(
      answer(
        string,
        'max',
        Array.from({ length: 50 }, (_, i) => 'a'.repeat(i * 20)),
      ),
    ).toBe('a'.repeat(980))
  })

  test('booleans and dates', () => {
    expect(answer({ kind: 'boolean' }, 'max', [false, true, false])).toBe(true)
    expect(answer({ kind: 'boolean' }, 'min', [true, true])).toBe(true)
    expect(answer({ kind: 'date' }, 'min', ['2024-03-01', '1969-12-31'])).toEqual(new Date('1969-12-31'))
  })

  test('an expression over aggregates, and the same aggregate twice', () => {
    const total = agg('sum', col('v'))
    const columns: Expression[] = [as(call('/', total, agg('count')), 'mean'), as(total, 'total'), as(call('+', total, lit(1)), 'next')]
    const plan = groupBy(source(structType([field('v', int)]), false), [], columns)
    const [{ rows }] = torture({ plan, outputMode: 'update', epochs: [{ mode: 'batch', rows: [{ v: 1 }, { v: 4 }] }] })
    expect(rows).toEqual([{ mean: 2.5, total: 5, next: 6 }])
  })

  test('many aggregates have bits of their own', () => {
    const columns = Array.from({ length: 40 }, (_, i) => as(agg(i % 2 === 0 ? 'max' : 'first', call('+', col('v'), lit(i))), `c${i}`))
    const plan = groupBy(source(structType([field('v', int)]), false), [], columns)
    const [{ rows }] = torture({ plan, outputMode: 'update', epochs: [{ mode: 'batch', rows: [{ v: 1 }, { v: null }] }] })
    expect(rows[0]).toEqual(Object.fromEntries(columns.map((_, i) => [`c${i}`, i + 1])))
  })
})

describe('emission', () => {
  const schema = structType([field('k', string), field('v', int)])
  const plan = groupBy(source(schema), [col('k')], [as(agg('sum', col('v')), 's')])
  const row = (k: string, v: number) => ({ k, v })

  test('update: a micro-batch emits each changed group once, real time after each row', () => {
    const rows = [row('a', 1), row('b', 1), row('a', 1)]
    const epochs = (mode: 'microBatch' | 'realTime') => [
      { mode, rows },
      { mode, rows: [row('b', 5)] },
      { mode, rows: [] },
    ]
    const found = (mode: 'microBatch' | 'realTime') =>
      torture({ plan, outputMode: 'update', epochs: epochs(mode) }).map(epoch => epoch.rows.map(({ k, s }) => `${k}${s}`))
    expect(found('microBatch')).toEqual([['a2', 'b1'], ['b6'], []])
    expect(found('realTime')).toEqual([['a1', 'b1', 'a2'], ['b6'], []])
  })

  test('complete: every group at each barrier, in real time too', () => {
    for (const mode of ['microBatch', 'realTime'] as const) {
      const result = torture({
        plan,
        outputMode: 'complete',
        epochs: [
          { mode, rows: [row('a', 1), row('b', 1)] },
          { mode, rows: [row('b', 5)] },
        ],
      })
      expect(result.map(epoch => epoch.rows.map(({ k, s }) => `${k}${s}`).sort())).toEqual([
        ['a1', 'b1'],
        ['a1', 'b6'],
      ])
    }
  })

  test('complete: totals over no rows at all are one row', () => {
    const all = groupBy(source(schema), [], [as(agg('count'), 'n'), as(agg('max', col('v')), 'm')])
    for (const mode of ['microBatch', 'realTime'] as const) {
      const result = torture({
        plan: all,
        outputMode: 'complete',
        epochs: [
          { mode, rows: [] },
          { mode, rows: [row('a', 7)] },
          { mode, rows: [] },
        ],
      })
      expect(result.map(({ rows }) => rows)).toEqual([[{ n: 0, m: null }], [{ n: 1, m: 7 }], [{ n: 1, m: 7 }]])
    }
  })

  test('an error in one row leaves nothing half done before it is reported', () => {
    const sums = groupBy(source(structType([field('k', long)])), [], [as(agg('sum', col('k')), 's')])
    const epochs = [{ mode: 'microBatch', rows: [{ k: 2n ** 63n - 1n }, { k: 1 }] }] as const
    expect(() => runScenario({ plan: sums, outputMode: 'update', epochs }, undisturbed)).toThrow('[ARITHMETIC_OVERFLOW]')
  })
})
