import { parentPort, workerData } from 'node:worker_threads'
import { Histogram, type LatencySnapshot } from 'native-free-buffers'
import { nowMicros } from '../kit/clock.ts'

export interface Relay {
  /** A word: how many instants the first thread has seen pass. */
  readonly word: SharedArrayBuffer
  readonly isFirst: boolean
  /** Micros by `nowMicros`: the first instant. */
  readonly start: number
  readonly perSecond: number
  readonly seconds: number
}

const { word, isFirst, start, perSecond, seconds } = workerData as Relay
const passed = new Int32Array(word)
const step = 1e6 / perSecond
const all = Math.round(perSecond * seconds)

const first = (): void => {
  for (let sent = 0; sent < all; ) {
    const due = Math.min(all, Math.floor((nowMicros() - start) / step))
    if (due === sent) continue
    Atomics.store(passed, 0, due)
    sent = due
  }
}

/** How late each instant came, from when it was due; one snapshot for every second. */
const second = (): LatencySnapshot[] => {
  const snapshots: LatencySnapshot[] = []
  const perSnapshot = Math.min(all, perSecond)
  let lateness = new Histogram()
  for (let seen = 0; seen < all; ) {
    const sent = Atomics.load(passed, 0)
    if (sent === seen) continue
    const now = nowMicros()
    while (seen < sent) {
      // Instant 0 passes one step after the start, when the first thread counts it.
      lateness.record(Math.max(0, now - (start + ++seen * step)))
      if (seen % perSnapshot !== 0) continue
      snapshots.push(lateness.snapshot())
      lateness = new Histogram()
    }
  }
  return snapshots
}

if (isFirst) first()
parentPort?.postMessage(isFirst ? [] : second())
