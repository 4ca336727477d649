import { Arena, DATA, Histogram, initRing, KeyIndex, RingReader, RingWriter, ringBytes } from 'native-free-buffers'
import { Bench } from 'tinybench'
import { parseSchema, RecordBuffer, RowLayout, RowWriter } from 'walkway'
import type { Benchmark, Outcome } from './kit/benchmark.ts'

/** So many operations in each sample, so that the clock is no part of a figure. */
const OPERATIONS = 1000
const KEYS = 100_000

/** A part under test: what one sample does, and a number that proves that it did. */
interface Part {
  readonly name: string
  readonly sample: () => void
  readonly wrong: () => string | null
}

const differs = (what: string, found: number, expected: number): string | null =>
  found === expected ? null : `${what}: ${found}, expected ${expected}`

const ring = (): Part => {
  const buffer = new SharedArrayBuffer(ringBytes(65_536))
  initRing(buffer, 0, { capacity: 65_536 })
  const [writer, reader] = [new RingWriter(buffer, 0), new RingReader(buffer, 0)]
  let [written, read] = [0, 0]
  return {
    name: 'ringRecord',
    sample: () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const to = writer.claim(64)
        writer.f64[to >> 3] = i
        writer.commit(DATA, 64, 0)
        writer.publish()
        written += i
        read += reader.f64[reader.next() >> 3]
        reader.release()
      }
    },
    wrong: () => differs('the sum out of a ring', read, written),
  }
}

const keyIndex = (): Part => {
  const index = new KeyIndex(new Arena())
  const key = new Int32Array(2)
  const bytes = new Uint8Array(key.buffer)
  const hashOf = (n: number): number => Math.imul(n ^ 0x5bd1e995, 0x9e3779b1)
  for (let n = 0; n < KEYS; n++) {
    key[0] = n
    index.insert(hashOf(n), bytes, 0, 8, 8)
  }
  let [found, looked, at] = [0, 0, 0]
  return {
    name: 'keyFound',
    sample: () => {
      for (let i = 0; i < OPERATIONS; i++) {
        at = (at + 7919) % KEYS
        if (index.findFixed8(hashOf(at), at, 0) !== 0) found++
      }
      looked += OPERATIONS
    },
    wrong: () => differs('keys found', found, looked),
  }
}

const arena = (): Part => {
  const memory = new Arena()
  const blocks = new Uint32Array(OPERATIONS)
  return {
    name: 'blockAllocatedAndFreed',
    sample: () => {
      for (let i = 0; i < OPERATIONS; i++) blocks[i] = memory.allocate(16 + (i & 63))
      for (let i = 0; i < OPERATIONS; i++) memory.free(blocks[i], 16 + (i & 63))
    },
    wrong: () => differs('bytes still in use', memory.usedBytes, 0),
  }
}

const histogram = (): Part => {
  const latencies = new Histogram()
  let recorded = 0
  return {
    name: 'latencyRecorded',
    sample: () => {
      for (let i = 0; i < OPERATIONS; i++) latencies.record(0.5 + (i & 1023))
      recorded += OPERATIONS
    },
    wrong: () => differs('latencies', latencies.count, recorded),
  }
}

const rowWriter = (): Part => {
  const layout = RowLayout.of(parseSchema('id BIGINT NOT NULL, key INT NOT NULL, value DOUBLE NOT NULL, name STRING NOT NULL'))
  const writer = new RowWriter(layout)
  const buffer = new RecordBuffer(layout)
  const name = new TextEncoder().encode('a name of some letters')
  let [rows, kept] = [0, 0]
  return {
    name: 'rowWritten',
    sample: () => {
      buffer.clear()
      for (let i = 0; i < OPERATIONS; i++) {
        writer.start(buffer, 32)
        writer.setLongNumber(0, i)
        writer.setInt32(1, i)
        writer.setDouble(2, i)
        writer.setBytes(3, name, 0, name.length)
        writer.finish()
      }
      rows += OPERATIONS
      kept += buffer.rowCount
    },
    wrong: () => differs('rows written', kept, rows),
  }
}

/** The parts of the hot path one by one, on one thread, with what they touch in the caches: tinybench's median of a thousand of each. */
export const parts: Benchmark = {
  name: 'parts',
  question: 'What do the parts of the hot path cost one by one?',
  rounds: 3,
  warmups: 0,
  run: async (size): Promise<Outcome> => {
    const all = [ring(), keyIndex(), arena(), histogram(), rowWriter()]
    const bench = new Bench({ time: size === 'full' ? 500 : 5, warmupTime: size === 'full' ? 250 : 5 })
    for (const { name, sample } of all) bench.add(name, sample)
    await bench.run()
    const figures: Record<string, number> = {}
    for (const { name, result } of bench.tasks) {
      if (!('latency' in result)) return { wrong: `${name} was not measured: ${result.state}`, figures: {} }
      figures[`${name}Nanos`] = (result.latency.p50 * 1e6) / OPERATIONS
    }
    return { wrong: all.map(part => part.wrong()).find(wrong => wrong !== null) ?? null, figures }
  },
}
