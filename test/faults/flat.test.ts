import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/**
 * A query that runs for months must hold no more after a while than after a minute: memory, handles, open files, files of its checkpoint.
 * A process of its own at a steady rate, one sample a second; what it holds in the last third of the time against the second one.
 * WALKWAY_FLAT_SECONDS: how long (600 under `npm run stress`); WALKWAY_FLAT_RATE: rows a second.
 */
const SECONDS = Number(process.env.WALKWAY_FLAT_SECONDS ?? 9)
const RATE = process.env.WALKWAY_FLAT_RATE ?? '20000'
const PROGRAM = fileURLToPath(new URL('programs/flat.mjs', import.meta.url))

interface Sample {
  readonly rss: number
  readonly heap: number
  readonly handles: number
  readonly openFiles: number
  readonly files: number
}

/** How much more than before is still flat: a share, and something that does not grow with time. */
const SLACK: Readonly<Record<keyof Sample, readonly [share: number, constant: number]>> = {
  rss: [1.1, 32 * 2 ** 20],
  heap: [1.1, 4 * 2 ** 20],
  handles: [1, 2],
  openFiles: [1, 6],
  // A run of seconds has not seen a purge yet.
  files: SECONDS < 200 ? [2, 60] : [1.2, 60],
}

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]

test(`what a query holds stays flat for ${SECONDS} s`, { timeout: SECONDS * 3000 + 180_000 }, async () => {
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-flat-'))
  try {
    const args = ['--expose-gc', PROGRAM, 'local[2]', RATE, String(SECONDS), checkpoint]
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 })
    const lines = stdout.trim().split('\n')
    const end = JSON.parse(lines.pop() ?? '{}') as { rows: number; failure: string | null }
    expect(end.failure).toBeNull()
    expect(end.rows).toBeGreaterThan(0)
    const samples = lines.map(line => JSON.parse(line) as Sample)
    expect(samples.length).toBe(SECONDS)
    const third = Math.floor(SECONDS / 3)
    for (const [name, [share, constant]] of Object.entries(SLACK) as [keyof Sample, readonly [number, number]][]) {
      const held = samples.map(sample => sample[name])
      const [before, after] = [medianOf(held.slice(third, 2 * third)), medianOf(held.slice(2 * third))]
      if (process.env.WALKWAY_FLAT_SECONDS !== undefined) console.log(`${name}: ${held[third]} … ${before} … ${after}`)
      expect(after, `${name}, each second: ${held.join(' ')}`).toBeLessThanOrEqual(before * share + constant)
    }
  } finally {
    rmSync(checkpoint, { recursive: true, force: true })
  }
})
