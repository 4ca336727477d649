import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/connector/kafka/batch-builder.ts'
import { decodeKafkaHeaders, encodeKafkaHeaders } from '../../../src/connector/kafka/headers.ts'
import { RecordCursor } from '../../../src/connector/kafka/record-cursor.ts'
import { seededRandom } from '../../support/random.ts'

// Goal: headers come back as they were given, alone and inside a batch, and other bytes are refused.

const headersOf = (random: () => number) =>
  Array.from({ length: Math.floor(random() * 5) }, (_, i) => ({
    key: ['', 'trace', 'zwölf', 'k'.repeat(200)][Math.floor(random() * 4)] + i,
    value: random() < 0.3 ? null : Uint8Array.from({ length: Math.floor(random() * 300) }, () => random() * 256),
  }))

describe('Kafka headers', () => {
  for (let seed = 1; seed <= 20; seed++) {
    test(`come back as they were given, also inside a batch, seed ${seed}`, () => {
      const random = seededRandom(seed).next
      const all = Array.from({ length: 10 }, () => headersOf(random))
      for (const headers of all) expect(decodeKafkaHeaders(encodeKafkaHeaders(headers))).toEqual(headers)
      const builder = new BatchBuilder(64)
      for (const headers of all) {
        const bytes = encodeKafkaHeaders(headers)
        builder.append(1000, Buffer.concat([Buffer.from('kv'), bytes]), 0, 1, 1, 1, 2, bytes.length)
      }
      const cursor = new RecordCursor(builder.finish('snappy'), 0, [], 't:0')
      for (const headers of all) {
        expect(cursor.next()).toBe(true)
        expect(cursor.headerCount).toBe(headers.length)
        const { bytes, headersOffset, headersLength } = cursor
        expect(decodeKafkaHeaders(bytes.subarray(headersOffset, headersOffset + headersLength))).toEqual(headers)
      }
      expect(cursor.next()).toBe(false)
    })
  }

  test('bytes that end too early are refused', () => {
    const bytes = encodeKafkaHeaders([{ key: 'name', value: 'text' }])
    for (let length = 0; length < bytes.length; length++) expect(() => decodeKafkaHeaders(bytes.subarray(0, length))).toThrow(RangeError)
  })
})
