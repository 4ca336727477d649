import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bellBytes } from '../../src/runtime/bells.ts'
import { WorkerPool } from '../../src/runtime/worker-handle.ts'

const openFiles = (): number => readdirSync('/proc/self/fd').length

/** Goal: what is ended while it begins leaves nothing. Method: pools that are told to end at once, when their threads load modules. */
test.runIf(existsSync('/proc/self/fd'))('threads that are ended as soon as they are started leave no file open', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-pool-'))
  const endAtOnce = async (delayMillis: number): Promise<void> => {
    const pool = new WorkerPool(1)
    const spec = { folder, attempt: 'a', rings: [], bells: new SharedArrayBuffer(bellBytes(1)), bell: 0 }
    pool.startPersister(
      spec,
      () => {},
      error => expect.unreachable(String(error)),
    )
    await new Promise(resolve => setTimeout(resolve, delayMillis))
    await pool.destroy()
  }
  try {
    await endAtOnce(0)
    const before = openFiles()
    for (let millis = 0; millis < 60; millis += 3) await endAtOnce(millis)
    await expect.poll(openFiles).toBeLessThanOrEqual(before)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
