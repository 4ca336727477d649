import { writeSync } from 'node:fs'
import type { Size } from '../kit/benchmark.ts'
import { climbOnCaller } from './on-caller.ts'
import { climbOnWorkers } from './on-workers.ts'
import { chains, rungs } from './rungs.ts'

/** A process of its own for one rung of the ladder: writes what it found as a line of JSON. Arguments: rung, idle strategy, size. */
const [name, idleStrategy, size] = process.argv.slice(2)
const climb =
  name in rungs ? await climbOnWorkers(rungs[name], idleStrategy, size as Size) : await climbOnCaller(chains[name], size as Size)
writeSync(1, `${JSON.stringify(climb)}\n`)
process.exit()
