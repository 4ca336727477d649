import { initRing, RingReader, RingWriter, ringBytes } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { seededRandom, seeds } from '../support/random.ts'

const makeRing = (capacity: number, startPosition = 0, poison = true) => {
  const buffer = new SharedArrayBuffer(ringBytes(capacity, 24))
  initRing(buffer, 0, { capacity, preambleBytes: 24, startPosition })
  return { writer: new RingWriter(buffer, 0), reader: new RingReader(buffer, 0, { poison }) }
}

const sameBytes = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0

// Goal: what goes in comes out, once, in order, whole, at every size, fill and position. Method: random steps against a queue, by seed, on
// tiny rings that start just below the point where positions wrap.
describe('ring', () => {
  test.each(seeds(6))('gives back what was put in, seed %i', seed => {
    const random = seededRandom(seed)
    const { writer, reader } = makeRing(random.pick([256, 512, 4096]), 2 ** 31 - 64)
    const queue: { kind: number; hash: number; bytes: Uint8Array }[] = []
    let large: { bytes: Uint8Array; kind: number; hash: number } | null = null
    let waiting = 0
    for (let i = 0; i < 30_000; i++) {
      const dice = random.next()
      if (dice < 0.5 && large === null) {
        const kind = random.next() < 0.8 ? 1 : 2 + random.below(4)
        const size = random.below(random.next() < 0.05 ? writer.capacity * 4 : writer.capacity >> 3)
        const hash = random.below(2 ** 31)
        const bytes = Uint8Array.from({ length: size }, () => random.below(256))
        if (writer.isLarge(size)) {
          large = { bytes, kind, hash }
        } else {
          const p = writer.claim(size + random.below(Math.min(16, (writer.capacity >> 2) - 16 - size + 1)))
          if (p < 0) continue
          writer.u8.set(bytes, p)
          writer.arrivalMicros = i
          writer.commit(kind, size, hash)
          queue.push({ kind, hash, bytes })
        }
      }
      if (large !== null && writer.writeLarge(large.bytes, 0, large.bytes.length, large.kind, large.hash)) {
        queue.push({ kind: large.kind, hash: large.hash, bytes: large.bytes })
        large = null
      }
      if (dice > 0.6) writer.publish()
      if (dice > 0.55) {
        for (let k = 0; k < 3; k++) {
          const kind = reader.peekKind()
          if (kind === 0) break
          if (reader.atFragment) {
            const whole = reader.takeFragment()
            if (whole === null) break
            const expected = queue.shift()
            expect([whole.kind, whole.hash]).toEqual([expected?.kind, expected?.hash])
            expect(sameBytes(whole.bytes, expected?.bytes)).toBe(true)
            continue
          }
          const expected = queue.shift()
          expect(kind).toBe(expected?.kind)
          const p = kind === 1 ? reader.next() : reader.control()
          const length = reader.i32[(p >> 2) - 4] & 0xffffff
          expect(sameBytes(reader.u8.subarray(p, p + length), expected?.bytes)).toBe(true)
          expect(reader.i32[(p >> 2) - 3]).toBe(expected?.hash)
          waiting++
        }
        if (random.next() < 0.7) reader.release()
      }
    }
    expect(waiting).toBeGreaterThan(1000)
  })

  test('a full ring refuses the record and keeps its tail', () => {
    const { writer, reader } = makeRing(256)
    let count = 0
    for (let p = writer.claim(8); p >= 0; p = writer.claim(8)) {
      writer.f64[p >> 3] = count++
      writer.commit(1, 8, 0)
    }
    expect(count).toBe(10)
    expect(writer.claim(8)).toBe(-1)
    writer.publish()
    for (let i = 0; i < 10; i++) expect(reader.f64[reader.next() >> 3]).toBe(i)
    expect(reader.next()).toBe(-1)
    expect(writer.claim(8)).toBe(-1)
    reader.release()
    expect(writer.claim(8)).toBeGreaterThan(0)
  })

  test('next stops before a control frame', () => {
    const { writer, reader } = makeRing(1024)
    for (const kind of [1, 3, 1]) {
      writer.claim(8)
      writer.commit(kind, 8, 0)
    }
    writer.publish()
    expect(reader.next()).toBeGreaterThan(0)
    expect(reader.next()).toBe(-1)
    expect(reader.peekKind()).toBe(3)
    expect(reader.control()).toBeGreaterThan(0)
    expect(reader.next()).toBeGreaterThan(0)
    expect(reader.peekKind()).toBe(0)
  })

  test('a soft limit holds the producer back', () => {
    const { writer, reader } = makeRing(1024)
    reader.setSoftLimit(1)
    let bytes = 0
    while (writer.claim(16) >= 0) {
      writer.commit(1, 16, 0)
      bytes += 32
      if (bytes > 4096) break
    }
    // The limit is looked at only when the cached position leaves no room, so the producer may fill the ring once before it notices.
    expect(bytes).toBeLessThanOrEqual(1024)
  })

  test('a record that is written in pieces may be small, or empty', () => {
    const { writer, reader } = makeRing(256)
    for (const length of [0, 1, 33]) {
      expect(writer.writeLarge(new Uint8Array(40).fill(7), 0, length, 3, 5)).toBe(true)
      expect(reader.peekKind()).toBe(3)
      expect(reader.takeFragment()).toMatchObject({ bytes: new Uint8Array(length).fill(7), kind: 3, hash: 5 })
    }
  })

  test('a record above 16 MiB is refused with a code', () => {
    const { writer } = makeRing(256)
    expect(() => writer.writeLarge(new Uint8Array(0), 0, 17 * 2 ** 20, 1, 0)).toThrow(expect.objectContaining({ code: 'RECORD_TOO_LARGE' }))
  })
})
