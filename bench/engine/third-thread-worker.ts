import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

/**
 * Takes as much of the cores as a checkpoint a second of a small query does, and as often: some 29 slices a second with 2.5 ms in all, two
 * of them a write that is synced. `workerData`: the file to write to.
 */
const SLICES_PER_SECOND = 29
const SLICE_MILLIS = 2.5 / SLICES_PER_SECOND
const SLICES_PER_SYNC = 15

const file = openSync(workerData as string, 'w')
const block = new Uint8Array(4096)
let slices = 0

setInterval(() => {
  for (const end = performance.now() + SLICE_MILLIS; performance.now() < end; );
  if (++slices % SLICES_PER_SYNC !== 0) return
  writeSync(file, block, 0, block.length, 0)
  fdatasyncSync(file)
}, 1000 / SLICES_PER_SECOND)
