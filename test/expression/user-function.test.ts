import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseSchema, parseType } from '../../src/expression/parse-type.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { captureFunction, loadFunction, loadModuleFunctions, type UserFunction } from '../../src/expression/user-function.ts'
import { overObjects, overRecords } from './golden/evaluate.ts'

// Goal: a function that uses nothing from around it works on any thread, and any other is refused where it is defined, with the name that
// is missing. Method: functions made from text, as the tools that users run leave it (what this file's own compiler does to a closure does
// not matter then).

const made = (text: string): UserFunction => new Function(`return (${text})`)() as UserFunction

/** Ships a function as a query does: as plain data. */
const shipped = (text: string, bindings: Record<string, unknown> = {}): UserFunction =>
  loadFunction(structuredClone(captureFunction(made(text), bindings)))

describe('a function that closes over nothing', () => {
  test.each<[string, readonly unknown[], unknown]>([
    ['x => x + 1', [1], 2],
    ['(a, b) => { const c = a * b; return c }', [3, 4], 12],
    ['function (x) { return x.toUpperCase() }', ['a'], 'A'],
    ['function fac(n) { return n < 2 ? 1 : n * fac(n - 1) }', [5], 120],
    ['({ a, b: [c = 5] }) => a + c', [{ a: 1, b: [] }], 6],
    ['(...all) => all.length', [1, 2, 3], 3],
    ['(x, y = x + 1) => y', [1], 2],
    ['x => { for (const [k, v] of Object.entries({ q: x })) if (v) return k; return null }', [1], 'q'],
    ['x => { try { return JSON.parse(x).v } catch (error) { return error.name } }', ['{'], 'SyntaxError'],
    ['x => { outer: for (let i = 0; ; i++) { if (i > x) break outer } return `${x}!` }', [2], '2!'],
    ['x => ({ x, y: x }).y', [7], 7],
    ['x => { class Box { constructor(v) { this.v = v } get() { return this.v } } return new Box(x).get() }', [9], 9],
    ['x => { function twice(n) { return 2 * n } return twice(x) }', [4], 8],
    ['x => [x].map(function (n) { return n + Math.max(1, 2) })[0]', [1], 3],
    ['x => x?.a?.[0] ?? null', [undefined], null],
  ])('%s is shipped', (text, args, result) => {
    expect(shipped(text)(...args)).toEqual(result)
  })

  test('a method in short form is shipped', () => {
    const methods = new Function('return { twice(x) { return 2 * x }, "odd name"(x) { return x + 1 }, [`a${1}`]: x => x }')() as Record<
      string,
      UserFunction
    >
    expect(Object.values(methods).map(fn => loadFunction(captureFunction(fn))(21))).toEqual([42, 22, 21])
  })
})

describe('a function that closes over something', () => {
  test.each<[string, string]>([
    ['x => x + rate', 'rate'],
    ['x => require("fs").length', 'require'],
    ['x => { return helper(x) + other }', 'helper, other'],
    ['x => process.env.HOME', 'process'],
    ['(x, y = limit) => y', 'limit'],
    ['({ [key]: v }) => v', 'key'],
    ['x => ({ rate })', 'rate'],
    ['x => `${rate}`', 'rate'],
    ['x => { total = x }', 'total'],
    ['x => __vite_ssr_import_0__.rate * x', '__vite_ssr_import_0__'],
    ['x => (() => this)()', 'this'],
  ])('%s is refused by the name of it', (text, names) => {
    expect(() => captureFunction(made(text), {}, 'f')).toThrow(
      expect.objectContaining({ code: 'UDF_FREE_VARIABLE', message: expect.stringContaining(names) }),
    )
  })

  test.each([
    'async x => x',
    'async function (x) { return x }',
    'function* (x) { yield x }',
    'x => this.y',
    'Math.max',
    '(() => 1).bind(null)',
  ])('%s is refused', text => {
    expect(() => captureFunction(made(text), {}, 'f')).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^UDF_(UNSUPPORTED|FREE_VARIABLE)$/) }),
    )
  })

  test('a class is refused', () => {
    expect(() => captureFunction(made('class { }'), {}, 'f')).toThrow(expect.objectContaining({ code: 'UDF_UNSUPPORTED' }))
  })

  test('what is passed as a binding is there', () => {
    expect(shipped('x => x * rate + table.a', { rate: 2, table: { a: 1 } })(5)).toBe(11)
  })

  test('a binding may have the name of a global, or of a helper of tools', () => {
    expect(shipped('x => Math + x + __name', { Math: 1, __name: 2 })(3)).toBe(6)
  })
})

describe('what tools put into a function', () => {
  test("esbuild's and tsx's keepNames are harmless", () => {
    const text = '(x) => { const inner = /* @__PURE__ */ __name((y) => y + 1, "inner"); var __name2 = 1; return inner(x) }'
    expect(shipped(text)(1)).toBe(2)
  })

  test("istanbul's counters are harmless", () => {
    const text =
      'x => { cov_1abc2def().f[0]++; cov_1abc2def().s[0]++; return x > 1 ? (cov_1abc2def().b[0][0]++, "more") : (cov_1abc2def().b[0][1]++, "less") }'
    expect([shipped(text)(2), shipped(text)(1)]).toEqual(['more', 'less'])
  })

  test('the counters of old istanbul are harmless', () => {
    expect(shipped('x => { __cov_a1.s["1"]++; return x }')(3)).toBe(3)
  })

  test('a debugger, a directive and comments are harmless', () => {
    expect(shipped('function (x) { "use strict"; /* rate */ // limit\n return x }')(1)).toBe(1)
  })
})

describe('a function of a module', () => {
  test('is called once it was loaded, and refused before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-udf-'))
    try {
      const file = join(folder, "it's a module.mjs")
      writeFileSync(file, 'const rate = 3\nexport const triple = x => x * rate\nexport const notOne = 5\n')
      const url = pathToFileURL(file).href
      const ref = { kind: 'module', url, name: 'triple' } as const
      expect(() => loadFunction(ref)).toThrow(expect.objectContaining({ code: 'UDF_NOT_FOUND' }))
      await loadModuleFunctions([ref])
      expect(loadFunction(ref)(4)).toBe(12)
      await expect(loadModuleFunctions([{ url, name: 'notOne' }])).rejects.toMatchObject({ code: 'UDF_NOT_FOUND' })
      await expect(loadModuleFunctions([{ url, name: 'missing' }])).rejects.toMatchObject({ code: 'UDF_NOT_FOUND' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('in an expression', () => {
  const schema = parseSchema('a BIGINT, b STRING')
  const both = (text: string, type: string, row: Record<string, unknown>): readonly unknown[] => {
    const args = [
      { kind: 'column', name: 'a' },
      { kind: 'column', name: 'b' },
    ] as const
    const bound = resolveExpression({ kind: 'udf', ref: captureFunction(made(text)), name: 'f', args, type: parseType(type) }, schema)
    return [overObjects(bound, schema), overRecords(bound, schema)].map(run => run(row))
  }

  test('it sees values as users do, nulls too', () => {
    expect(both('(a, b) => typeof a + ":" + typeof b', 'string', { a: 1, b: 'x' })).toEqual(['number:string', 'number:string'])
    expect(both('(a, b) => typeof a', 'string', { a: 2n ** 60n, b: 'x' })).toEqual(['bigint', 'bigint'])
    expect(both('(a, b) => a === null && b === null', 'boolean', { a: null, b: null })).toEqual([true, true])
    expect(both('(a, b) => undefined', 'string', { a: 1, b: 'x' })).toEqual([null, null])
  })

  test.each<[string, string, string]>([
    ['() => "x"', 'double', 'UDF_RESULT_TYPE'],
    ['() => 1.5', 'int', 'UDF_RESULT_TYPE'],
    ['() => 2 ** 40', 'int', 'UDF_RESULT_TYPE'],
    ['() => 5', 'string', 'UDF_RESULT_TYPE'],
    ['() => ({})', 'boolean', 'UDF_RESULT_TYPE'],
    ['() => { throw new Error("no such card") }', 'string', 'UDF_FAILED'],
    ['() => { throw null }', 'string', 'UDF_FAILED'],
  ])('%s as %s ends in %s', (text, type, code) => {
    expect(() => both(text, type, { a: 1, b: 'x' })).toThrow(expect.objectContaining({ code }))
  })
})
