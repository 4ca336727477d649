import {
  Counters,
  countersBytes,
  HISTOGRAM_BYTES,
  Histogram,
  initCounters,
  initRing,
  Region,
  RingReader,
  RingWriter,
  ringBytes,
} from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: what shares a buffer does not get in each other's way. Method: a buffer of random rings, counters and histograms, all used at
// random, each beside a model.

interface Piece {
  readonly offset: number
  readonly bytes: number
  use(random: SeededRandom): void
  check(): void
}

type Plan = readonly [bytes: number, make: (buffer: SharedArrayBuffer, offset: number) => Omit<Piece, 'offset' | 'bytes'>]

const planCounters = (random: SeededRandom): Plan => {
  const labels = Array.from({ length: random.below(6) }, (_, i) => `${random.pick(['rows in', 'größe', '日本', '', 'x'.repeat(99)])}${i}`)
  return [
    countersBytes(labels),
    (buffer, offset) => {
      initCounters(buffer, offset, labels)
      const writer = new Counters(buffer, offset)
      const model: Record<string, number> = Object.fromEntries(labels.map(label => [label, 0]))
      return {
        use: dice => {
          if (labels.length === 0) return
          const label = dice.pick(labels)
          const more = dice.below(2 ** 31) * dice.below(2 ** 20)
          writer.cells[writer.index(label)] += more
          model[label] += more
        },
        check: () => {
          const reader = new Counters(buffer, offset)
          expect(reader.read()).toEqual(model)
          expect(reader.labels).toEqual(labels)
          expect(() => reader.index('none')).toThrow(RangeError)
        },
      }
    },
  ]
}

const planHistogram = (): Plan => [
  HISTOGRAM_BYTES,
  (buffer, offset) => {
    const [shared, model] = [new Histogram(buffer, offset), new Histogram()]
    return {
      use: dice => {
        const value = dice.next() * 10 ** dice.below(10)
        shared.record(value)
        model.record(value)
      },
      check: () => expect(new Histogram(buffer, offset).snapshot()).toEqual(model.snapshot()),
    }
  },
]

const planRing = (random: SeededRandom): Plan => {
  const capacity = random.pick([256, 512, 1024])
  const preambleBytes = random.below(40)
  return [
    ringBytes(capacity, preambleBytes),
    (buffer, offset) => {
      const preamble = initRing(buffer, offset, { capacity, preambleBytes, startPosition: 8 * random.below(2 ** 28) })
      new Uint8Array(buffer).fill(0xab, preamble, preamble + preambleBytes)
      const [writer, reader] = [new RingWriter(buffer, offset), new RingReader(buffer, offset, { poison: true })]
      let [written, read] = [0, 0]
      return {
        use: dice => {
          const p = writer.claim(8 + 8 * dice.below(4))
          if (p >= 0) {
            writer.f64[p >> 3] = written++
            writer.commit(1, 8, 0)
          }
          writer.publish()
          if (dice.next() < 0.5) return
          for (let q = reader.next(); q >= 0; q = reader.next()) expect(reader.f64[q >> 3]).toBe(read++)
          reader.release()
        },
        check: () => {
          for (let q = reader.next(); q >= 0; q = reader.next()) expect(reader.f64[q >> 3]).toBe(read++)
          expect(read).toBe(written)
          expect(new Uint8Array(buffer, preamble, preambleBytes).every(byte => byte === 0xab)).toBe(true)
        },
      }
    },
  ]
}

describe.each(seeds(10))('seed %i', seed => {
  test('the pieces of a buffer do not touch each other', () => {
    const random = seededRandom(seed)
    const region = new Region()
    const plans = Array.from({ length: 1 + random.below(12) }, () => random.pick([planCounters, planHistogram, planRing])(random))
    const offsets = plans.map(([bytes]) => region.reserve(bytes))
    const pieces: Piece[] = plans.map(([bytes, make], i) => ({ offset: offsets[i], bytes, ...make(region.buffer, offsets[i]) }))
    pieces.forEach(({ offset, bytes }, i) => {
      expect(offset % 128).toBe(0)
      expect(offset + bytes).toBeLessThanOrEqual(offsets[i + 1] ?? region.buffer.byteLength)
    })
    for (let i = 0; i < 500; i++) random.pick(pieces).use(random)
    for (const piece of pieces) piece.check()
  })
})

test('a region that is made does not grow', () => {
  const region = new Region()
  expect(region.buffer.byteLength).toBe(128)
  expect(() => region.reserve(1)).toThrow('cannot grow')
})

test('a label of two lines is refused: labels are kept a line each', () => {
  expect(() => initCounters(new SharedArrayBuffer(128), 0, ['a\nb'])).toThrow('label')
})
