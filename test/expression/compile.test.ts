import { describe, expect, test } from 'vitest'
import { CodeBuilder } from '../../src/expression/code-builder.ts'
import { compileExpression } from '../../src/expression/compile.ts'
import type { Expression } from '../../src/expression/expression.ts'
import { objectAccessor } from '../../src/expression/object-accessor.ts'
import { objectWriter } from '../../src/expression/object-codec.ts'
import { userValue } from '../../src/expression/object-emitter.ts'
import { parseSchema, parseType } from '../../src/expression/parse-type.ts'
import { recordAccessor, VIEW_NAMES } from '../../src/expression/record-accessor.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { call, col } from '../support/plans.ts'

const context = { nowMicros: '1000', random: () => 'null' }
const lit = (value: number | string | null | boolean, type: string): Expression => ({ kind: 'literal', value, type: parseType(type) })
const cast = (child: Expression, to: string): Expression => ({ kind: 'cast', child, to: parseType(to) })

/** Evaluates over both back ends and checks that they agree. */
const evaluate = (ddl: string, row: Record<string, unknown>, expression: Expression): unknown => {
  const schema = parseSchema(ddl)
  const bound = resolveExpression(expression, schema)
  const objects = new CodeBuilder()
  const value = compileExpression(objects, bound, objectAccessor(objects, schema, 'row'), context)
  objects.line(`return ${userValue(objects, value)}`)
  const fromObject = (objects.build('f', ['row']).call as (row: unknown) => unknown)(row)
  const buffer = new RecordBuffer(RowLayout.of(schema))
  objectWriter(schema)(row, buffer)
  const records = new CodeBuilder()
  records.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const second = compileExpression(records, bound, recordAccessor(records, RowLayout.of(schema), VIEW_NAMES, 'p'), context)
  records.line(`return ${userValue(records, second)}`)
  const fromRecord = (records.build('f', ['views', 'p']).call as (views: unknown, p: number) => unknown)(buffer, buffer.next())
  expect(fromRecord).toEqual(fromObject)
  return fromObject
}

describe('expressions over both back ends', () => {
  test.each<[string, Record<string, unknown>, Expression, unknown]>([
    ['a INT, b INT', { a: 1, b: 2 }, call('+', col('a'), col('b')), 3],
    ['a INT, b BIGINT', { a: 1, b: 2n ** 53n }, call('+', col('a'), col('b')), 2n ** 53n + 1n],
    ['a INT', { a: null }, call('+', col('a'), lit(1, 'int')), null],
    ['a INT', { a: 7 }, call('/', col('a'), lit(2, 'int')), 3.5],
    ['a BIGINT', { a: -7 }, call('%', col('a'), lit(3, 'int')), -1],
    ['a STRING, b STRING', { a: 'grün', b: 'x' }, call('concat', col('a'), lit('-', 'string'), col('b')), 'grün-x'],
    ['a STRING', { a: 'grün' }, call('length', col('a')), 4],
    ['a STRING', { a: 'grün' }, call('upper', col('a')), 'GRÜN'],
    ['a STRING', { a: 'hello' }, call('substring', col('a'), lit(2, 'int'), lit(3, 'int')), 'ell'],
    ['a STRING', { a: 'hello' }, call('substring', col('a'), lit(-3, 'int'), lit(2, 'int')), 'll'],
    ['a STRING', { a: 'grün🙂x' }, call('substring', col('a'), lit(3, 'int'), lit(3, 'int')), 'ün🙂'],
    ['a STRING', { a: 'Many hands make light work.' }, call('base64', col('a')), 'TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu'],
    ['a STRING', { a: 'abcde' }, call('like', col('a'), lit('a%d_', 'string')), true],
    ['a STRING', { a: 'abc' }, call('like', col('a'), lit('%b', 'string')), false],
    ['a INT', { a: null }, call('and', call('>', col('a'), lit(1, 'int')), lit(false, 'boolean')), false],
    ['a INT', { a: null }, call('or', call('>', col('a'), lit(1, 'int')), lit(true, 'boolean')), true],
    ['a INT', { a: null }, call('and', call('>', col('a'), lit(1, 'int')), lit(true, 'boolean')), null],
    ['a INT', { a: 3 }, call('in', col('a'), lit(1, 'int'), lit(3, 'int')), true],
    ['a INT', { a: 3 }, call('in', col('a'), lit(1, 'int'), lit(null, 'int')), null],
    ['a INT', { a: null }, call('coalesce', col('a'), lit(5, 'int')), 5],
    ['a INT, b INT', { a: null, b: 4 }, call('greatest', col('a'), col('b'), lit(3, 'int')), 4],
    ['a DOUBLE', { a: 2.5 }, call('round', col('a')), 3],
    ['a DOUBLE', { a: -1.255 }, call('round', col('a'), lit(2, 'int')), -1.26],
    ['a DECIMAL(10,2), b DECIMAL(10,2)', { a: '1.10', b: '3.00' }, call('/', col('a'), col('b')), '0.3666666666667'],
    ['a DECIMAL(5,2)', { a: '12.34' }, call('*', col('a'), col('a')), '152.2756'],
    ['a STRING', { a: '2020-01-02 03:04:05.6' }, cast(cast(col('a'), 'timestamp'), 'string'), '2020-01-02 03:04:05.6'],
    ['a DOUBLE', { a: 1e7 }, cast(col('a'), 'string'), '1.0E7'],
    ['a STRING', { a: ' 42 ' }, cast(col('a'), 'int'), 42],
    ['a INT', { a: 1 }, call('hash', col('a')), -559580957],
    ['a STRING', { a: 'Spark' }, call('hash', col('a')), 228093765],
    ['a STRING', { a: 'Spark' }, call('xxhash64', col('a')), -4294468057691064905n],
    [
      'a INT',
      { a: 3 },
      { kind: 'case', branches: [{ when: call('=', col('a'), lit(3, 'int')), then: lit('three', 'string') }], otherwise: null },
      'three',
    ],
    ['a STRUCT<b: INT, c: STRING>', { a: { b: 1, c: 'x' } }, { kind: 'toJson', child: col('a'), options: {} }, '{"b":1,"c":"x"}'],
  ])('%s %o', (ddl, row, expression, answer) => {
    expect(evaluate(ddl, row, expression)).toEqual(answer)
  })

  test.each<[string, Record<string, unknown>, Expression, string]>([
    ['a INT', { a: 2147483647 }, call('+', col('a'), lit(1, 'int')), 'ARITHMETIC_OVERFLOW'],
    ['a BIGINT', { a: -(2n ** 63n) }, call('*', lit(-1, 'bigint'), col('a')), 'ARITHMETIC_OVERFLOW'],
    ['a INT', { a: 0 }, call('/', lit(1, 'int'), col('a')), 'DIVIDE_BY_ZERO'],
    ['a STRING', { a: 'x' }, cast(col('a'), 'int'), 'CAST_INVALID_INPUT'],
    ['a INT', { a: 300 }, cast(col('a'), 'tinyint'), 'CAST_OVERFLOW'],
    ['a STRING', { a: 'Y' }, call('unbase64', col('a')), 'CONVERSION_INVALID_INPUT'],
  ])('%s %o fails', (ddl, row, expression, code) => {
    expect(() => evaluate(ddl, row, expression)).toThrow(expect.objectContaining({ code }))
  })

  test('a branch that is not taken cannot fail', () => {
    const guarded: Expression = {
      kind: 'case',
      branches: [{ when: call('=', col('a'), lit(0, 'int')), then: lit(-1, 'double') }],
      otherwise: call('/', lit(1, 'int'), col('a')),
    }
    expect(evaluate('a INT', { a: 0 }, guarded)).toBe(-1)
    expect(evaluate('a INT', { a: 4 }, guarded)).toBe(0.25)
  })

  test('from_json picks fields, nested ones too, and gives nulls for malformed text', () => {
    const fromJson: Expression = {
      kind: 'fromJson',
      child: col('j'),
      schema: parseSchema('id BIGINT, s STRING, n STRUCT<d: DOUBLE, b: BOOLEAN>'),
      options: {},
    }
    const run = (text: string): unknown => evaluate('j STRING', { j: text }, fromJson)
    expect(run('{"id": 9007199254740993, "x": [1, {"id": 2}], "s": "a\\u00fc\\n", "n": {"b": true, "d": 1.5e3}}')).toEqual({
      id: 9007199254740993n,
      s: 'aü\n',
      n: { d: 1500, b: true },
    })
    expect(run('{"id": "x", "s": 12}')).toEqual({ id: null, s: '12', n: null })
    expect(run('{"id": 1, "s": ')).toEqual({ id: null, s: null, n: null })
    expect(run('')).toBeNull()
    expect(run('{}')).toEqual({ id: null, s: null, n: null })
  })

  test('a misspelt column is answered with the nearest names', () => {
    expect(() => resolveExpression(col('amuont'), parseSchema('amount INT, account INT, id INT'))).toThrow(/amount, account/)
  })
})
