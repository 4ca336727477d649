import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { randomData } from './sql/data.ts'
import { answerOf } from './sql/database.ts'
import { asBatch, asStream } from './sql/lives.ts'
import { randomQuery } from './sql/random-query.ts'
import { kindsIn, selectOf } from './sql/relation.ts'
import { textsOf } from './sql/rows.ts'

// Goal: what a query means is not only our own idea. Method: random queries over random rows, of which none is late, each written twice
// from one description: as a DataFrame program, and as SQL for SQLite. The program's final rows, as a batch, in micro-batches and in real
// time, cut into epochs at random and started again in the middle, are those that SQLite gives. WALKWAY_SEEDS=1000 runs as many;
// WALKWAY_SEED=17 runs that one.

const masters = ['inline', 'inline', 'inline', 'local[2]']

/** A query and its answer; of several with no rows, the last. */
const randomCase = (random: SeededRandom) => {
  for (let tries = 5; ; tries--) {
    const [query, data] = [randomQuery(random), randomData(random)]
    const expected = textsOf(answerOf(query.relation, data), query.fields)
    if (expected.length > 0 || tries === 0) return { query, data, expected }
  }
}

test.each(seeds(8))('a random query gives what SQLite gives (seed %i)', async seed => {
  const random = seededRandom(seed)
  const { query, data, expected } = randomCase(random)
  const sql = selectOf(query.relation)
  const root = mkdtempSync(join(tmpdir(), 'walkway-sql-'))
  try {
    const master = random.pick(masters)
    expect(await asBatch(query, data, master, root), `seed ${seed}, as a batch, ${master}: ${sql}`).toEqual(expected)
    for (const mode of ['microBatch', 'realTime'] as const) {
      const master = random.pick(masters)
      const log = [`seed ${seed}, ${mode}, ${master}, ${query.outputMode}`]
      const found = await asStream({ query, data, mode, master, checkpoint: join(root, mode), random, expected, log })
      expect(found, `${log.join('; ')}: ${sql}`).toEqual(expected)
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test('random queries are of all kinds, and most have an answer', () => {
  const [kinds, modes] = [new Set<string>(), new Set<string>()]
  let answered = 0
  for (let seed = 0; seed < 200; seed++) {
    const { query, expected } = randomCase(seededRandom(seed))
    if (expected.length > 0) answered++
    modes.add(query.outputMode)
    for (const kind of kindsIn(query.relation)) kinds.add(kind)
  }
  expect([...modes].sort()).toEqual(['append', 'complete', 'update'])
  expect([...kinds].sort()).toEqual(
    [
      ...['events', 'filter', 'select', 'union', 'distinct'],
      ...['tableJoin inner', 'tableJoin left', 'tableJoin left_semi', 'tableJoin left_anti'],
      ...['streamJoin inner', 'streamJoin left', 'streamJoin right', 'streamJoin full', 'streamJoin left_semi'],
      ...['aggregate', 'aggregate ofTime', 'aggregate same', 'aggregate larger', 'aggregate of aggregate'],
    ].sort(),
  )
  expect(answered).toBeGreaterThan(180)
})
