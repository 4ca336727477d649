import { expect, test } from 'vitest'
import { rand, WalkwaySession } from '../../src/index.ts'

// Goal: a seed gives the same numbers in each run, and other numbers in each partition. Method: batches over two partitions.

const draw = async (master: string, partitions: number): Promise<number[]> => {
  const session = WalkwaySession.builder().master(master).create()
  const rows = await session.range(400).repartition(partitions, 'id').withColumn('r', rand(42)).collect()
  return rows.map(({ r }) => r as number).sort((a, b) => a - b)
}

test('a seed gives the same numbers in each run, and no number in two partitions', async () => {
  const numbers = await draw('local[2]', 2)
  expect(new Set(numbers).size).toBe(400)
  expect(await draw('local[2]', 2)).toEqual(numbers)
  // The first 400 of one generator are other numbers than 200 of each of two.
  expect(await draw('inline', 1)).not.toEqual(numbers)
})
