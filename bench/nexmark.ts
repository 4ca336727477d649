import { measureThroughput, sessionOf } from './engine/throughput.ts'
import type { Benchmark, Figures } from './kit/benchmark.ts'
import { checkAnswer } from './nexmark/check.ts'
import { CHECKED, type NexmarkQuery, queries } from './nexmark/queries.ts'
import { NEXMARK } from './nexmark/source.ts'

const MODULE = new URL('./nexmark/source.js', import.meta.url)

/**
 * NEXMark over one mixed stream, one worker, the whole process on one core. Each answer is first checked by its checksum, the stream being
 * run event by event. `peers/nexmark/run` measures Flink at the same.
 */
export const nexmark: Benchmark = {
  name: 'nexmark',
  question: 'How many NEXMark events a second does one core take, by query?',
  rounds: 3,
  warmups: 0,
  oneCore: true,
  run: async size => {
    let figures: Figures = {}
    for (const [name, query] of Object.entries(queries)) {
      const session = sessionOf('local[1]', {}, MODULE)
      const wrong = await checkAnswer(name, query, session.readStream.format(NEXMARK).options(checkedOptions(query)).load())
      if (wrong !== null) return { wrong, figures }
      const { figures: measured } = await measureThroughput(query.build(session.readStream.format(NEXMARK).load()), 'append', size)
      figures = {
        ...figures,
        [`${name}EventsPerSecond`]: measured.eventsPerSecond,
        [`${name}CpuMicrosPerEvent`]: 1e6 / measured.eventsPerCpuSecond,
      }
      await session.stop()
    }
    return { wrong: null, figures }
  },
}

const checkedOptions = ({ ending }: NexmarkQuery): Record<string, number> => ({
  count: CHECKED,
  ...(ending === undefined ? {} : { ending }),
})
