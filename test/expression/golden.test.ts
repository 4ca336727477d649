import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import type { UserRow } from '../../src/expression/object-codec.ts'
import { resolveAggregate, resolveExpression } from '../../src/expression/resolve.ts'
import { typeName } from '../../src/record/data-type.ts'
import { overColumns, overObjects, overRecords, windowsOf, windowTimesOf } from './golden/evaluate.ts'
import { decodeExpression, type GoldenCase, goldenSchema, readGolden, userRow } from './golden/golden-file.ts'

// Goal: every expression gives what Spark gives, with Spark's type, and fails where Spark fails. Method: tables that Spark answered
// (golden/generate.py), computed by generated code over all kinds of rows.

const folder = new URL('./golden/', import.meta.url)

/**
 * Answers in which we differ, with the reason: rows of a case as JSON text, or '*' for the whole case. One that no longer differs must be
 * taken out.
 */
interface Difference {
  readonly why: string
  readonly cases: Readonly<Record<string, readonly string[] | '*'>>
}
const differences = JSON.parse(readFileSync(new URL('differences.json', folder), 'utf8')) as readonly Difference[]

const differingRows = (family: string, name: string): ReadonlySet<string> | '*' => {
  const found = differences.map(difference => difference.cases[`${family}/${name}`]).filter(rows => rows !== undefined)
  return found.includes('*') ? '*' : new Set(found.flat())
}

for (const file of readdirSync(folder).filter(name => name.endsWith('.golden.json') && !name.startsWith('aggregates'))) {
  const family = file.replace('.golden.json', '')
  describe(`${family}, as Spark answers`, () => {
    for (const golden of readGolden(file)) {
      const known = differingRows(family, golden.name)
      const title = `${golden.name}: ${golden.sql.slice(0, 100).replaceAll('\n', '\\n')}`
      if (known === '*') test.fails(title, () => check(golden, new Set()))
      else test(title, () => check(golden, known))
    }
  })
}

describe('aggregates, as Spark types them', () => {
  for (const golden of readGolden('aggregates.golden.json')) {
    const run = differingRows('aggregates', golden.name) === '*' ? test.fails : test
    run(golden.name, () => {
      const resolve = () => resolveAggregate(decodeExpression(golden.expression), goldenSchema(golden))
      if (golden.analysisError !== undefined) expect(resolve).toThrow(EngineError)
      else expect(typeName(resolve().type)).toBe(golden.resultType)
    })
  }
})

const check = (golden: GoldenCase, known: ReadonlySet<string>): void => {
  const expression = decodeExpression(golden.expression)
  const schema = goldenSchema(golden)
  if (golden.analysisError !== undefined) {
    expect(() => resolveExpression(expression, schema), golden.analysisError).toThrow(EngineError)
    return
  }
  const rows = golden.rows.map(row => userRow(row, schema))
  if (expression.kind === 'window') {
    expect(rows.map(windowsOf(expression, schema))).toEqual(golden.answers)
    return
  }
  if (expression.kind === 'call' && expression.name === 'windowTime' && expression.args[0].kind === 'window') {
    expect(rows.map(windowTimesOf(expression.args[0], schema))).toEqual(golden.answers)
    return
  }
  let bound: ReturnType<typeof resolveExpression>
  let evaluations: [string, (row: UserRow) => unknown][]
  try {
    bound = resolveExpression(expression, schema)
    evaluations = [
      ['objects', overObjects(bound, schema)],
      ['records', overRecords(bound, schema)],
      ['columns', overColumns(bound, schema)],
      ['columns, by a function in parts', overColumns(bound, schema, { from: 1, part: 100, least: 1 })],
      ['records, by a function in parts', overRecords(bound, schema, { from: 1, part: 100, least: 1 })],
    ]
  } catch (error) {
    // What fails for every row that is no null may as well be refused before the first.
    const onlyNulls = (row: readonly unknown[]): boolean => row.every(value => value === null)
    if (error instanceof EngineError && golden.answers.every((answer, i) => isError(answer) || onlyNulls(golden.rows[i]))) return
    throw error
  }
  expect(typeName(bound.type)).toBe(golden.resultType)
  for (const [label, evaluate] of evaluations) {
    const different = compare(golden, rows, evaluate, known)
    if (different.length > 0) throw new Error(`over ${label}:\n${different.join('\n')}`)
  }
}

const isError = (answer: unknown): answer is { error: string } => typeof answer === 'object' && answer !== null && 'error' in answer

/** A line for each row whose answer differs. */
const compare = (
  golden: GoldenCase,
  rows: readonly UserRow[],
  evaluate: (row: UserRow) => unknown,
  known: ReadonlySet<string>,
): string[] => {
  const different: string[] = []
  for (const [i, row] of rows.entries()) {
    const wanted = golden.answers[i]
    let got: unknown
    try {
      got = evaluate(row)
    } catch (error) {
      got = { error: error instanceof EngineError ? error.code : error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
    const same = isError(wanted) ? isError(got) && sameError(wanted.error, got.error) : JSON.stringify(wanted) === JSON.stringify(got)
    const text = JSON.stringify(golden.rows[i])
    if (known.has(text)) {
      if (same) different.push(`${text}: listed in differences.json, but it agrees now`)
      continue
    }
    if (!same) different.push(`${text}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`)
  }
  return different
}

/** Which codes of ours say what Spark's condition says. Spark tells more kinds of overflow apart than a user needs. */
const codes: Readonly<Record<string, readonly string[]>> = {
  ARITHMETIC_OVERFLOW: ['ARITHMETIC_OVERFLOW'],
  BINARY_ARITHMETIC_OVERFLOW: ['ARITHMETIC_OVERFLOW'],
  CAST_INVALID_INPUT: ['CAST_INVALID_INPUT'],
  CAST_OVERFLOW: ['CAST_OVERFLOW', 'ARITHMETIC_OVERFLOW'],
  DIVIDE_BY_ZERO: ['DIVIDE_BY_ZERO'],
  REMAINDER_BY_ZERO: ['DIVIDE_BY_ZERO'],
  NUMERIC_OUT_OF_SUPPORTED_RANGE: ['NUMERIC_VALUE_OUT_OF_RANGE', 'CAST_OVERFLOW', 'CAST_INVALID_INPUT', 'ARITHMETIC_OVERFLOW'],
  NUMERIC_VALUE_OUT_OF_RANGE: ['NUMERIC_VALUE_OUT_OF_RANGE', 'CAST_OVERFLOW', 'ARITHMETIC_OVERFLOW'],
}

const sameError = (wanted: string, got: string): boolean => {
  const condition = wanted.split('.')[0]
  return condition in codes ? codes[condition].includes(got) : /^[A-Z][A-Z_]+$/.test(got) && got !== 'INTERNAL'
}
