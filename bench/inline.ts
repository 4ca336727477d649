import { filter, groupBy, map, mergeMap, Subject, scan } from 'rxjs'
import { col, count, Trigger, WalkwaySession } from 'walkway'
import type { Benchmark, Figures } from './kit/benchmark.ts'

const KEYS = 1000

interface Tick {
  readonly key: string
  readonly price: number
}

const ticks: readonly Tick[] = Array.from({ length: 4096 }, (_, i) => ({ key: `key-${(i * 7919) % KEYS}`, price: (i * 31) % 100 }))

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
    const byHand = byHandCount(events)
    const engine = await throughEngine(events)
    const rxjs = throughRxjs(events)
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

const cpuNanosPer = (events: number, work: () => void): number => {
  const from = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(from)
  return ((user + system) * 1000) / events
}

interface Answer {
  readonly rows: number
  readonly sum: number
  readonly nanos: number
}

const throughEngine = async (events: number): Promise<Answer> => {
  const session = WalkwaySession.builder().master('inline').create()
  const stream = session.pushStream('key STRING NOT NULL, price INT NOT NULL')
  let [rows, sum] = [0, 0]
  const query = await stream
    .toDF()
    .filter(col('price').geq(10))
    .groupBy('key')
    .agg(count('*').alias('n'))
    .writeStream.outputMode('update')
    .trigger(Trigger.realTime('1 second'))
    .foreach(row => {
      rows++
      sum += row.n as number
    })
    .start()
  const nanos = cpuNanosPer(events, () => {
    for (let i = 0; i < events; i++) {
      if (!stream.push(ticks[i & 4095] as unknown as Record<string, unknown>)) throw new Error('a push was refused')
    }
  })
  await query.stop()
  return { rows, sum, nanos }
}

const byHandCount = (events: number): Answer => {
  const counts = new Map<string, number>()
  let [rows, sum] = [0, 0]
  const callback = (row: { key: string; n: number }): void => {
    rows++
    sum += row.n
  }
  const nanos = cpuNanosPer(events, () => {
    for (let i = 0; i < events; i++) {
      const { key, price } = ticks[i & 4095]
      if (price < 10) continue
      const n = (counts.get(key) ?? 0) + 1
      counts.set(key, n)
      callback({ key, n })
    }
  })
  return { rows, sum, nanos }
}

const throughRxjs = (events: number): Answer => {
  let [rows, sum] = [0, 0]
  const subject = new Subject<Tick>()
  subject
    .pipe(
      filter(({ price }) => price >= 10),
      groupBy(({ key }) => key),
      mergeMap(group =>
        group.pipe(
          scan(n => n + 1, 0),
          map(n => ({ key: group.key, n })),
        ),
      ),
    )
    .subscribe(row => {
      rows++
      sum += row.n
    })
  const nanos = cpuNanosPer(events, () => {
    for (let i = 0; i < events; i++) subject.next(ticks[i & 4095])
  })
  return { rows, sum, nanos }
}
