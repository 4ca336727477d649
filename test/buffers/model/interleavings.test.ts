import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as buffers from 'native-free-buffers'
import { afterAll, describe, expect, test } from 'vitest'
import { explore, type Model } from './explore.ts'
import type { Program } from './instrument.ts'

/**
 * Goal: the protocols of ring and doorbell are right in every order in which two or three threads can run: each record is seen once, whole
 * and in order, nothing unread is overwritten, no wake-up is lost, and no access races. Method: the package's own code, instrumented, over
 * tiny rings, through all interleavings; and again with one bug planted in its text at a time, each of which must be found.
 */
type Library = typeof buffers

const DIST = fileURLToPath(new URL('../../../native-free-buffers/dist', import.meta.url))
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/**
 * The built package, its private names made public so that a model can see a thread's whole state, and with one text replaced by another in
 * one file, if that is asked for.
 */
const loadLibrary = async (file?: string, right?: string, wrong?: string): Promise<Library> => {
  const folder = mkdtempSync(join(tmpdir(), 'walkway-model-'))
  folders.push(folder)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const name of readdirSync(DIST).filter(each => each.endsWith('.js'))) {
    let text = readFileSync(join(DIST, name), 'utf8')
    if (name === file && right !== undefined && wrong !== undefined) {
      if (text.split(right).length !== 2) throw new Error(`${name} has not exactly one ${right}`)
      text = text.replace(right, wrong)
    }
    writeFileSync(join(folder, name), text.replaceAll(/#(\w+)/g, '_$1'))
  }
  return (await import(pathToFileURL(join(folder, 'index.js')).href)) as Library
}

const asItIs = await loadLibrary()

const CAPACITY = 256
const RING_BYTES = buffers.ringBytes(CAPACITY)
const [TAIL, HEAD, LIMIT] = [0, 32, 33]
/**
 * Frames of 56 and 40 bytes by turns: five fill the ring, in every round some padding is needed, and the seventh fits but for its padding.
 */
const payloadBytesOf = (i: number): number => (i % 2 === 0 ? 40 : 24)
const BELLS = 2 * RING_BYTES
const bellOffset = (thread: number): number => BELLS + thread * buffers.DOORBELL_BYTES

const words = (rings: number): number[] => [
  ...Array.from({ length: rings }, (_, i) => {
    const first = (i * RING_BYTES) >> 2
    const control = [TAIL, HEAD, LIMIT, 64, 65].map(word => first + word)
    return [...control, ...Array.from({ length: CAPACITY >> 2 }, (_, j) => first + 96 + j)]
  }).flat(),
  ...Array.from({ length: 1 + rings }, (_, thread) => bellOffset(thread) >> 2),
]

const layOut = (): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(BELLS + 3 * buffers.DOORBELL_BYTES)
  // Positions pass 2^31 after the first record.
  for (const ring of [0, RING_BYTES]) buffers.initRing(buffer, ring, { capacity: CAPACITY, startPosition: 2 ** 31 - 64 })
  return buffer
}

interface Options {
  readonly library?: Library
  readonly records?: number
  /** Records to a burst: published together, and the bell rung after. */
  readonly burst?: number
  readonly waits?: 'spins' | 'parks'
  readonly ring?: number
  /** Rings the bell before publishing: a bug of the user. */
  readonly ringsEarly?: boolean
  /** Gives a record back before it has been looked at: a bug of the user. */
  readonly releasesEarly?: boolean
  readonly softLimit?: number
  /** The consumer rings for producers that wait for room; else they never do. */
  readonly bothWays?: boolean
}

const PARK_MILLIS = 1000

/** Writes numbered records. Threads: 0 consumes, others produce. */
const producer =
  (thread: number, options: Options): Program =>
  memory => {
    const { library = asItIs, records = 5, burst = 1, waits = 'parks', ring = 0 } = options
    const writer = new library.RingWriter(memory.buffer, ring)
    const [own, other] = [new library.Doorbell(memory.buffer, bellOffset(thread)), new library.Doorbell(memory.buffer, bellOffset(0))]
    for (let i = 0; i < records; i++) {
      memory.mark(i, writer)
      const bytes = payloadBytesOf(i)
      let p = writer.claim(bytes)
      while (p < 0) {
        // The claim has published what there was.
        other.ring()
        if (waits === 'parks') own.park(PARK_MILLIS, () => writer.claim(bytes) >= 0)
        else memory.awaitChange((ring >> 2) + HEAD, (ring >> 2) + LIMIT)
        p = writer.claim(bytes)
      }
      writer.i32[p >> 2] = 1000 + i
      writer.i32[((p + bytes) >> 2) - 1] = 2000 + i
      writer.arrivalMicros = i
      writer.commit(buffers.DATA, bytes, i)
      if ((i + 1) % burst !== 0 && i < records - 1) continue
      if (options.ringsEarly === true) other.ring()
      writer.publish()
      if (options.ringsEarly !== true) other.ring()
    }
  }

const mustBe = (what: string, seen: number, expected: number): void => {
  if (seen !== expected) throw new Error(`${what} is ${seen} instead of ${expected}`)
}

/** Reads what the producers wrote, and gives it back, one at a time. */
const consumer =
  (producers: number, options: Options): Program =>
  memory => {
    const { library = asItIs, records = 5, waits = 'parks', softLimit = 0, bothWays = true } = options
    const readers = Array.from({ length: producers }, (_, i) => new library.RingReader(memory.buffer, i * RING_BYTES, { poison: true }))
    const own = new library.Doorbell(memory.buffer, bellOffset(0))
    const bells = readers.map((_, i) => new library.Doorbell(memory.buffer, bellOffset(1 + i)))
    if (softLimit > 0) for (const reader of readers) reader.setSoftLimit(softLimit)
    const seen = readers.map(() => 0)
    while (seen.some(count => count < records)) {
      memory.mark(...seen, ...readers)
      let progressed = false
      readers.forEach((reader, i) => {
        const p = reader.next()
        if (p < 0) return
        progressed = true
        if (options.releasesEarly === true) reader.release()
        mustBe('the first word', reader.i32[p >> 2], 1000 + seen[i])
        mustBe('the last word', reader.i32[((p + payloadBytesOf(seen[i])) >> 2) - 1], 2000 + seen[i])
        mustBe('the length', reader.lengthAt(p), payloadBytesOf(seen[i]))
        mustBe('the hash', reader.hashAt(p), seen[i])
        mustBe('the arrival', reader.arrivalMicrosAt(p), seen[i])
        seen[i]++
        reader.release()
        if (waits === 'parks' && bothWays) bells[i].ring()
      })
      if (progressed) continue
      if (waits === 'parks') own.park(PARK_MILLIS, () => readers.some(reader => reader.peekKind() !== 0))
      else memory.awaitChange(...readers.map((_, i) => ((i * RING_BYTES) >> 2) + TAIL))
    }
  }

const model = (options: Options = {}, producers = 1): Model => ({
  buffer: layOut(),
  words: words(producers),
  threads: [
    consumer(producers, options),
    ...Array.from({ length: producers }, (_, i) => producer(1 + i, { ...options, ring: i * RING_BYTES })),
  ],
})

/** One record in pieces, more than the ring holds at once, and a small one after it. */
const LARGE_BYTES = 184
const largeModel = (waits: 'spins' | 'parks'): Model => ({
  buffer: layOut(),
  words: words(1),
  threads: [
    memory => {
      const reader = new asItIs.RingReader(memory.buffer, 0, { poison: true })
      const [own, other] = [0, 1].map(thread => new asItIs.Doorbell(memory.buffer, bellOffset(thread)))
      for (let large: buffers.LargeFrame | null = null; large === null; ) {
        memory.mark(1, reader)
        if (reader.atFragment) large = reader.takeFragment()
        if (waits === 'parks') other.ring()
        if (large !== null) mustBe('the sum', sumOf(large.bytes), sumOf(pattern))
        else if (waits === 'parks') own.park(PARK_MILLIS, () => reader.peekKind() !== 0)
        else memory.awaitChange(TAIL)
      }
      for (;;) {
        memory.mark(2, reader)
        if (reader.peekKind() !== 0) break
        if (waits === 'parks') own.park(PARK_MILLIS, () => reader.peekKind() !== 0)
        else memory.awaitChange(TAIL)
      }
      mustBe('the record after it', reader.i32[reader.next() >> 2], 77)
    },
    memory => {
      const writer = new asItIs.RingWriter(memory.buffer, 0)
      const [other, own] = [0, 1].map(thread => new asItIs.Doorbell(memory.buffer, bellOffset(thread)))
      const source = pattern
      for (let done = false; !done; ) {
        memory.mark(1, writer)
        done = writer.writeLarge(source, 0, LARGE_BYTES, buffers.DATA, 5)
        other.ring()
        if (done) break
        if (waits === 'parks') own.park(PARK_MILLIS, () => writer.claim(LARGE_PIECE_BYTES) >= 0)
        else memory.awaitChange(HEAD)
      }
      for (;;) {
        memory.mark(2, writer)
        const p = writer.claim(4)
        if (p >= 0) {
          writer.i32[p >> 2] = 77
          break
        }
        if (waits === 'parks') own.park(PARK_MILLIS, () => writer.claim(4) >= 0)
        else memory.awaitChange(HEAD)
      }
      writer.commit(buffers.DATA, 4, 0)
      writer.publish()
      other.ring()
    },
  ],
})
const LARGE_PIECE_BYTES = CAPACITY / 4 - buffers.FRAME_HEADER_BYTES
const pattern = Uint8Array.from({ length: LARGE_BYTES }, (_, i) => (i * 37) & 0xff)
const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte, i) => (Math.imul(sum, 31) + byte * (i + 1)) | 0, 0)

/** `npm run stress` sets it. */
const isLarge = process.env.WALKWAY_SOAK_SECONDS !== undefined

const mustBeRight = (tried: Model): ReturnType<typeof explore> => {
  const found = explore(tried)
  expect(found.failure).toBe(null)
  expect(found.ends).toBeGreaterThan(0)
  return found
}

// The numbers of records let positions wrap, padding come and, but for the shortest, the ring be full.
describe('in every order', { timeout: 300_000 }, () => {
  test('of two spinning threads, records come once, whole and in order', () => {
    for (const burst of [1, 2, 3]) mustBeRight(model({ waits: 'spins', records: isLarge ? 12 : 8, burst }))
  })

  test('of two parking threads, no wake-up is lost', () => {
    const found = mustBeRight(model({ records: 6 }))
    expect(found.sleeps).toBeGreaterThan(0)
    mustBeRight(model({ records: 6, burst: 2 }))
  })

  test('of sleeps that may end by themselves', () => {
    mustBeRight({ ...model({ records: 3 }), timeouts: 1 })
  })

  test('of two producers and one consumer that sleeps on one doorbell', () => {
    mustBeRight(model({ records: 2, burst: 2, bothWays: false }, 2))
  })

  test('of a producer under a soft limit', () => {
    for (const softLimit of [1, 100]) mustBeRight(model({ records: 5, softLimit, waits: 'spins' }))
    mustBeRight(model({ records: 4, softLimit: 100 }))
  })

  test('of one that writes a record in pieces and one that puts them together', () => {
    mustBeRight(largeModel('spins'))
    mustBeRight(largeModel('parks'))
  })

  test('of threads that change at every access, plain ones too', () => {
    mustBeRight({ ...model({ records: 2 }), everyAccess: true })
    mustBeRight({ ...model({ records: 6, waits: 'spins' }), everyAccess: true })
  })
})

test('a thread alone leaves the same bytes behind as the package without instruments', () => {
  const alone = layOut()
  producer(1, { records: 4, library: buffers })({ buffer: alone, mark: () => {}, awaitChange: () => {} })
  const tried: Model = { buffer: layOut(), words: words(1), threads: [producer(1, { records: 4 })] }
  const real = new Int32Array(alone)
  expect(explore(tried).finalWords).toEqual(Int32Array.from(tried.words, word => real[word]))
})

const RACE = /data race/
/** A position that never meets the other, and one outside the ring. */
const [ENDLESS, STRAY] = [/does not come to an end/, /nobody's/]
const ASLEEP = /nobody can go on/
const WRONG = / is .* instead of /

/** What is planted: file, right text, wrong text; and what must be found. */
const bugs: Readonly<Record<string, readonly [file: string, right: string, wrong: string, found: RegExp]>> = {
  'the writer publishes before it writes the header': [
    'ring.js',
    'const p = this.#claimed;\n        this.i32[(p >> 2) - 4]',
    'const p = this.#claimed;\n        Atomics.store(this.i32, this.#tailIndex, (this.#tail + 56) | 0);\n        this.i32[(p >> 2) - 4]',
    RACE,
  ],
  'the writer publishes with a plain store': [
    'ring.js',
    'Atomics.store(this.i32, this.#tailIndex, this.#tail)',
    'this.i32[this.#tailIndex] = this.#tail',
    RACE,
  ],
  'the reader looks for the tail with a plain load': [
    'ring.js',
    'next() {\n        if (this.#head === this.#tail) {\n            this.#tail = Atomics.load(this.i32, this.#tailIndex)',
    'next() {\n        if (this.#head === this.#tail) {\n            this.#tail = this.i32[this.#tailIndex]',
    RACE,
  ],
  'the reader gives bytes back before it poisons them': [
    'ring.js',
    'if (this.#poison)\n            this.#overwrite();\n        this.#released = this.#head;\n        Atomics.store(this.i32, this.#headIndex, this.#head);',
    'Atomics.store(this.i32, this.#headIndex, this.#head);\n        if (this.#poison)\n            this.#overwrite();\n        this.#released = this.#head;',
    RACE,
  ],
  'the reader gives bytes back with a plain store': [
    'ring.js',
    'Atomics.store(this.i32, this.#headIndex, this.#head)',
    'this.i32[this.#headIndex] = this.#head',
    RACE,
  ],
  'the writer does not count the padding': ['ring.js', '!this.#findRoom(bytes + padding)', '!this.#findRoom(bytes)', RACE],
  'the writer thinks that a ring has one frame more than it has': [
    'ring.js',
    'fill + needed <= this.capacity',
    'fill <= this.capacity',
    RACE,
  ],
  'the writer compares positions without wrapping': [
    'ring.js',
    'const fill = (this.#tail - head) | 0',
    'const fill = this.#tail - head',
    WRONG,
  ],
  'the reader steps over padding by too much': [
    'ring.js',
    '#skipPad(at) {\n        this.#head = (this.#head + this.capacity - at) | 0',
    '#skipPad(at) {\n        this.#head = (this.#head + this.capacity - at + 8) | 0',
    ENDLESS,
  ],
  'the writer forgets to mark the padding': ['ring.js', 'if (padding > 0)\n            this.#pad(at, padding);', '', STRAY],
  'a full ring is not published': [
    'ring.js',
    'return true;\n        this.publish();\n        return false;',
    'return true;\n        return false;',
    ASLEEP,
  ],
  'the sleeper does not look again after it has said that it sleeps': [
    'doorbell.js',
    'if (!hasWork())\n            Atomics.wait',
    'Atomics.wait',
    ASLEEP,
  ],
  'the sleeper looks before it says that it sleeps': [
    'doorbell.js',
    'park(millis, hasWork) {\n        Atomics.store(this.#word, this.#index, PARKED);\n        if (!hasWork())',
    'park(millis, hasWork) {\n        const work = hasWork();\n        Atomics.store(this.#word, this.#index, PARKED);\n        if (!work)',
    ASLEEP,
  ],
  'the ringer says awake after it has woken': [
    'doorbell.js',
    'Atomics.store(this.#word, this.#index, AWAKE);\n            Atomics.notify(this.#word, this.#index);\n        }',
    'Atomics.notify(this.#word, this.#index);\n            Atomics.store(this.#word, this.#index, AWAKE);\n        }',
    ASLEEP,
  ],
  'the ringer does not wake': [
    'doorbell.js',
    'AWAKE);\n            Atomics.notify(this.#word, this.#index);\n        }',
    'AWAKE);\n        }',
    ASLEEP,
  ],
}

const findBug = (options: Options): string | null => {
  const ways: Options[] = [{ waits: 'spins', records: 8 }, { records: 6 }, { waits: 'spins', records: 6, burst: 6 }]
  return ways.map(way => explore(model({ ...options, ...way })).failure).find(failure => failure !== null) ?? null
}

describe('a planted bug is found', { timeout: 300_000 }, () => {
  test.each(Object.keys(bugs))('%s', async name => {
    const [file, right, wrong, found] = bugs[name]
    const failure = findBug({ library: await loadLibrary(file, right, wrong) })
    expect(failure ?? 'nothing').toMatch(found)
  })

  test('the user rings before publishing', () => expect(findBug({ ringsEarly: true }) ?? 'nothing').toMatch(ASLEEP))

  test('the user gives a record back before looking at it', () => expect(findBug({ releasesEarly: true }) ?? 'nothing').toMatch(WRONG))
})
