import { describe, expect, test } from 'vitest'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { call, col } from '../support/plans.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { overRecords } from './golden/evaluate.ts'
import { goldenValue } from './golden/golden-file.ts'

// Goal: longs are exact up to the last that fits, and an error from the first that does not. Method: random operands around every power of
// two, by seed, against bigints of any size; nulls among them, whose memory holds anything.

const operand = (random: SeededRandom): bigint | null => {
  if (random.below(10) === 0) return null
  const value = 2n ** BigInt(random.below(64)) + BigInt(random.below(5) - 2)
  return BigInt.asIntN(64, random.below(2) === 0 ? value : -value)
}

const operators: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  div: (a, b) => a / b,
  negative: a => -a,
  abs: a => (a < 0n ? -a : a),
}

const schema = structType([field('a', { kind: 'long' }), field('b', { kind: 'long' })])

describe('longs', () => {
  test.each(seeds(10))('are exact or an error, seed %i', seed => {
    const random = seededRandom(seed)
    for (const [name, exact] of Object.entries(operators)) {
      const args = name === 'negative' || name === 'abs' ? [col('a')] : [col('a'), col('b')]
      const evaluate = overRecords(resolveExpression(call(name, ...args), schema), schema)
      for (let n = 0; n < 60; n++) {
        const [a, b] = [operand(random), operand(random)]
        const what = `${a} ${name} ${b}`
        if (a === null || (args.length === 2 && b === null)) {
          if (!(name === 'div' && b === 0n)) expect(evaluate({ a, b }), what).toBe(null)
          continue
        }
        const answer = name === 'div' && b === 0n ? null : exact(a, b ?? 0n)
        if (answer === null || BigInt.asIntN(64, answer) !== answer) expect(() => evaluate({ a, b }), what).toThrow(/OVERFLOW|DIVIDE/)
        else expect(evaluate({ a, b }), what).toEqual(goldenValue(answer, { kind: 'long' }))
      }
    }
  })
})
