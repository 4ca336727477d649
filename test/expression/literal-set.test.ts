import { describe, expect, test } from 'vitest'
import type { Expression } from '../../src/expression/expression.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { TextCache } from '../../src/expression/text-cache.ts'
import { type DataType, field, structType } from '../../src/record/data-type.ts'
import { decodeUtf8 } from '../../src/record/strings.ts'
import { call, col, lit } from '../support/plans.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { overObjects, overRecords } from './golden/evaluate.ts'

// Goal: a long list of an `in` answers as a short one does. Method: random lists by seed against a plain JavaScript search, nulls included.

const text = (random: SeededRandom): string => random.pick(['', 'a', 'grün', '🙂', 'x'.repeat(random.below(40)), `k${random.below(60)}`])

const kinds: readonly [DataType, (random: SeededRandom) => string | number][] = [
  [{ kind: 'integer' }, random => random.pick([0, -1, 2147483647, -2147483648, random.below(60)])],
  [{ kind: 'byte' }, random => random.below(256) - 128],
  [{ kind: 'double' }, random => random.pick([0.5, 1e300, random.below(60)])],
  [{ kind: 'string' }, text],
]

describe('a long list of literals', () => {
  test.each(seeds(20))('finds what a search finds, seed %i', seed => {
    const random = seededRandom(seed)
    for (const [type, make] of kinds) {
      const list = Array.from({ length: 1 + random.below(120) }, () => make(random))
      const withNull = random.below(2) === 0
      const items: Expression[] = [...list.map(value => lit(value, type)), ...(withNull ? [lit(null, type)] : [])]
      const schema = structType([field('a', type)])
      const bound = resolveExpression(call('in', col('a'), ...items), schema)
      const evaluations = [overObjects(bound, schema), overRecords(bound, schema)]
      for (let n = 0; n < 40; n++) {
        const value = random.below(8) === 0 ? null : random.below(2) === 0 ? random.pick(list) : make(random)
        const expected = value === null ? null : list.includes(value) ? true : withNull ? null : false
        for (const evaluate of evaluations) expect(evaluate({ a: value })).toBe(expected)
      }
    }
  })
})

describe('texts of bytes', () => {
  test.each(seeds(10))('are the same remembered or made anew, seed %i', seed => {
    const random = seededRandom(seed)
    const cache = new TextCache()
    for (let n = 0; n < 6000; n++) {
      // Damaged bytes too: what they become may be as long as they are.
      const bytes =
        random.below(4) === 0 ? Uint8Array.from({ length: random.below(30) }, () => random.below(256)) : Buffer.from(text(random))
      expect(cache.decode(bytes, 0, bytes.length)).toBe(decodeUtf8(bytes, 0, bytes.length))
    }
  })
})
