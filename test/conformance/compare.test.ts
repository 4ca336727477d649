import { describe, expect, test } from 'vitest'
import { compareRows, corpusValue } from '../../src/testing/conformance/compare.ts'
import { isKind } from '../../src/testing/conformance/errors.ts'
import { missingFeature } from '../../src/testing/conformance/features.ts'
import type { Case, Plan } from '../../src/testing/conformance/format.ts'
import { Recorder } from '../../src/testing/conformance/sink.ts'

// Goal: the runner can tell right from wrong. Method: each of its judges alone, on both sides of the line.

describe('comparing rows', () => {
  test('order does not matter, number of copies does', () => {
    expect(
      compareRows(
        [
          [1, 'a'],
          [2, null],
          [1, 'a'],
        ],
        [
          [2, null],
          [1, 'a'],
          [1, 'a'],
        ],
      ),
    ).toBe(null)
    expect(compareRows([[1], [1]], [[1]])).toContain('missing [[1]]')
    expect(compareRows([[1]], [[1], [1]])).toContain('too much [[1]]')
  })

  test('order matters where the case says so', () => {
    expect(compareRows([[1], [2]], [[1], [2]], true)).toBe(null)
    expect(compareRows([[1], [2]], [[2], [1]], true)).toContain('in this order')
  })

  test('doubles are equal to a billionth of their size, and integers beside them', () => {
    expect(compareRows([[0.30000000000000004]], [[0.3]])).toBe(null)
    expect(compareRows([[1]], [[1.00001]])).not.toBe(null)
    expect(compareRows([[0]], [[1e-12]])).not.toBe(null)
  })

  test('null is no zero, text no number', () => {
    expect(compareRows([[null]], [[0]])).not.toBe(null)
    expect(compareRows([['1']], [[1]])).not.toBe(null)
  })

  test('engine values come as the corpus writes them', () => {
    expect(corpusValue(new Date(1500))).toBe(1500)
    expect(corpusValue(12n)).toBe(12)
    expect(corpusValue({ start: new Date(0), end: new Date(10) })).toEqual([0, 10])
    expect(corpusValue(undefined)).toBe(null)
  })
})

describe('what the sink received', () => {
  test('fresh rows are those since the last look', () => {
    const recorder = new Recorder(false)
    recorder.open(0)
    recorder.process({ a: 1 })
    recorder.close(null)
    expect(recorder.fresh()).toEqual([[1]])
    recorder.looked()
    recorder.open(1)
    recorder.process({ a: 2 })
    expect(recorder.fresh()).toEqual([[2]])
    expect(recorder.last).toEqual([[1]])
    expect(recorder.all()).toEqual([[1], [2]])
  })

  test('in complete mode only the latest epoch counts', () => {
    const recorder = new Recorder(true)
    for (const n of [1, 2]) {
      recorder.open(n)
      recorder.process({ a: n })
      recorder.close(null)
    }
    expect(recorder.all()).toEqual([[2]])
  })

  test('an epoch that failed is no batch, and its rows are replaced when it comes again', () => {
    const recorder = new Recorder(false)
    recorder.open(3)
    recorder.process({ a: 1 })
    recorder.close(new Error('no'))
    expect(recorder.batches).toEqual([])
    recorder.open(3)
    recorder.process({ a: 2 })
    recorder.close(null)
    expect(recorder.all()).toEqual([[2]])
    expect(recorder.batches).toEqual([[[2]]])
  })
})

describe('errors and features', () => {
  test('an error is of a kind by its code', () => {
    expect(isKind({ code: 'UNRESOLVED_COLUMN' }, 'unknown-column')).toBe(true)
    expect(isKind({ code: 'INTERNAL' }, 'unknown-column')).toBe(false)
    expect(isKind(new Error('x'), 'unknown-column')).toBe(false)
    expect(isKind({ code: 'UNRESOLVED_COLUMN' }, 'a kind that nobody knows')).toBe(false)
  })

  const caseOf = (query: Plan, more: Partial<Case> = {}): Case => ({
    name: 'x',
    mode: 'any',
    outputMode: 'append',
    sources: { in: { columns: [['a', 'int']] } },
    query,
    steps: [],
    ...more,
  })

  test('a case names what is missing', () => {
    const source: Plan = { op: 'source', name: 'in' }
    expect(missingFeature(caseOf(source), 'micro-batch')).toBe(null)
    expect(missingFeature(caseOf({ op: 'select', columns: [['x', ['no_such_function', 'a']]], input: source }), 'micro-batch')).toBe(
      'function no_such_function',
    )
    expect(missingFeature(caseOf({ op: 'filter', where: ['>', ['no_such_function', 'a'], 1], input: source }), 'micro-batch')).toBe(
      'function no_such_function',
    )
    expect(missingFeature(caseOf({ op: 'noSuchOperator', input: source }), 'micro-batch')).toBe('operator noSuchOperator')
    expect(missingFeature(caseOf(source, { requires: ['no-such-tag'] }), 'micro-batch')).toBe('tag no-such-tag')
    expect(missingFeature(caseOf(source, { steps: [{ noSuchStep: true }] }), 'micro-batch')).toBe('step noSuchStep')
  })
})
