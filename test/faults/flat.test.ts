import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectFlat, runHolding } from '../support/held.ts'

/**
 * A query that runs for months must hold no more after a while than after a minute: memory, handles, open files, files of its checkpoint.
 * A process of its own at a steady rate, one sample a second; what it holds in the last third of the time against the second one.
 * WALKWAY_FLAT_SECONDS: how long (600 under `npm run stress`); WALKWAY_FLAT_RATE: rows a second.
 */
const SECONDS = Number(process.env.WALKWAY_FLAT_SECONDS ?? 9)
const RATE = process.env.WALKWAY_FLAT_RATE ?? '20000'

test(`what a query holds stays flat for ${SECONDS} s`, { timeout: SECONDS * 3000 + 180_000 }, async () => {
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-flat-'))
  try {
    const { samples, end } = await runHolding<{ rows: number; failure: string | null }>('flat.mjs', ['local[2]', RATE, SECONDS, checkpoint])
    expect(end.failure).toBeNull()
    expect(end.rows).toBeGreaterThan(0)
    expect(samples.length).toBe(SECONDS)
    // A run of seconds has not seen a purge yet.
    expectFlat(samples, { print: process.env.WALKWAY_FLAT_SECONDS !== undefined, slack: SECONDS < 200 ? { files: [2, 60] } : {} })
  } finally {
    rmSync(checkpoint, { recursive: true, force: true })
  }
})
