import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { count, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { type CountFolders, countFolders } from '../support/windowed-count.ts'

/**
 * A query that runs for months must not fill its folders with files. Hundreds of epochs, each with rows and changes of state; then there
 * are no more files than a fixed number. WALKWAY_EPOCHS=n for a longer run.
 */
const EPOCHS = Number(process.env.WALKWAY_EPOCHS ?? 250)

let folders: CountFolders

beforeEach(async () => {
  folders = await countFolders()
})

afterEach(() => folders.remove())

const filesIn = (...path: string[]): number => readdirSync(join(...path)).length

/** What Spark keeps of its logs, and ten epochs until the next purge. */
const LOG_ENTRIES = 112
/** Two times sixteen change files, what they were merged into, and two manifests; eight times as many while a merge waits its turn. */
const STATE_FILES = 140
const SINK_ENTRIES = 22

for (const mode of ['append', 'complete'] as const) {
  test(`files do not grow in number (${mode})`, { timeout: 180_000 + EPOCHS * 200 }, async () => {
    const session = WalkwaySession.builder().master('inline').create()
    const stream = session.memoryStream('time TIMESTAMP NOT NULL, key STRING NOT NULL')
    const counts = stream
      .toDF()
      .withWatermark('time', '1 second')
      .groupBy(window('time', '1 second'), 'key')
      .agg(count('*').alias('events'))
      .select('window.start', 'key', 'events')
    const query = await counts.writeStream
      .format('json')
      .outputMode(mode)
      .options({ checkpointLocation: folders.checkpoint, durability: 'process' })
      .trigger(Trigger.processingTime(0))
      .start(folders.output)
    const { checkpoint, output } = folders
    // Merges take their time beside all that: what is too many now must have become fewer a hundred epochs later.
    for (let epoch = 0; epoch < EPOCHS || (filesIn(checkpoint, 'state') >= STATE_FILES && epoch < EPOCHS + 100); ) {
      const time = new Date(Date.UTC(2024, 0, 1) + epoch * 100)
      stream.addData([{ time, key: `k${epoch % 5}` }])
      await query.processAllAvailable()
      epoch = (query.lastProgress?.batchId ?? 0) + 1
    }
    expect(filesIn(checkpoint, 'offsets')).toBeLessThan(LOG_ENTRIES)
    expect(filesIn(checkpoint, 'commits')).toBeLessThan(LOG_ENTRIES)
    expect(filesIn(checkpoint, 'state')).toBeLessThan(STATE_FILES)
    expect(filesIn(output, '_spark_metadata')).toBeLessThan(SINK_ENTRIES)
    if (mode === 'complete') expect(filesIn(output)).toBeLessThan(SINK_ENTRIES + 2)
    await query.stop()
    expect(query.exception).toBeNull()
    // Nothing but the folders and the files that say whose it is.
    expect(readdirSync(checkpoint).sort()).toEqual(['commits', 'metadata', 'offsets', 'sources', 'state'])
  })
}
