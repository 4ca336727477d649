import { parentPort, workerData } from 'node:worker_threads'
import { Doorbell, Histogram, IdleStrategy, type IdleStrategyName, RingReader, RingWriter } from 'native-free-buffers'

/** One side of the `hop` benchmark. */
export interface HopInput {
  readonly role: 'ping' | 'pong' | 'produce' | 'consume' | 'floorPing' | 'floorPong' | 'copy'
  readonly idle: IdleStrategyName
  readonly incoming: SharedArrayBuffer
  readonly outgoing: SharedArrayBuffer
  readonly bells: SharedArrayBuffer
  readonly ownBell: number
  readonly otherBell: number
  readonly latency: SharedArrayBuffer
  readonly warmup: number
  readonly count: number
  readonly payloadBytes: number
}

export interface HopAnswer {
  readonly sum: number
  readonly millis: number
}

const input = workerData as HopInput
const total = input.warmup + input.count
const PARK_MILLIS = 100

const ping = (): HopAnswer => {
  const [reader, writer] = [new RingReader(input.incoming, 0), new RingWriter(input.outgoing, 0)]
  const [own, other] = [new Doorbell(input.bells, input.ownBell), new Doorbell(input.bells, input.otherBell)]
  const idle = new IdleStrategy(input.idle)
  const histogram = new Histogram(input.latency)
  const hasWork = (): boolean => reader.peekKind() !== 0
  let sum = 0
  let before = performance.now()
  for (let i = 0; i < total; i++) {
    const to = writer.claim(input.payloadBytes)
    writer.f64[to >> 3] = i
    writer.commit(1, input.payloadBytes, 0)
    writer.publish()
    other.ring()
    let p = reader.next()
    while (p < 0) {
      if (idle.shouldSleep(false)) own.park(PARK_MILLIS, hasWork)
      p = reader.next()
    }
    idle.shouldSleep(true)
    sum += reader.f64[p >> 3]
    reader.release()
    // The clock is read once a round trip: its price is part of the figure.
    const now = performance.now()
    if (i >= input.warmup) histogram.record((now - before) * 1000)
    before = now
  }
  return { sum, millis: 0 }
}

const pong = (): HopAnswer => {
  const [reader, writer] = [new RingReader(input.incoming, 0), new RingWriter(input.outgoing, 0)]
  const [own, other] = [new Doorbell(input.bells, input.ownBell), new Doorbell(input.bells, input.otherBell)]
  const idle = new IdleStrategy(input.idle)
  const hasWork = (): boolean => reader.peekKind() !== 0
  let sum = 0
  for (let i = 0; i < total; i++) {
    let p = reader.next()
    while (p < 0) {
      if (idle.shouldSleep(false)) own.park(PARK_MILLIS, hasWork)
      p = reader.next()
    }
    idle.shouldSleep(true)
    const value = reader.f64[p >> 3]
    reader.release()
    const to = writer.claim(input.payloadBytes)
    writer.f64[to >> 3] = value
    writer.commit(1, input.payloadBytes, 0)
    writer.publish()
    other.ring()
    sum += value
  }
  return { sum, millis: 0 }
}

const produce = (): HopAnswer => {
  const writer = new RingWriter(input.outgoing, 0)
  const { f64 } = writer
  const { payloadBytes } = input
  const words = payloadBytes >> 3
  for (let i = 0; i < total; i++) {
    let p = writer.claim(payloadBytes)
    while (p < 0) {
      writer.publish()
      p = writer.claim(payloadBytes)
    }
    const at = p >> 3
    for (let j = 0; j < words; j++) f64[at + j] = i + j
    writer.commit(1, payloadBytes, 0)
  }
  writer.publish()
  return { sum: 0, millis: 0 }
}

const consume = (): HopAnswer => {
  const reader = new RingReader(input.incoming, 0)
  const { f64 } = reader
  const words = input.payloadBytes >> 3
  let [sum, seen, startedAt] = [0, 0, 0]
  while (seen < total) {
    // A burst, as a task would take it: at most 256 records between two releases.
    for (let k = 0; k < 256; k++) {
      const p = reader.next()
      if (p < 0) break
      if (seen++ === input.warmup) startedAt = performance.now()
      const at = p >> 3
      for (let j = 0; j < words; j++) sum += f64[at + j]
    }
    reader.release()
  }
  return { sum, millis: performance.now() - startedAt }
}

/** What two cores need to tell each other anything at all: a word here, a word there, no ring. */
const floorPing = (): HopAnswer => {
  const words = new Int32Array(input.bells)
  const [own, other] = [input.ownBell >> 2, input.otherBell >> 2]
  const histogram = new Histogram(input.latency)
  let [sum, before] = [0, performance.now()]
  for (let i = 1; i <= total; i++) {
    Atomics.store(words, other, i)
    let answer = Atomics.load(words, own)
    while (answer !== i) answer = Atomics.load(words, own)
    sum += answer - 1
    const now = performance.now()
    if (i > input.warmup) histogram.record((now - before) * 1000)
    before = now
  }
  return { sum, millis: 0 }
}

const floorPong = (): HopAnswer => {
  const words = new Int32Array(input.bells)
  const [own, other] = [input.ownBell >> 2, input.otherBell >> 2]
  let sum = 0
  for (let i = 1; i <= total; i++) {
    while (Atomics.load(words, own) !== i);
    Atomics.store(words, other, i)
    sum += i - 1
  }
  return { sum, millis: 0 }
}

/** The same bytes copied from place to place by one thread, at its leisure. */
const copy = (): HopAnswer => {
  const { payloadBytes } = input
  const [from, to] = [new Uint8Array(input.incoming), new Uint8Array(input.outgoing)]
  const last = from.length - payloadBytes
  from.fill(1)
  let [at, startedAt] = [0, 0]
  for (let i = 0; i < total; i++) {
    if (i === input.warmup) startedAt = performance.now()
    to.set(from.subarray(at, at + payloadBytes), at)
    at += payloadBytes
    if (at > last) at = 0
  }
  return { sum: to[0] * total, millis: performance.now() - startedAt }
}

parentPort?.postMessage({ ping, pong, produce, consume, floorPing, floorPong, copy }[input.role]())
