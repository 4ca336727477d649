import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'

/** Programs that run for long and say from time to time what they hold (test/faults/programs/held.mjs), and what of that is still flat. */

export interface Held {
  readonly rss: number
  /** V8's heap, and what it knows of outside of it. */
  readonly heap: number
  /** Of all kinds: closures and promises, too. */
  readonly objects: number
  readonly handles: number
  readonly openFiles: number
  readonly threads: number
  readonly files: number
}

type Slack = Readonly<Record<keyof Held, readonly [share: number, constant: number]>>

/** How much more than before is still flat: a share, and something that does not grow with time. */
const SLACK: Slack = {
  rss: [1.1, 32 * 2 ** 20],
  heap: [1.1, 4 * 2 ** 20],
  objects: [1.1, 1000],
  handles: [1, 2],
  openFiles: [1, 6],
  threads: [1, 1],
  files: [1.2, 60],
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Runs a program to its end: what it held, a line a sample, and its last line. */
export const runHolding = async <End>(program: string, args: readonly (string | number)[]): Promise<{ samples: Held[]; end: End }> => {
  const path = fileURLToPath(new URL(`../faults/programs/${program}`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--no-warnings', path, ...args.map(String)], {
    maxBuffer: 2 ** 26,
  })
  const lines = stdout.trim().split('\n')
  const end = JSON.parse(lines.pop() ?? '') as End
  if (!existsSync('/proc/self/task')) say(`${program}: open files and threads are not looked at, as there is no /proc here`)
  return { samples: lines.map(line => JSON.parse(line) as Held), end }
}

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]

/** What is held in the last third of the samples against the second third; in the first one, much is done for the first time. */
export const expectFlat = (samples: readonly Held[], { print, slack = {} }: { print: boolean; slack?: Partial<Slack> }): void => {
  const third = Math.floor(samples.length / 3)
  expect(third).toBeGreaterThan(0)
  for (const [name, [share, constant]] of Object.entries({ ...SLACK, ...slack }) as [keyof Held, readonly [number, number]][]) {
    const held = samples.map(sample => sample[name])
    const [before, after] = [medianOf(held.slice(third, 2 * third)), medianOf(held.slice(2 * third))]
    if (print) say(`${name}: ${held[0]} … ${before} … ${after}`)
    expect(after, `${name}, one after another: ${held.join(' ')}`).toBeLessThanOrEqual(before * share + constant)
  }
}
