import { describe, expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import { parseType } from '../../src/expression/parse-type.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { captureFunction } from '../../src/expression/user-function.ts'
import { type DataType, field, structType } from '../../src/record/data-type.ts'
import { call } from '../support/plans.ts'
import { overObjects, overRecords } from './golden/evaluate.ts'

// Goal: names and literals of users are data, whatever stands in them, and never become code. Method: the worst ones in every place where a
// name or a literal comes near generated code; each that got in would throw, or leave `hacked` behind.

const dollar = '$'
const hostile = [
  '"; globalThis.hacked = 1; "',
  "'; globalThis.hacked = 1; '",
  `${dollar}{globalThis.hacked = 1}`,
  `\`${dollar}{globalThis.hacked = 1}\``,
  '*/ globalThis.hacked = 1 /*',
  '\\"; globalThis.hacked = 1; //',
  'line\nglobalThis.hacked = 1',
  '\u2028globalThis.hacked = 1\u2029',
  '\r\n\t\0\b',
  '</script>',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'row',
  'views',
  '',
  ' ',
  '🙂\ud800',
]

const both = (expression: Expression, schema: ReturnType<typeof structType>, row: Record<string, unknown>): readonly unknown[] => {
  const bound = resolveExpression(expression, schema)
  return [overObjects(bound, schema), overRecords(bound, schema)].map(run => run(row))
}

const literal = (value: string, type: DataType = { kind: 'string' }): Expression => ({ kind: 'literal', value, type })
const one = structType([field('c', { kind: 'string' })])
const column: Expression = { kind: 'column', name: 'c' }
const wellFormed = (text: string): string => text.replaceAll('\ud800', '\ufffd')
/** As JSON object: `{ __proto__: … }` would set a prototype. */
const rowOf = (name: string, value: unknown): Record<string, unknown> => Object.fromEntries([[name, value]])

describe('what a user wrote never becomes code', () => {
  test.each(hostile)('the literal %j', text => {
    expect(both(literal(text), one, { c: 'x' })).toEqual([wellFormed(text), wellFormed(text)])
    expect(both(call('concat', column, literal(text)), one, { c: 'x' })).toEqual([`x${wellFormed(text)}`, `x${wellFormed(text)}`])
    expect(both(call('=', column, literal(text)), one, { c: text })).toEqual([true, true])
    expect(both(call('in', column, literal(text), literal('other')), one, { c: text })).toEqual([true, true])
    expect(both(call('contains', column, literal(text)), one, { c: `<${text}>` })).toEqual([true, true])
    expect(Reflect.get(globalThis, 'hacked')).toBeUndefined()
  })

  test.each(hostile)('the pattern %j', text => {
    const escaped = text.replaceAll('\\', '\\\\').replaceAll('_', '\\_')
    expect(both(call('like', column, literal(`%${escaped}%`)), one, { c: `<${text}>` })).toEqual([true, true])
    expect(Reflect.get(globalThis, 'hacked')).toBeUndefined()
  })

  test.each(hostile)('the column name %j', name => {
    const schema = structType([field(name, { kind: 'long' }), field('other', { kind: 'string' })])
    const byName: Expression = { kind: 'column', name }
    expect(both(call('+', byName, byName), schema, { ...rowOf(name, 4), other: 'x' })).toEqual([8, 8])
    expect(Reflect.get(globalThis, 'hacked')).toBeUndefined()
  })

  test.each(hostile.map(wellFormed))('the field name %j, in a struct and in JSON', name => {
    const type = structType([field(name, { kind: 'integer' }), field('more', structType([field(name, { kind: 'string' })]))])
    const text = `{${JSON.stringify(name)}:7,"more":{${JSON.stringify(name)}:"v"}}`
    const parsed: Expression = { kind: 'fromJson', child: column, schema: type, options: {} }
    const wanted = Object.fromEntries([
      [name, 7],
      ['more', rowOf(name, 'v')],
    ])
    expect(both(parsed, one, { c: text })).toEqual([wanted, wanted])
    expect(both({ kind: 'toJson', child: parsed, options: {} }, one, { c: text }).map(json => JSON.parse(String(json)))).toEqual([
      wanted,
      wanted,
    ])
    expect(Reflect.get(globalThis, 'hacked')).toBeUndefined()
  })

  test.each(hostile)('the name of a user function, %j', name => {
    const udf: Expression = { kind: 'udf', ref: captureFunction(x => x), name, args: [column], type: parseType('string') }
    expect(both(udf, one, { c: 'x' })).toEqual(['x', 'x'])
    const wrong: Expression = { ...udf, ref: captureFunction(() => 5) }
    expect(() => both(wrong, one, { c: 'x' })).toThrow(expect.objectContaining({ code: 'UDF_RESULT_TYPE' }))
    expect(Reflect.get(globalThis, 'hacked')).toBeUndefined()
  })
})

describe('large functions', () => {
  test('two thousand expressions over five hundred columns give what each alone gives', () => {
    const columns = Array.from({ length: 500 }, (_, i) => field(`c${i}`, { kind: i % 2 === 0 ? 'long' : 'string' }))
    const schema = structType(columns)
    const at = (i: number): Expression => ({ kind: 'column', name: `c${i}` })
    const expressions = Array.from({ length: 2000 }, (_, i): Expression => {
      const n = i % 500
      return n % 2 === 0 ? call('+', at(n), { kind: 'literal', value: i, type: { kind: 'long' } }) : call('concat', at(n), literal(`-${i}`))
    })
    const row = Object.fromEntries(columns.map((f, i) => [f.name, i % 7 === 0 ? null : i % 2 === 0 ? i : `s${i}`]))
    const wanted = expressions.map((_, i) => {
      const n = i % 500
      return n % 7 === 0 ? null : n % 2 === 0 ? n + i : `s${n}-${i}`
    })
    for (const answer of both(call('struct', ...expressions), schema, row)) expect(Object.values(answer as object)).toEqual(wanted)
  })
})
