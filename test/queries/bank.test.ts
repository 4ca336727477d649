import { expect, test } from 'vitest'
import { col, lit, type Row, type StreamingQuery, sum, Trigger, WalkwaySession, when, window } from '../../src/index.ts'
import { anySeed, seededRandom } from '../support/random.ts'

/**
 * A bank: transfers come out of order, each takes from one account what it gives to another, and the balances sum to 0 at the end of every
 * epoch, in every mode. An epoch that cut a transfer in two, a row that came twice or not at all, a key that lives in two tasks: each would
 * show. WALKWAY_TRANSFERS: how many.
 */

const TRANSFERS = Number(process.env.WALKWAY_TRANSFERS ?? 40_000)
const ACCOUNTS = TRANSFERS > 1_000_000 ? 1000 : 50
const MINUTES = 60_000

const seed = anySeed()

const START = Date.UTC(2024, 0, 1)
/** Transfers are behind the latest one by less than this. */
const DISORDER_MILLIS = 5 * MINUTES

const modes = {
  'real time': [Trigger.realTime(20)],
  'micro-batch': [Trigger.processingTime(0)],
  'now the one, now the other': [Trigger.realTime(20), Trigger.processingTime(0), Trigger.processingTime(10), Trigger.realTime(10)],
}

const immediate = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** One entry for each side of a transfer, out of one row, so that both belong to one epoch. */
const entriesOf = (session: WalkwaySession) => {
  const stream = session.pushStream('source INT NOT NULL, target INT NOT NULL, amount BIGINT NOT NULL, at TIMESTAMP NOT NULL', {
    capacity: Math.min(20_000, TRANSFERS / 20),
  })
  const sides = session.createDataFrame([{ side: 'from' }, { side: 'to' }], 'side STRING NOT NULL')
  const isFrom = col('side').equalTo('from')
  const entries = stream
    .toDF()
    .withWatermark('at', `${DISORDER_MILLIS} milliseconds`)
    .join(sides, lit(true))
    .select(
      when(isFrom, col('source')).otherwise(col('target')).alias('account'),
      when(isFrom, col('amount').negate()).otherwise(col('amount')).alias('amount'),
      'at',
    )
  return { stream, entries }
}

/** Pushes all transfers, and changes the trigger now and then if there is a choice. */
const makeTransfers = async (push: (row: Row) => boolean, query: StreamingQuery, triggers: readonly Trigger[]): Promise<void> => {
  const random = seededRandom(seed)
  let latest = START
  for (let i = 0; i < TRANSFERS; i++) {
    latest += random.below(Math.ceil(80_000_000 / TRANSFERS))
    const row = {
      source: random.below(ACCOUNTS),
      target: random.below(ACCOUNTS),
      amount: random.below(1_000_000),
      at: new Date(latest - random.below(DISORDER_MILLIS)),
    }
    while (!push(row)) {
      if (!query.isActive) return
      await immediate()
    }
    if (triggers.length > 1 && i % 997 === 0) query.setTrigger(random.pick(triggers))
    // Epochs end between rows, not only when the queue is full.
    if (i % 500 === 499) await immediate()
    // However fast the machine is, there are epochs to look at.
    if (i % Math.floor(TRANSFERS / 4) === 0) await query.processAllAvailable()
  }
}

for (const master of ['inline', 'local[1]', 'local[2]']) {
  for (const [mode, triggers] of Object.entries(modes)) {
    test(`balances sum to nothing at the end of every epoch (${master}, ${mode}, seed ${seed})`, async () => {
      const session = WalkwaySession.builder().master(master).create()
      const { stream, entries } = entriesOf(session)
      let [epochs, accounts] = [0, 0]
      const wrong: string[] = []
      const query = await entries
        .groupBy('account')
        .agg(sum('amount').alias('balance'))
        .writeStream.outputMode('complete')
        .trigger(triggers[0])
        .foreachBatch(async (batch, epoch) => {
          const rows = await batch.collect()
          const total = rows.reduce((sum, row) => sum + Number(row.balance), 0)
          if (total !== 0) wrong.push(`epoch ${epoch}: ${total}`)
          epochs++
          accounts = rows.length
        })
        .start()
      await makeTransfers(row => stream.push(row), query, triggers)
      await query.processAllAvailable()
      await query.stop()
      expect(query.exception).toBeNull()
      expect(wrong).toEqual([])
      expect(epochs).toBeGreaterThan(2)
      expect(accounts).toBe(ACCOUNTS)
    })

    test(`what moved in each closed window sums to nothing (${master}, ${mode}, seed ${seed})`, async () => {
      const session = WalkwaySession.builder().master(master).create()
      const { stream, entries } = entriesOf(session)
      const windows = new Map<number, number>()
      const query = await entries
        .groupBy(window('at', '10 minutes'), 'account')
        .agg(sum('amount').alias('moved'))
        .select('window.start', 'account', 'moved')
        .writeStream.outputMode('append')
        .trigger(triggers[0])
        .foreach(({ start, moved }) => {
          const at = (start as Date).getTime()
          windows.set(at, (windows.get(at) ?? 0) + Number(moved))
        })
        .start()
      await makeTransfers(row => stream.push(row), query, triggers)
      await query.processAllAvailable()
      await query.stop()
      expect(query.exception).toBeNull()
      expect(windows.size).toBeGreaterThan(10)
      expect([...windows].filter(([, total]) => total !== 0)).toEqual([])
    })
  }
}
