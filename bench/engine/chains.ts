import { filter, groupBy, map, mergeMap, Subject, scan } from 'rxjs'
import { col, count, Trigger, WalkwaySession } from 'walkway'

export type Tick = {
  readonly key: string
  readonly price: number
}

export interface Answers {
  readonly rows: number
  /** Of all counts that were given. */
  readonly sum: number
}

/** push of an object → filter → count by key → callback, on the caller's thread: what is pushed is answered when `push` returns. */
export interface Chain {
  push(tick: Tick): void
  answers(): Answers
  close(): Promise<void>
}

export const KEYS = 1000
export const LEAST_PRICE = 10

const TICKS: readonly Tick[] = Array.from({ length: 4096 }, (_, i) => ({ key: `key-${(i * 7919) % KEYS}`, price: (i * 31) % 100 }))

/** An endless row of ticks, that comes round. */
export const tickAt = (index: number): Tick => TICKS[index & 4095]

export const openWalkway = async (): Promise<Chain> => {
  const session = WalkwaySession.builder().master('inline').create()
  const stream = session.pushStream('key STRING NOT NULL, price INT NOT NULL')
  let [rows, sum] = [0, 0]
  await stream
    .toDF()
    .filter(col('price').geq(LEAST_PRICE))
    .groupBy('key')
    .agg(count('*').alias('n'))
    .writeStream.outputMode('update')
    .trigger(Trigger.realTime('1 second'))
    .foreach(row => {
      rows++
      sum += row.n as number
    })
    .start()
  return {
    push: tick => {
      if (!stream.push(tick)) throw new Error('a push was refused')
    },
    answers: () => ({ rows, sum }),
    close: () => session.stop(),
  }
}

export const openRxjs = async (): Promise<Chain> => {
  let [rows, sum] = [0, 0]
  const subject = new Subject<Tick>()
  subject
    .pipe(
      filter(({ price }) => price >= LEAST_PRICE),
      groupBy(({ key }) => key),
      mergeMap(group =>
        group.pipe(
          scan(n => n + 1, 0),
          map(n => ({ key: group.key, n })),
        ),
      ),
    )
    .subscribe(({ n }) => {
      rows++
      sum += n
    })
  return { push: tick => subject.next(tick), answers: () => ({ rows, sum }), close: async () => subject.complete() }
}

/** The same by a plain `Map`. */
export const openByHand = async (): Promise<Chain> => {
  const counts = new Map<string, number>()
  let [rows, sum] = [0, 0]
  const callback = (row: { key: string; n: number }): void => {
    rows++
    sum += row.n
  }
  return {
    push: ({ key, price }) => {
      if (price < LEAST_PRICE) return
      const n = (counts.get(key) ?? 0) + 1
      counts.set(key, n)
      callback({ key, n })
    },
    answers: () => ({ rows, sum }),
    close: async () => {},
  }
}
