import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { count, type DataFrame, sum, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { anySeed, seededRandom } from '../support/random.ts'

// Goal: what a checkpoint writes follows what has changed in its epoch, not how much state there is. Method: state grows by the same number
// of keys each epoch, then few of many keys change; the files of each epoch are weighed. WALKWAY_STATE_KEYS: how many keys in the end.

const EPOCHS = 16
const KEYS = Number(process.env.WALKWAY_STATE_KEYS ?? 16_000)
const FEW = 50

const seed = anySeed()

const queries: Record<string, { readonly of: (events: DataFrame) => DataFrame; readonly mode: 'append' | 'update' }> = {
  'count by key': { of: events => events.groupBy('key').agg(count('*').alias('n'), sum('value').alias('total')), mode: 'update' },
  'windows that stay open': {
    of: events => events.withWatermark('at', '1 hour').groupBy(window('at', '1 minute'), 'key').agg(count('*').alias('n')),
    mode: 'append',
  },
  'distinct keys': { of: events => events.dropDuplicates(['key']), mode: 'append' },
}

/** Bytes that an epoch wrote of state. Merged files have names of their own. */
const bytesOf = (folder: string, epoch: number): number =>
  readdirSync(join(folder, 'state'))
    .filter(name => name.startsWith(`${epoch}-`) && !name.includes('-all-'))
    .reduce((sum, name) => sum + statSync(join(folder, 'state', name)).size, 0)

for (const [name, { of, mode }] of Object.entries(queries)) {
  for (const master of ['inline', 'local[2]']) {
    test(`bytes per checkpoint follow the change (${name}, ${master}, seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const folder = mkdtempSync(join(tmpdir(), 'walkway-growth-'))
      try {
        const session = WalkwaySession.builder().master(master).config('durability', 'process').config('noDataMicroBatches', false).create()
        const stream = session.memoryStream('key STRING NOT NULL, value BIGINT NOT NULL, at TIMESTAMP NOT NULL')
        const query = await of(stream.toDF())
          .writeStream.outputMode(mode)
          .option('checkpointLocation', folder)
          .trigger(Trigger.processingTime(0))
          .foreach(() => {})
          .start()
        const weigh = async (keys: readonly number[]): Promise<number> => {
          stream.addData(keys.map(key => ({ key: `key-${String(key).padStart(9, '0')}`, value: random.below(1000), at: new Date(1.7e12) })))
          await query.processAllAvailable()
          return bytesOf(folder, query.lastProgress?.batchId ?? -1)
        }
        const perEpoch = KEYS / EPOCHS
        const grown: number[] = []
        for (let epoch = 0; epoch < EPOCHS; epoch++)
          grown.push(await weigh(Array.from({ length: perEpoch }, (_, i) => epoch * perEpoch + i)))
        const fresh = name === 'distinct keys' ? KEYS : 0
        const few = await weigh(Array.from({ length: FEW }, (_, i) => (fresh === 0 ? random.below(KEYS) : fresh + i)))
        const none = await weigh(name === 'distinct keys' ? [0] : [1])
        expect(query.lastProgress?.stateOperators[0].numRowsTotal).toBe(KEYS + (fresh === 0 ? 0 : FEW))
        await query.stop()
        expect(Math.min(...grown)).toBeGreaterThan(perEpoch * 10)
        // As many bytes for the last thousand keys as for the first, and for few of many as many as few are.
        expect(Math.max(...grown)).toBeLessThanOrEqual(1.05 * Math.min(...grown))
        expect(few).toBeLessThanOrEqual((1.5 * FEW * grown[0]) / perEpoch + 512)
        expect(none).toBeLessThanOrEqual(1024)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
}
