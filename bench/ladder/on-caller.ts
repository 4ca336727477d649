import { Histogram, type LatencySnapshot } from 'native-free-buffers'
import { type Chain, LEAST_PRICE, tickAt } from '../engine/chains.ts'
import type { Size } from '../kit/benchmark.ts'
import { type Climb, LOADS, type Step } from './steps.ts'

/** Events between two looks at the clock, at most: both sides pay the same for it. */
const BURST = 64
/** Other work of the thread, such as the engine's checkpoints, gets its turn so often. */
const TURN_MILLIS = 10

/** The peak of a chain on this thread, then its latencies at each load. What is pushed is answered when `push` returns. */
export const climbOnCaller = async (open: () => Promise<Chain>, size: Size): Promise<Climb> => {
  const [warmup, seconds] = size === 'full' ? [2, 4] : [0.05, 0.1]
  const chain = await open()
  let pushed = 0
  const drive = async (rate: number, lasting: number): Promise<Drive> => {
    const driven = await driveAt(chain, rate, lasting, pushed)
    pushed += driven.events
    return driven
  }
  await drive(Number.POSITIVE_INFINITY, warmup)
  const { perSecond: peak } = await drive(Number.POSITIVE_INFINITY, seconds)
  const steps: Step[] = []
  for (const load of LOADS) {
    const { latency, cpuSecondsPerSecond } = await drive(peak * load, seconds)
    const { rows } = chain.answers()
    const wrong = rows === answersTo(pushed) ? null : `${rows} answers to ${pushed} events`
    steps.push({ load, latency, cpuSecondsPerSecond, wrong })
  }
  await chain.close()
  return { peak, steps }
}

interface Drive {
  readonly events: number
  readonly perSecond: number
  readonly latency: LatencySnapshot
  readonly cpuSecondsPerSecond: number
}

/** Pushes events when they are due, `rate` a second from now on, each as soon as this thread comes to it. */
const driveAt = async (chain: Chain, rate: number, seconds: number, first: number): Promise<Drive> => {
  const lateness = new Histogram()
  const [stepMillis, cpu, begun] = [1000 / rate, process.cpuUsage(), performance.now()]
  const end = begun + seconds * 1000
  let events = 0
  for (let now = begun; now < end; await new Promise(setImmediate), now = performance.now()) {
    for (const turn = now + TURN_MILLIS; now < turn && now < end; ) {
      const due = Math.min(events + BURST, rate === Number.POSITIVE_INFINITY ? events + BURST : Math.floor((now - begun) / stepMillis))
      const burst = events
      while (events < due) chain.push(tickAt(first + events++))
      now = performance.now()
      if (rate === Number.POSITIVE_INFINITY) continue
      for (let event = burst; event < due; event++) lateness.record(1000 * (now - begun - (event + 1) * stepMillis))
    }
  }
  const [used, elapsed] = [process.cpuUsage(cpu), (performance.now() - begun) / 1000]
  return {
    events,
    perSecond: events / elapsed,
    latency: lateness.snapshot(),
    cpuSecondsPerSecond: (used.user + used.system) / 1e6 / elapsed,
  }
}

const answersTo = (events: number): number => {
  let answers = 0
  for (let i = 0; i < events; i++) if (tickAt(i).price >= LEAST_PRICE) answers++
  return answers
}
