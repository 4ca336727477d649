import { FRONT_FACTOR, mixWords } from 'native-free-buffers'
import { expect, test } from 'vitest'
import { field, structType } from '../../src/record/data-type.ts'
import { torture } from '../../src/testing/torture/index.ts'
import { agg, as, col, groupBy, source } from '../support/plans.ts'
import { seededRandom, seeds } from '../support/random.ts'

// Goal: groups whose entries contend for one place in the front of the index are told apart. Method: keys of one mix, made by going
// backwards, among others; counted beside a Map.

const FACTOR = BigInt(FRONT_FACTOR)
/** FRONT_FACTOR times this is 1 modulo 2^32. Each step doubles the bits that are right. */
let inverse = 1n
for (let bits = 1; bits < 32; bits *= 2) inverse = BigInt.asUintN(32, inverse * (2n - FACTOR * inverse))

/** The low word that gives a key with this high word the mix. */
const lowFor = (high: number, mix: number): number => {
  const inner = Math.imul(high, FRONT_FACTOR)
  return Math.imul(mix, Number(inverse)) ^ inner ^ (inner >>> 15)
}

const words = new Int32Array(2)
const long = new BigInt64Array(words.buffer)

test.each(seeds(4))('keys of one mix are different groups (seed %i)', seed => {
  const random = seededRandom(seed)
  const mixes = [0, -1, random.below(2 ** 32) | 0]
  const keys = mixes.flatMap(mix =>
    Array.from({ length: 5 }, (_, i) => {
      words.set([lowFor(i - 2, mix), i - 2])
      expect(mixWords(words, 0, 2)).toBe(mix)
      return long[0]
    }),
  )
  for (let i = 0; i < 300; i++) keys.push(BigInt(random.below(600)))
  const rows = Array.from({ length: 3000 }, () => ({ k: random.pick(keys), v: random.pick([null, 1, 2]) }))
  for (const nullable of [false, true]) {
    const expected = new Map<string, number>()
    for (const { k, v } of rows) {
      const name = `${k} ${nullable ? v : ''}`
      expected.set(name, (expected.get(name) ?? 0) + 1)
    }
    const schema = structType([field('k', { kind: 'long' }, nullable), field('v', { kind: 'integer' })])
    const names = nullable ? ['k', 'v'] : ['k']
    const plan = groupBy(
      source(schema, false),
      names.map(name => col(name)),
      [as(agg('count'), 'n')],
    )
    const [{ rows: found }] = torture({ plan, outputMode: 'update', epochs: [{ mode: 'batch', rows }] })
    const got = new Map(found.map(({ k, v, n }) => [`${k} ${nullable ? v : ''}`, Number(n)]))
    expect(got).toEqual(expected)
  }
})
