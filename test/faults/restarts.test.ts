import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectFlat, runHolding } from '../support/held.ts'

/**
 * A program that starts and ends queries for months holds no more after a while than in the beginning: memory, objects, handles, open
 * files, threads, files of its checkpoint; and a query that is started on its checkpoint for the thousandth time has its totals exact. How:
 * processes of their own that say from time to time what they hold. WALKWAY_RESTARTS and WALKWAY_QUERIES: how often (1,000 each under
 * `npm run stress`).
 */
const RESTARTS = Number(process.env.WALKWAY_RESTARTS ?? 30)
const QUERIES = Number(process.env.WALKWAY_QUERIES ?? 48)

test(`${RESTARTS} restarts on one checkpoint: totals are exact, and nothing grows`, { timeout: 180_000 + RESTARTS * 3000 }, async () => {
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-restarts-'))
  try {
    const { samples, end } = await runHolding<{ numbers: number; failures: number; workers: number; startMillis: number[] }>(
      'many-restarts.mjs',
      [RESTARTS, checkpoint],
    )
    const print = process.env.WALKWAY_RESTARTS !== undefined
    if (print) console.log(JSON.stringify(end))
    expect(end.numbers).toBeGreaterThan(0)
    expect(end.failures).toBeGreaterThan(RESTARTS / 10)
    expect(end.workers).toBe(0)
    // Logs keep a hundred epochs, and each of these has its files until then. What the last run was, and where, is not always the same.
    // Now and then the program ends a thread that merges files while that loads, and Node leaves open what it reads then.
    expectFlat(samples, { print, slack: { files: [1, 400], openFiles: [1, 60] } })
    expect(Math.max(...samples.map(({ files }) => files))).toBeLessThan(500)
  } finally {
    rmSync(checkpoint, { recursive: true, force: true })
  }
})

test.each(['inline', 'local[1]'])(
  `${QUERIES} short queries in one session leave nothing behind: %s`,
  {
    timeout: 180_000 + QUERIES * 2000,
  },
  async master => {
    const { samples, end } = await runHolding<{ queries: number; active: number }>('many-queries.mjs', [master, QUERIES])
    expect(end).toEqual({ queries: QUERIES, active: 0 })
    expectFlat(samples, { print: process.env.WALKWAY_QUERIES !== undefined })
  },
)
