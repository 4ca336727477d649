import { DOORBELL_BYTES, HISTOGRAM_BYTES, Histogram, type IdleStrategyName, initRing, ringBytes } from 'native-free-buffers'
import type { HopAnswer, HopInput } from './hop-worker.ts'
import type { Benchmark, Figures, Outcome, Size } from './kit/benchmark.ts'
import { latencyFigures } from './kit/statistics.ts'
import { runThreads } from './kit/threads.ts'

const MODULE = new URL('./hop-worker.js', import.meta.url)
const CAPACITY = 1 << 20

/**
 * Two rings, two doorbells, two workers. Beside it what the machine gives at that moment: `floor…` is a round trip of bare words,
 * `copyBytesPerSecond` a copy of the same bytes by one thread; `…PerFloor` and `…PerCopy` are ratios to them, which say something on a busy
 * machine too.
 */
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
      await roundTrip('spin', 'floor', size === 'full' ? 200_000 : 2000, ['floorPing', 'floorPong']),
      await roundTrip('spin', 'roundTrip', size === 'full' ? 1_000_000 : 2000),
      await roundTrip('adaptive', 'adaptiveRoundTrip', size === 'full' ? 500_000 : 1000),
      await roundTrip('park', 'parkRoundTrip', size === 'full' ? 10_000 : 200),
      await throughput('smallRecordsPerSecond', 64, 1, size, 20_000_000),
      await throughput('largeBytesPerSecond', 1024, 1024, size, 4_000_000),
      await copying(1024, size === 'full' ? 4_000_000 : 50_000),
    ]
    const figures = Object.assign({}, ...outcomes.map(outcome => outcome.figures)) as Figures
    return {
      wrong: outcomes.find(({ wrong }) => wrong !== null)?.wrong ?? null,
      figures: {
        ...figures,
        roundTripP50PerFloor: figures.roundTripP50Micros / figures.floorP50Micros,
        largeBytesPerCopy: figures.largeBytesPerSecond / figures.copyBytesPerSecond,
      },
    }
  },
}

const makeRing = (): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(ringBytes(CAPACITY))
  initRing(buffer, 0, { capacity: CAPACITY })
  return buffer
}

const roundTrip = async (
  idle: IdleStrategyName,
  prefix: string,
  count: number,
  roles: readonly [HopInput['role'], HopInput['role']] = ['ping', 'pong'],
): Promise<Outcome> => {
  const [there, back] = [makeRing(), makeRing()]
  const bells = new SharedArrayBuffer(2 * DOORBELL_BYTES)
  const latency = new SharedArrayBuffer(HISTOGRAM_BYTES)
  const warmup = Math.min(count, 50_000)
  const common = { idle, bells, latency, warmup, count, payloadBytes: 64 }
  const [ping, pong] = await runThreads<HopInput, HopAnswer>(MODULE, [
    { role: roles[0], incoming: back, outgoing: there, ownBell: 0, otherBell: DOORBELL_BYTES, ...common },
    { role: roles[1], incoming: there, outgoing: back, ownBell: DOORBELL_BYTES, otherBell: 0, ...common },
  ])
  const n = warmup + count
  const expected = (n * (n - 1)) / 2
  const recorded = new Histogram(latency).count
  const wrong =
    ping.sum !== expected || pong.sum !== expected || recorded !== count
      ? `${prefix}: the sums are ${ping.sum} and ${pong.sum} of ${expected}, ${recorded} of ${count} timed`
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

const copying = async (payloadBytes: number, count: number): Promise<Outcome> => {
  const warmup = count / 10
  const [answer] = await runThreads<HopInput, HopAnswer>(MODULE, [
    {
      role: 'copy',
      idle: 'spin',
      incoming: new SharedArrayBuffer(CAPACITY),
      outgoing: new SharedArrayBuffer(CAPACITY),
      bells: new SharedArrayBuffer(2 * DOORBELL_BYTES),
      ownBell: 0,
      otherBell: 0,
      latency: new SharedArrayBuffer(HISTOGRAM_BYTES),
      warmup,
      count,
      payloadBytes,
    },
  ])
  const wrong = answer.sum === warmup + count ? null : `the copy: the sum is ${answer.sum} of ${warmup + count}`
  return { wrong, figures: { copyBytesPerSecond: (count * payloadBytes * 1000) / answer.millis } }
}
