import { type Answers, type Chain, openByHand, openRxjs, openWalkway, tickAt } from './engine/chains.ts'
import type { Benchmark, Figures } from './kit/benchmark.ts'

/**
 * push of an object → filter → count by key → callback, on the caller's thread; beside the same by hand and by RxJS. In CPU time of the
 * process, which other work on the machine shifts less.
 */
export const inline: Benchmark = {
  name: 'inline',
  question: 'How many nanoseconds does a pushed object take through filter, keyed count and callback on the caller’s thread?',
  rounds: 5,
  warmups: 2,
  marks: { inlineNanosPerEvent: { atMost: 150 }, inlineAgainstRxjs: { atMost: 1 } },
  run: async size => {
    const events = size === 'full' ? 2_000_000 : 20_000
    const byHand = await drive(openByHand, events)
    const engine = await drive(openWalkway, events)
    const rxjs = await drive(openRxjs, events)
    const different = [engine, rxjs].find(({ rows, sum }) => rows !== byHand.rows || sum !== byHand.sum)
    const wrong = different === undefined ? null : `${different.rows} rows, sum ${different.sum}: expected ${byHand.rows} and ${byHand.sum}`
    const figures: Figures = {
      inlineNanosPerEvent: engine.nanos,
      byHandNanosPerEvent: byHand.nanos,
      rxjsNanosPerEvent: rxjs.nanos,
      inlineAgainstRxjs: engine.nanos / rxjs.nanos,
    }
    return { wrong, figures }
  },
}

const drive = async (open: () => Promise<Chain>, events: number): Promise<Answers & { readonly nanos: number }> => {
  const chain = await open()
  const from = process.cpuUsage()
  for (let i = 0; i < events; i++) chain.push(tickAt(i))
  const { user, system } = process.cpuUsage(from)
  await chain.close()
  return { ...chain.answers(), nanos: ((user + system) * 1000) / events }
}
