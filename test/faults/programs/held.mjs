/** What this process holds, for programs that run for long. With --expose-gc, or what is garbage counts too. */
import { readdirSync } from 'node:fs'
import { queryObjects } from 'node:v8'

const countOf = folder => {
  try {
    return readdirSync(folder).length
  } catch {
    return 0
  }
}

export const filesBelow = folder => readdirSync(folder, { recursive: true }).length

/** One sample. 0 where the platform does not say: `openFiles` and `threads` are Linux's. */
export const held = async (...folders) => {
  globalThis.gc?.()
  // What finalizers let go of is garbage only then.
  await new Promise(resolve => setImmediate(resolve))
  // Collects garbage itself, and takes a tenth of a second.
  const objects = queryObjects(Object)
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    rss,
    heap: heapUsed + external,
    objects,
    handles: process.getActiveResourcesInfo().filter(name => name !== 'Timeout' && name !== 'Immediate').length,
    openFiles: countOf('/proc/self/fd'),
    threads: countOf('/proc/self/task'),
    files: folders.reduce((sum, folder) => sum + filesBelow(folder), 0),
  }
}

export const print = line => process.stdout.write(`${JSON.stringify(line)}\n`)

/**
 * True after the rounds that a sample is to be taken after: some twelve, of a thousand rounds and more some sixty, evenly apart. `cycle`:
 * rounds that differ come again after so many, and a sample is taken after whole ones, as the last round may still be held by something.
 */
export const isSampled = (round, rounds, cycle = 1) => {
  const apart = Math.max(1, Math.floor(rounds / cycle / (rounds < 1000 ? 12 : 60)))
  return (round + 1) % (apart * cycle) === 0
}
