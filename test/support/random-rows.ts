import { type DataType, decimalType, field, type StructType, structType, windowType } from '../../src/record/data-type.ts'
import type { SeededRandom } from './random.ts'

export type Row = Record<string, unknown>

/** One of each kind that a column can have, and structs of several shapes. */
export const columnTypes: readonly DataType[] = [
  { kind: 'boolean' },
  { kind: 'byte' },
  { kind: 'short' },
  { kind: 'integer' },
  { kind: 'long' },
  { kind: 'float' },
  { kind: 'double' },
  decimalType(10, 2),
  decimalType(30, 5),
  { kind: 'string' },
  { kind: 'binary' },
  { kind: 'date' },
  { kind: 'timestamp' },
  windowType,
  structType([field('a', { kind: 'string' }), field('b', structType([field('c', { kind: 'long' }, false), field('d', { kind: 'byte' })]))]),
  structType([field('s', structType([field('t', { kind: 'string' }, false)]), false)]),
]

const texts = [
  '',
  'a',
  'hello world',
  'grün',
  '🙂 smile',
  'é'.repeat(18),
  'éa日',
  'plain ascii of more than eighteen characters',
  '日本語'.repeat(20),
  'nul\u0000inside',
]

/** A value as a user gives and gets it: what goes in comes out the same. */
export const randomValue = (random: SeededRandom, type: DataType, nullable: boolean): unknown => {
  if (nullable && random.next() < 0.25) return null
  switch (type.kind) {
    case 'boolean':
      return random.next() < 0.5
    case 'byte':
      return random.pick([0, -128, 127, random.below(256) - 128])
    case 'short':
      return random.pick([0, -32768, 32767, random.below(65536) - 32768])
    case 'integer':
      return random.pick([0, -1, 2147483647, -2147483648, random.below(1000)])
    case 'long':
      return random.pick<unknown>([
        0,
        -1,
        4294967296,
        -4294967297,
        Number.MAX_SAFE_INTEGER,
        Number.MIN_SAFE_INTEGER,
        -(2n ** 53n),
        2n ** 53n,
        2n ** 63n - 1n,
        -(2n ** 63n),
      ])
    case 'float':
      return random.pick([0, -0, Number.NaN, Math.fround(3.4e38), Math.fround(random.next() * 1000 - 500)])
    case 'double':
      return random.pick([0, -0, -1.5, 1e300, 5e-324, Number.NaN, Number.NEGATIVE_INFINITY, random.next()])
    case 'decimal':
      return type.scale === 2
        ? random.pick(['0.00', '-0.01', '99999999.99', '-99999999.99', '12.30'])
        : random.pick(['-1234567890123456789012345.67890', '0.00001', '-0.00001', '184467440737095.51616'])
    case 'string':
      return random.pick([...texts, 'x'.repeat(random.below(300)), 'y'.repeat(random.below(24))])
    case 'binary':
      return Uint8Array.from({ length: random.pick([0, 1, 47, random.below(400)]) }, () => random.below(256))
    case 'date':
      return new Date((random.below(200_000) - 100_000) * 86_400_000)
    case 'timestamp':
      return new Date(random.pick([0, -1, random.below(2 ** 31) * 1000 - 1e12 + random.below(1000)]))
    case 'struct':
      return randomRow(random, type)
    default:
      throw new Error(type.kind)
  }
}

export const randomRow = (random: SeededRandom, schema: StructType): Row =>
  Object.fromEntries(schema.fields.map(f => [f.name, randomValue(random, f.type, f.nullable)]))

export const randomSchema = (random: SeededRandom, most = 14): StructType =>
  structType(Array.from({ length: 1 + random.below(most) }, (_, i) => field(`c${i}`, random.pick(columnTypes), random.next() < 0.6)))
