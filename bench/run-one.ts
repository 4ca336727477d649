import type { Figures, Size } from './kit/benchmark.ts'
import { benchmarks } from './list.ts'

/**
 * One benchmark in a process of its own: warms up, measures, and sends the rounds to the harness. Arguments: name, size, rounds, warm-ups.
 */
export interface RoundsMessage {
  readonly wrong: string | null
  readonly rounds: readonly Figures[]
}

const [name, size, rounds, warmups] = process.argv.slice(2)
const benchmark = benchmarks.find(each => each.name === name)
if (benchmark === undefined) throw new Error(`no benchmark ${name}`)

const figures: Figures[] = []
let wrong: string | null = null
for (let round = -Number(warmups); round < Number(rounds) && wrong === null; round++) {
  const outcome = await benchmark.run(size as Size)
  wrong = outcome.wrong
  if (round >= 0 || wrong !== null) figures.push(outcome.figures)
}
process.send?.({ wrong, rounds: figures } satisfies RoundsMessage, undefined, undefined, () => process.disconnect())
