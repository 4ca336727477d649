import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/connector/kafka/batch-builder.ts'
import { crc32c } from '../../../src/connector/kafka/crc32c.ts'
import { murmur2 } from '../../../src/connector/kafka/murmur2.ts'
import type { Compression } from '../../../src/connector/kafka/record-batch.ts'
import { RecordCursor } from '../../../src/connector/kafka/record-cursor.ts'
import { snappyDecode as decodeInto, snappyEncode } from '../../../src/connector/kafka/snappy.ts'
import { anySeed, seededRandom } from '../../support/random.ts'

// Goal: what we write is what Kafka's other clients read, and the other way round; whatever else comes is refused by a code.

const load = createRequire(import.meta.url)

/** Into more memory than is needed, as a reader has it that unpacked a larger batch before. */
const snappyDecode = (bytes: Uint8Array): Uint8Array => {
  let room = new Uint8Array(0)
  const length = decodeInto(bytes, wanted => {
    room = new Uint8Array(wanted + 100)
    return room
  })
  return room.subarray(0, length)
}

interface Read {
  readonly offset: number
  readonly millis: number
  readonly key: string | null
  readonly value: string | null
}

const readAll = (bytes: Buffer, from = 0): Read[] => {
  const cursor = new RecordCursor(bytes, from, [], 't:0')
  const found: Read[] = []
  while (cursor.next()) {
    const part = (offset: number, length: number): string | null =>
      length < 0 ? null : cursor.bytes.toString('latin1', offset, offset + length)
    found.push({
      offset: cursor.offset,
      millis: cursor.timestampMillis,
      key: part(cursor.keyOffset, cursor.keyLength),
      value: part(cursor.valueOffset, cursor.valueLength),
    })
  }
  return found
}

const batchOf = (records: readonly Omit<Read, 'offset'>[], compression: Compression = 'none'): Buffer => {
  const builder = new BatchBuilder(64)
  for (const { millis, key, value } of records) {
    const [k, v] = [Buffer.from(key ?? '', 'latin1'), Buffer.from(value ?? '', 'latin1')]
    builder.append(millis, Buffer.concat([k, v]), 0, key === null ? -1 : k.length, k.length, value === null ? -1 : v.length)
  }
  return builder.finish(compression)
}

const seed = anySeed()

describe('checksums and hashes', () => {
  test('CRC-32C gives the published check value, at every alignment', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283)
    for (let pad = 0; pad < 9; pad++) expect(crc32c(Buffer.from(`${'x'.repeat(pad)}123456789`), pad, pad + 9)).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa)
  })

  test('murmur2 answers as Kafka’s own test has it', () => {
    const cases: readonly [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ]
    for (const [text, hash] of cases) expect(murmur2(Buffer.from(`..${text}`), 2, text.length)).toBe(hash)
  })
})

describe('snappy', () => {
  test('a copy may overlap what it copies', () => {
    // Length 10; a literal 'ab'; a copy of 8 bytes from 2 back.
    expect(Buffer.from(snappyDecode(Uint8Array.of(10, 1 << 2, 97, 98, 1 | ((8 - 4) << 2), 2))).toString()).toBe('ababababab')
  })

  test(`what is encoded is decoded again, seed ${seed}`, () => {
    const random = seededRandom(seed).next
    for (let i = 0; i < 200; i++) {
      const length = Math.floor(random() ** 3 * 200_000)
      const letters = 1 + Math.floor(random() * 255)
      const source = Uint8Array.from({ length }, (_, at) => (random() < 0.5 ? at % 7 : Math.floor(random() * letters)))
      expect(Buffer.compare(Buffer.from(snappyDecode(snappyEncode(source))), Buffer.from(source))).toBe(0)
    }
  })

  test(`rubbish is refused and never read beyond its end, seed ${seed}`, () => {
    const random = seededRandom(seed).next
    for (let i = 0; i < 2000; i++) {
      const bytes = Uint8Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256))
      try {
        snappyDecode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }
  })
})

describe('record batches', () => {
  test(`records come back as they were, in any compression, seed ${seed}`, () => {
    const random = seededRandom(seed).next
    for (let i = 0; i < 60; i++) {
      const compression = (['none', 'gzip', 'snappy'] as const)[i % 3]
      const text = (): string | null =>
        random() < 0.2 ? null : 'x'.repeat(Math.floor(random() ** 4 * 20_000)) + String.fromCharCode(random() * 256)
      const records = Array.from({ length: 1 + Math.floor(random() * 40) }, () => ({
        millis: 1_700_000_000_000 + Math.floor(random() * 100_000) - 50_000,
        key: text(),
        value: text(),
      }))
      expect(readAll(batchOf(records, compression))).toEqual(records.map((record, offset) => ({ offset, ...record })))
    }
  })

  test('kafkajs reads what we write', async () => {
    const Decoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown
    const decode = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (
      decoder: unknown,
    ) => Promise<{ records: { key: Buffer | null; value: Buffer | null; offset: string; timestamp: string }[] }>
    const records = [
      { millis: 1000, key: 'a', value: 'first' },
      { millis: 900, key: null, value: 'x'.repeat(5000) },
      { millis: 2000, key: '', value: null },
    ]
    for (const compression of ['none', 'gzip'] as const) {
      const { records: read } = await decode(new Decoder(batchOf(records, compression)))
      expect(
        read.map(({ key, value, offset, timestamp }) => ({
          key: key?.toString() ?? null,
          value: value?.toString() ?? null,
          offset,
          timestamp,
        })),
      ).toEqual(records.map(({ millis, key, value }, i) => ({ key, value, offset: String(i), timestamp: String(millis) })))
    }
  })

  test('a reader that starts in the middle of a batch leaves out what lies before, and goes on over several batches', () => {
    const [first, second] = [
      batchOf([1, 2, 3].map(n => ({ millis: n, key: null, value: `a${n}` }))),
      batchOf([{ millis: 9, key: null, value: 'b' }]),
    ]
    second.writeBigInt64BE(3n, 0)
    expect(readAll(Buffer.concat([first, second]), 1).map(({ value }) => value)).toEqual(['a2', 'a3', 'b'])
  })

  test('a record that is put back comes again, also the first of a batch', () => {
    const [first, second] = [batchOf([{ millis: 1, key: null, value: 'a' }]), batchOf([{ millis: 2, key: null, value: 'b' }])]
    second.writeBigInt64BE(1n, 0)
    const cursor = new RecordCursor(Buffer.concat([first, second]), 0, [], 't:0')
    expect(cursor.next() && cursor.next()).toBe(true)
    cursor.back()
    expect(cursor.position).toBe(1)
    expect(cursor.next()).toBe(true)
    expect([cursor.offset, cursor.next()]).toEqual([1, false])
  })

  test('a batch that the fetch has cut off is left for the next fetch', () => {
    const whole = batchOf([{ millis: 1, key: null, value: 'a' }])
    expect(readAll(Buffer.concat([whole, whole.subarray(0, whole.length - 1)]))).toHaveLength(1)
  })

  test('every flipped byte behind the length is noticed', () => {
    const whole = batchOf([{ millis: 1, key: 'k', value: 'value' }])
    for (let at = 17; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] ^= 0x10
      expect(() => readAll(damaged)).toThrow(expect.objectContaining({ code: 'KAFKA_BAD_DATA' }))
    }
  })

  test('records of an aborted transaction and control batches are never delivered', () => {
    const transactional = (producer: bigint, offset: bigint, value: string, control = false): Buffer => {
      const bytes = control
        ? batchOf([{ millis: 1, key: String.fromCharCode(0, 0, 0, 0), value: '' }])
        : batchOf([{ millis: 1, key: null, value }])
      bytes.writeBigInt64BE(offset, 0)
      bytes.writeInt16BE(control ? 48 : 16, 21)
      bytes.writeBigInt64BE(producer, 43)
      bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
      return bytes
    }
    // Two producers interleave; only the first is aborted.
    const log = Buffer.concat([
      transactional(1n, 0n, 'lost'),
      transactional(2n, 1n, 'kept'),
      transactional(1n, 2n, 'lost too'),
      transactional(1n, 3n, '', true),
      transactional(1n, 4n, 'kept: another transaction'),
    ])
    const cursor = new RecordCursor(log, 0, [{ producerId: 1n, firstOffset: 0 }], 't:0')
    const values: string[] = []
    while (cursor.next()) values.push(cursor.bytes.toString('utf8', cursor.valueOffset, cursor.valueOffset + cursor.valueLength))
    expect(values).toEqual(['kept', 'kept: another transaction'])
    expect(cursor.position).toBe(5)
  })

  test('a codec that we do not have is named', () => {
    const bytes = batchOf([{ millis: 1, key: null, value: 'a' }])
    bytes.writeInt16BE(4, 21)
    bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
    expect(() => readAll(bytes)).toThrow(/zstd/)
  })

  test('what gzip cannot unpack is refused by its partition', () => {
    const bytes = Buffer.concat([batchOf([{ millis: 1, key: null, value: 'a' }]).subarray(0, 61), gzipSync('rubbish').subarray(0, 9)])
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes.writeInt16BE(1, 21)
    bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
    expect(() => readAll(bytes)).toThrow(/t:0/)
  })
})
