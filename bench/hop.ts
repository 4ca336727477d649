import { DOORBELL_BYTES, HISTOGRAM_BYTES, Histogram, type IdleStrategyName, initRing, ringBytes } from 'native-free-buffers'
import type { HopAnswer, HopInput } from './hop-worker.ts'
import type { Benchmark, Figures, Outcome, Size } from './kit/benchmark.ts'
import { latencyFigures } from './kit/statistics.ts'
import { runThreads } from './kit/threads.ts'

const MODULE = new URL('./hop-worker.js', import.meta.url)
const CAPACITY = 1 << 20

/** Two rings, two doorbells, two workers. */
export const hop: Benchmark = {
  name: 'hop',
  question: 'How long does one record take from worker to worker and back, and how many pass through one ring?',
  rounds: 5,
  marks: {
    roundTripP50Micros: { atMost: 1 },
    roundTripP99Micros: { atMost: 5 },
    smallRecordsPerSecond: { atLeast: 20e6 },
    largeBytesPerSecond: { atLeast: 2e9 },
  },
  run: async size => {
    const outcomes = [
      await roundTrip('spin', 'roundTrip', size === 'full' ? 1_000_000 : 2000),
      await roundTrip('adaptive', 'adaptiveRoundTrip', size === 'full' ? 500_000 : 1000),
      await roundTrip('park', 'parkRoundTrip', size === 'full' ? 10_000 : 200),
      await throughput('smallRecordsPerSecond', 64, 1, size, 20_000_000),
      await throughput('largeBytesPerSecond', 1024, 1024, size, 4_000_000),
    ]
    return {
      wrong: outcomes.find(({ wrong }) => wrong !== null)?.wrong ?? null,
      figures: Object.assign({}, ...outcomes.map(({ figures }) => figures)) as Figures,
    }
  },
}

const makeRing = (): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(ringBytes(CAPACITY))
  initRing(buffer, 0, { capacity: CAPACITY })
  return buffer
}

const roundTrip = async (idle: IdleStrategyName, prefix: string, count: number): Promise<Outcome> => {
  const [there, back] = [makeRing(), makeRing()]
  const bells = new SharedArrayBuffer(2 * DOORBELL_BYTES)
  const latency = new SharedArrayBuffer(HISTOGRAM_BYTES)
  const warmup = Math.min(count, 50_000)
  const common = { idle, bells, latency, warmup, count, payloadBytes: 64 }
  const [ping, pong] = await runThreads<HopInput, HopAnswer>(MODULE, [
    { role: 'ping', incoming: back, outgoing: there, ownBell: 0, otherBell: DOORBELL_BYTES, ...common },
    { role: 'pong', incoming: there, outgoing: back, ownBell: DOORBELL_BYTES, otherBell: 0, ...common },
  ])
  const n = warmup + count
  const expected = (n * (n - 1)) / 2
  const recorded = new Histogram(latency).count
  const wrong =
    ping.sum !== expected || pong.sum !== expected || recorded !== count
      ? `${idle}: the sums are ${ping.sum} and ${pong.sum} of ${expected}, ${recorded} of ${count} timed`
      : null
  return { wrong, figures: latencyFigures(prefix, new Histogram(latency).snapshot()) }
}

const throughput = async (figure: string, payloadBytes: number, unit: number, size: Size, fullCount: number): Promise<Outcome> => {
  const ring = makeRing()
  const bells = new SharedArrayBuffer(2 * DOORBELL_BYTES)
  const latency = new SharedArrayBuffer(HISTOGRAM_BYTES)
  const count = size === 'full' ? fullCount : 50_000
  const warmup = count / 10
  const common = {
    idle: 'spin' as const,
    bells,
    latency,
    warmup,
    count,
    payloadBytes,
    incoming: ring,
    outgoing: ring,
    ownBell: 0,
    otherBell: 0,
  }
  const [, consumer] = await runThreads<HopInput, HopAnswer>(MODULE, [
    { role: 'produce', ...common },
    { role: 'consume', ...common },
  ])
  const [n, words] = [warmup + count, payloadBytes / 8]
  // Word j of record i holds i + j.
  const expected = (words * (n * (n - 1))) / 2 + (n * (words * (words - 1))) / 2
  const wrong = consumer.sum === expected ? null : `${payloadBytes}-byte records: the sum is ${consumer.sum} of ${expected}`
  return { wrong, figures: { [figure]: (count * unit * 1000) / consumer.millis } }
}
