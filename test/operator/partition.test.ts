import { expect, test } from 'vitest'
import { partitionCode, partitionOf } from '../../src/operator/partition.ts'

test('generated code and restore choose the same task for a key', () => {
  for (const partitions of [2, 3, 7, 16]) {
    const generated = new Function('hash', `return ${partitionCode('hash', partitions)}`) as (hash: number) => number
    const used = new Set<number>()
    for (const hash of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), ...Array.from({ length: 1000 }, (_, i) => Math.imul(i, 0x85ebca6b))]) {
      const partition = partitionOf(hash, partitions)
      expect(generated(hash)).toBe(partition)
      used.add(partition)
    }
    expect([...used].sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i))
  }
})
