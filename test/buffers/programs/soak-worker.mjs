// One end of a ring under soak, in a thread of its own. Both ends draw the same records from the same seed: the producer writes them, the
// consumer compares every byte that comes with the byte that should.
import { parentPort, workerData } from 'node:worker_threads'
import { Doorbell, IdleStrategy, RingReader, RingWriter } from 'native-free-buffers'

const { role, buffer, bellsOffset, stride, capacity, idleName, seed, millis, softLimits } = workerData
const CONTROL_KIND = 7
const END_KIND = 9
const PARK_MILLIS = 50
/** How long an end sleeps at random moments, so that the other finds the ring full, or empty, and parks. */
const NAP_MILLIS = 2

const mulberry = start => {
  let state = start | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
}

/** The records, in order: mostly small, some up to a quarter of the ring, a few in pieces up to four times the ring. */
const drawRecord = random => {
  const dice = random() % 1000
  const most = dice < 2 ? 4 * capacity : dice < 50 ? capacity >> 2 : 120
  return { length: random() % (most + 1), kind: random() % 50 === 0 ? CONTROL_KIND : 1, hash: random() | 0, fill: random() }
}
/** Each byte depends on its place, so that bytes of another place or another record do not pass for it. */
const byteAt = (fill, i) => (Math.imul(fill + i, 0x9e3779b1) >>> 24) & 0xff

const nap = random => {
  if (random() % 20_000 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, NAP_MILLIS)
}

const [consumerBell, producerBell] = [new Doorbell(buffer, bellsOffset), new Doorbell(buffer, bellsOffset + stride)]
const idle = new IdleStrategy(idleName, 200)
let parks = 0

const produce = () => {
  const writer = new RingWriter(buffer, 0)
  const [random, moods] = [mulberry(seed), mulberry(seed + 1)]
  const scratch = new Uint8Array(4 * capacity)
  const waitFor = attempt => {
    let done = attempt()
    const tryAgain = () => {
      done = attempt()
      return done
    }
    while (!done) {
      consumerBell.ring()
      if (idle.shouldSleep(false)) {
        parks++
        producerBell.park(PARK_MILLIS, tryAgain)
      }
      if (!done) tryAgain()
    }
    idle.shouldSleep(true)
  }
  const end = performance.now() + millis
  let count = 0
  let bytes = 0
  for (let burst = 1; ; burst--) {
    // However slow the machine, some rounds.
    const isLast = count % 256 === 0 && bytes > 8 * capacity && performance.now() >= end
    const record = isLast ? { length: 8, kind: END_KIND, hash: count, fill: 0 } : drawRecord(random)
    const { length, kind, hash, fill } = record
    if (writer.isLarge(length)) {
      for (let i = 0; i < length; i++) scratch[i] = byteAt(fill, i)
      waitFor(() => writer.writeLarge(scratch, 0, length, kind, hash))
    } else {
      // A claim may be larger than what is committed.
      const claimed = Math.min(length + (moods() % 16), (capacity >> 2) - 16)
      let p = -1
      waitFor(() => {
        p = writer.claim(Math.max(length, claimed))
        return p >= 0
      })
      for (let i = 0; i < length; i++) writer.u8[p + i] = byteAt(fill, i)
      writer.arrivalMicros = count
      writer.commit(kind, length, hash)
    }
    if (burst <= 0 || isLast) {
      writer.publish()
      consumerBell.ring()
      burst = moods() % 40
    }
    if (isLast) return { count, bytes, parks }
    count++
    bytes += length
    nap(moods)
  }
}

const consume = () => {
  const reader = new RingReader(buffer, 0, { poison: true })
  const [random, moods] = [mulberry(seed), mulberry(seed + 2)]
  let count = 0
  let bytes = 0
  const check = (view, at, length, kind, hash, expected) => {
    if (length !== expected.length || kind !== expected.kind || hash !== expected.hash) {
      throw new Error(`record ${count} is ${length} ${kind} ${hash} instead of ${expected.length} ${expected.kind} ${expected.hash}`)
    }
    for (let i = 0; i < length; i++) {
      if (view[at + i] !== byteAt(expected.fill, i)) throw new Error(`byte ${i} of record ${count} of ${length} bytes is wrong`)
    }
    count++
    bytes += length
  }
  const take = () => {
    const kind = reader.peekKind()
    if (kind === 0) return false
    if (kind === END_KIND) {
      const p = reader.control()
      if (reader.hashAt(p) !== count) throw new Error(`${reader.hashAt(p)} records were written and ${count} read`)
      return null
    }
    if (reader.atFragment) {
      const large = reader.takeFragment()
      if (large !== null) check(large.bytes, 0, large.bytes.length, large.kind, large.hash, drawRecord(random))
      producerBell.ring()
      return large !== null
    }
    const p = kind === 1 ? reader.next() : reader.control()
    if (reader.arrivalMicrosAt(p) !== count) throw new Error(`record ${count} arrived at ${reader.arrivalMicrosAt(p)}`)
    check(reader.u8, p, reader.lengthAt(p), kind, reader.hashAt(p), drawRecord(random))
    return true
  }
  for (let burst = 1; ; burst--) {
    const taken = take()
    if (taken === null) return { count, bytes, parks }
    if (burst <= 0 || !taken) {
      reader.release()
      producerBell.ring()
      burst = moods() % 40
      if (softLimits && burst === 0) reader.setSoftLimit(moods() % 3 === 0 ? 0 : 1 + (moods() % capacity))
    }
    if (idle.shouldSleep(taken)) {
      parks++
      consumerBell.park(PARK_MILLIS, () => reader.peekKind() !== 0)
    }
    nap(moods)
  }
}

parentPort.postMessage(role === 'produce' ? produce() : consume())
