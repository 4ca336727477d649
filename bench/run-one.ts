import type { Figures, Size } from './kit/benchmark.ts'
import { benchmarks } from './list.ts'

/**
 * One benchmark in a process of its own: warms up, measures, and sends the rounds to the harness. Arguments: name, size, rounds, warm-ups.
 */
export interface RoundsMessage {
  readonly wrong: string | null
  readonly skipped?: string
  readonly rounds: readonly Figures[]
}

const [name, size, rounds, warmups] = process.argv.slice(2)
const benchmark = benchmarks.find(each => each.name === name)
if (benchmark === undefined) throw new Error(`no benchmark ${name}`)

const figures: Figures[] = []
let wrong: string | null = null
let skipped: string | undefined
for (let round = -Number(warmups); round < Number(rounds) && wrong === null && skipped === undefined; round++) {
  const outcome = await benchmark.run(size as Size)
  wrong = outcome.wrong
  skipped = outcome.skipped
  if (round >= 0 || wrong !== null) figures.push(outcome.figures)
}
process.send?.({ wrong, skipped, rounds: figures } satisfies RoundsMessage, undefined, undefined, () => process.disconnect())
