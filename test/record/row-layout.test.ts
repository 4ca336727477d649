import { describe, expect, test } from 'vitest'
import { field, structType, windowType } from '../../src/record/data-type.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { randomSchema } from '../support/random-rows.ts'

const BYTES: Readonly<Record<string, number>> = { boolean: 1, byte: 1, short: 2, integer: 4, date: 4, float: 4, string: 4, binary: 4 }

describe('a row layout', () => {
  test('is one object for one schema, whatever the names hold', () => {
    const make = (name: string, nullable: boolean): RowLayout => RowLayout.of(structType([field(name, { kind: 'integer' }, nullable)]))
    expect(make('a', true)).toBe(make('a', true))
    expect(make('a', true)).not.toBe(make('a', false))
    expect(RowLayout.of(structType([field('a:int?\u0000b', { kind: 'integer' })])).leaves.length).toBe(1)
    const nested = (nullable: boolean) =>
      RowLayout.of(structType([field('s', structType([field('n', { kind: 'integer' }, nullable)]), false)]))
    expect(nested(true)).not.toBe(nested(false))
  })

  test.each(seeds(30))('gives each leaf an aligned slot of its own inside the table, seed %i', seed => {
    const layout = RowLayout.of(randomSchema(seededRandom(seed + 5000), 30))
    const used = new Uint8Array(layout.tableBytes)
    used.fill(1, 0, 4)
    for (const { type, offset } of layout.leaves) {
      const size = BYTES[type.kind] ?? (type.kind === 'decimal' && type.precision > 18 ? 16 : 8)
      expect(offset % Math.min(size, 8)).toBe(0)
      for (let at = offset; at < offset + size; at++) {
        expect(used[at]).toBe(0)
        used[at] = 1
      }
    }
    expect(layout.fixedBytes % 4).toBe(0)
    expect(layout.leaves.map(leaf => leaf.index)).toEqual(layout.leaves.map((_, i) => i))
  })

  test('flattens structs; a nullable one has a presence, and its fields may be null', () => {
    const layout = RowLayout.of(structType([field('n', { kind: 'integer' }, false), field('w', windowType), field('v', windowType, false)]))
    expect(layout.leaves.map(leaf => [leaf.path.join('.'), leaf.presence, leaf.nullable])).toEqual([
      ['n', false, false],
      ['w', true, true],
      ['w.start', false, true],
      ['w.end', false, true],
      ['v.start', false, true],
      ['v.end', false, true],
    ])
    expect([0, 1, 2].map(ordinal => layout.leavesOf(ordinal))).toEqual([[0], [1, 2, 3], [4, 5]])
    expect(layout.leafAt('w', 'end')?.index).toBe(3)
    expect(layout.leafAt('x')).toBe(undefined)
  })

  test('refuses a row whose slots a vtable cannot count', () => {
    const wide = structType(Array.from({ length: 9000 }, (_, i) => field(`c${i}`, { kind: 'long' })))
    expect(() => RowLayout.of(wide)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_OPERATION' }))
  })
})
