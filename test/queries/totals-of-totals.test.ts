import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { avg, col, count, countDistinct, type DataFrame, desc, max, type Row, sum, type WalkwaySession } from '../../src/index.ts'
import { codeOf, masters, triggers, withSession } from '../support/masters.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: in complete mode what stands above an aggregation works on its whole result, anew in each epoch, and keeps nothing: the answer is
// that of all rows so far, however they are cut into epochs, and after a restart. Method: random bids, against plain JavaScript.

const root = mkdtempSync(join(tmpdir(), 'walkway-totals-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Bid {
  readonly auction: number
  readonly category: number
  readonly price: number
}

const SCHEMA = 'auction INT NOT NULL, category INT NOT NULL, price INT NOT NULL'

const randomBids = (random: SeededRandom, count: number): Bid[] =>
  Array.from({ length: count }, () => {
    const auction = random.below(40)
    return { auction, category: auction % 5, price: random.below(30) }
  })

const closing = (bids: DataFrame): DataFrame => bids.groupBy('auction', 'category').agg(max('price').alias('final'))

/** The highest bids so far, of each auction. */
const closingOf = (bids: readonly Bid[]): Bid[] => {
  const best = new Map<number, Bid>()
  for (const bid of bids) if (bid.price > (best.get(bid.auction)?.price ?? -1)) best.set(bid.auction, bid)
  return [...best.values()]
}

const byCategory = (bids: readonly Bid[]): Map<number, number[]> => {
  const prices = new Map<number, number[]>()
  for (const { category, price } of bids) prices.set(category, [...(prices.get(category) ?? []), price])
  return prices
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const programs: Record<string, { build: (bids: DataFrame) => DataFrame; answer: (bids: readonly Bid[]) => unknown[][] }> = {
  'means of maxima': {
    build: bids => closing(bids).groupBy('category').agg(avg('final').alias('mean'), countDistinct('final').alias('prices')),
    answer: bids =>
      [...byCategory(closingOf(bids))].map(([category, prices]) => [category, total(prices) / prices.length, new Set(prices).size]),
  },
  'a total of totals of totals': {
    build: bids =>
      closing(bids).groupBy('category').agg(sum('final').alias('sum')).groupBy().agg(max('sum').alias('most'), count('*').alias('n')),
    answer: bids => {
      const sums = [...byCategory(closingOf(bids)).values()].map(total)
      return [[sums.length === 0 ? null : Math.max(...sums), sums.length]]
    },
  },
  'distinct totals, the first in order': {
    build: bids => closing(bids).select('final').dropDuplicates().sort(desc('final')).limit(3),
    answer: bids =>
      [...new Set(closingOf(bids).map(({ price }) => price))]
        .sort((a, b) => b - a)
        .slice(0, 3)
        .map(price => [price]),
  },
}

const inOrder = (rows: readonly unknown[][]): string[] => rows.map(row => JSON.stringify(row)).sort()

const start = (frame: DataFrame, trigger: string, checkpoint: string, result: { rows: Row[] }) =>
  frame.writeStream
    .outputMode('complete')
    .trigger(triggers[trigger])
    .option('checkpointLocation', join(root, checkpoint))
    .foreachBatch(async batch => {
      result.rows = await batch.collect()
    })
    .start()

/** Where threads have to start, each program meets one trigger. */
const cases = masters.flatMap(master =>
  Object.keys(programs).flatMap((program, i) => {
    const names = Object.keys(triggers)
    return (master === 'inline' ? names : [names[i % names.length]]).map(trigger => [master, program, trigger] as const)
  }),
)

describe.each(seeds(1))('seed %i', seed => {
  test.each(cases)('%s, %s, %s', async (master, name, trigger) => {
    const { build, answer } = programs[name]
    await withSession(master, async session => {
      const random = seededRandom(seed)
      const stream = session.memoryStream(SCHEMA)
      const result: { rows: Row[] } = { rows: [] }
      const checkpoint = `${master}-${name}-${trigger}-${seed}`
      let query = await start(build(stream.toDF()), trigger, checkpoint, result)
      const all: Bid[] = []
      for (let epoch = 0; epoch < 6; epoch++) {
        const bids = randomBids(random, 1 + random.below(60))
        all.push(...bids)
        stream.addData(bids.map(bid => ({ ...bid })))
        await query.processAllAvailable()
        expect(inOrder(result.rows.map(row => Object.values(row))), `after ${all.length} bids`).toEqual(inOrder(answer(all)))
        if (epoch !== 2) continue
        await query.stop()
        query = await start(build(stream.toDF()), trigger, checkpoint, result)
      }
      // Only what is below has state.
      const kept = query.lastProgress?.stateOperators.map(({ operatorName, numRowsTotal }) => [operatorName, numRowsTotal])
      expect(kept).toEqual([['aggregate', closingOf(all).length]])
      await query.stop()
    })
  })
})

test('what would count rows twice is refused', async () => {
  await withSession('inline', async session => {
    const refusal = (frame: DataFrame, mode: 'update' | 'complete') => codeOf(frame.writeStream.outputMode(mode).format('noop').start())
    const above = (frame: DataFrame): DataFrame => frame.groupBy('category').agg(count('*').alias('n'))
    const bids = (of: WalkwaySession): DataFrame => of.memoryStream(SCHEMA).toDF()
    const totals = closing(bids(session))
    expect(await refusal(above(totals), 'update')).toBe('UNSUPPORTED_OPERATION')
    expect(await refusal(totals.dropDuplicates(['final']), 'update')).toBe('UNSUPPORTED_OPERATION')
    const mixed = totals.union(bids(session))
    expect(await refusal(above(mixed), 'complete')).toBe('UNSUPPORTED_OPERATION')
    const table = session.createDataFrame([{ auction: 1, category: 2, price: 3 }], SCHEMA)
    expect(await refusal(above(totals.union(table)), 'complete')).toBe('UNSUPPORTED_OPERATION')
    expect(await refusal(above(totals.union(closing(bids(session)))), 'complete')).toBe('none')
    expect(await refusal(above(mixed.select(col('category')).groupBy('category').agg(count('*').alias('m'))), 'complete')).toBe(
      'UNSUPPORTED_OPERATION',
    )
  })
})
