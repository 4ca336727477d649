import { expect, test } from 'vitest'
import { col, count, sum, Trigger, WalkwaySession } from '../../src/index.ts'
import { seededRandom } from '../support/random.ts'
import { within } from '../support/within.ts'

/** Triggers changed at random, hundreds of times, while rows keep coming. Nothing is lost, nothing doubled. */

const SWITCHES = 150

const triggers = [
  Trigger.realTime(10),
  Trigger.realTime(10),
  Trigger.processingTime(0),
  Trigger.processingTime(10),
  Trigger.realTime('1 hour'),
]

const seed = Number(process.env.WALKWAY_SEED ?? Date.now() % 1_000_000)

const pause = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))

for (const master of ['inline', 'local[1]', 'local[2]']) {
  for (const mode of ['append', 'update', 'complete'] as const) {
    test(`a storm of modes loses and doubles nothing (${master}, ${mode}, seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const session = WalkwaySession.builder().master(master).create()
      const stream = session.memoryStream('key STRING NOT NULL, value BIGINT NOT NULL')
      const counts = stream.toDF().groupBy('key').agg(count('*').alias('n'), sum('value').alias('total'))
      const seen: number[] = []
      const newest = new Map<string, { n: number; total: number }>()
      const take = (row: Record<string, unknown>): void => {
        const before = newest.get(String(row.key))
        // A count never falls: a row that came twice or an update that was overtaken would show here.
        if (before !== undefined && before.n > Number(row.n)) throw new Error(`${row.key} fell from ${before.n} to ${row.n}`)
        newest.set(String(row.key), { n: Number(row.n), total: Number(row.total) })
      }
      const query =
        mode === 'append'
          ? await stream
              .toDF()
              .repartition(2, 'key')
              .writeStream.trigger(Trigger.realTime(10))
              .foreach(row => seen.push(Number(row.value)))
              .start()
          : mode === 'update'
            ? await counts.writeStream.outputMode('update').trigger(Trigger.realTime(10)).foreach(take).start()
            : await counts.writeStream
                .outputMode('complete')
                .trigger(Trigger.processingTime(0))
                .foreachBatch(async batch => {
                  for (const row of await batch.collect()) take(row)
                })
                .start()
      const wanted = new Map<string, { n: number; total: number }>()
      let fed = 0
      const state = (): string =>
        `seed ${seed}, ${fed} rows; ${JSON.stringify(query.status)} ${JSON.stringify(query.lastProgress)} ${query.exception}`
      for (let i = 0; i < SWITCHES && query.isActive; i++) {
        const rows = Array.from({ length: random.below(50) }, () => ({ key: `k${random.below(9)}`, value: fed++ }))
        stream.addData(rows)
        for (const { key, value } of rows) {
          const { n, total } = wanted.get(key) ?? { n: 0, total: 0 }
          wanted.set(key, { n: n + 1, total: total + value })
        }
        query.setTrigger(random.pick(triggers))
        if (random.below(3) > 0) await pause(random.below(6))
      }
      await within(query.processAllAvailable(), state)
      await within(query.stop(), state)
      expect(query.exception).toBeNull()
      if (mode === 'append') expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: fed }, (_, i) => i))
      else expect([...newest].sort()).toEqual([...wanted].sort())
    })
  }
}

test(`balances of a bank sum to nothing at the end of every micro-batch (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  for (const master of ['inline', 'local[2]']) {
    const session = WalkwaySession.builder().master(master).create()
    const stream = session.memoryStream('transfer BIGINT NOT NULL, source STRING NOT NULL, target STRING NOT NULL, amount BIGINT NOT NULL')
    const transfers = stream.toDF()
    // Both sides read the same rows in a micro-batch; in real time each has its own pace.
    const entries = transfers
      .select(col('source').alias('account'), col('amount').negate().alias('amount'))
      .union(transfers.select(col('target').alias('account'), 'amount'))
    const sums: number[] = []
    const query = await entries
      .groupBy('account')
      .agg(sum('amount').alias('balance'))
      .writeStream.outputMode('complete')
      .foreachBatch(async batch => {
        sums.push((await batch.collect()).reduce((total, row) => total + Number(row.balance), 0))
      })
      .start()
    for (let i = 0; i < 60; i++) {
      stream.addData(
        Array.from({ length: random.below(40) }, (_, transfer) => ({
          transfer,
          source: `a${random.below(20)}`,
          target: `a${random.below(20)}`,
          amount: random.below(1000),
        })),
      )
      query.setTrigger(random.pick([Trigger.processingTime(0), Trigger.processingTime(10)]))
      await pause(random.below(4))
    }
    const state = (): string => `seed ${seed}; ${JSON.stringify(query.status)} ${query.exception}`
    await within(query.processAllAvailable(), state)
    await within(query.stop(), state)
    expect(sums.length).toBeGreaterThan(0)
    expect(sums.filter(total => total !== 0)).toEqual([])
  }
})
