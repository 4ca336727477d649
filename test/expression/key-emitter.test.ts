import { describe, expect, test } from 'vitest'
import { CodeBuilder } from '../../src/expression/code-builder.ts'
import { keyAccessor } from '../../src/expression/key-accessor.ts'
import { emitKey, hashWords } from '../../src/expression/key-emitter.ts'
import { objectAccessor } from '../../src/expression/object-accessor.ts'
import { objectToRecord } from '../../src/expression/object-codec.ts'
import { emitObject } from '../../src/expression/object-emitter.ts'
import { recordAccessor, VIEW_NAMES } from '../../src/expression/record-accessor.ts'
import type { RowAccessor } from '../../src/expression/value.ts'
import { type DataType, field, type StructType, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { type Row, randomRow, randomSchema } from '../support/random-rows.ts'

interface Key {
  readonly bytes: Uint8Array
  readonly hash: number
}

const emit = (cg: CodeBuilder, schema: StructType, row: RowAccessor): void => {
  const key = emitKey(
    cg,
    schema.fields.map((_, i) => row.column(i)),
    schema.fields,
  )
  cg.line(`return { bytes: ${key.buffer}.slice(0, ${key.length}), hash: ${key.hash} }`)
}

const keyOfObject = (schema: StructType): ((row: Row) => Key) => {
  const cg = new CodeBuilder()
  emit(cg, schema, objectAccessor(cg, schema, 'row'))
  return cg.build('key', ['row']).call as (row: Row) => Key
}

const keyOfRecord = (schema: StructType): ((row: Row) => Key) => {
  const layout = RowLayout.of(schema)
  const write = objectToRecord(layout)
  const cg = new CodeBuilder()
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  emit(cg, schema, recordAccessor(cg, layout, VIEW_NAMES, 'p'))
  const key = cg.build('key', ['views', 'p']).call as (views: RecordBuffer, p: number) => Key
  return row => {
    const buffer = new RecordBuffer(layout, 64)
    write(row, buffer)
    return key(buffer, buffer.next())
  }
}

const reader = (schema: StructType): ((bytes: Uint8Array) => Row) => {
  const cg = new CodeBuilder()
  cg.line('const { u8, i32, f64, i64 } = views')
  const columns = keyAccessor(cg, schema.fields, { u8: 'u8', i32: 'i32', f64: 'f64', i64: 'i64' }, 'p')
  cg.line(`return ${emitObject(cg, schema, columns)}`)
  const read = cg.build('read', ['views', 'p']).call as (views: unknown, p: number) => Row
  return bytes => {
    // Away from 0, as in the arena.
    const u8 = new Uint8Array(bytes.length + 24)
    u8.set(bytes, 24)
    return read({ u8, i32: new Int32Array(u8.buffer), f64: new Float64Array(u8.buffer), i64: new BigInt64Array(u8.buffer) }, 24)
  }
}

/** A row as a key sees it: −0 is 0. */
const canonical = (value: unknown): unknown => {
  if (typeof value === 'number') return value + 0
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, canonical(inner)]))
}

const shown = (row: unknown): string =>
  JSON.stringify(row, (_, v) => (typeof v === 'bigint' || (typeof v === 'number' && !Number.isFinite(v)) ? `#${v}` : v))

const single = (type: DataType, nullable = false): StructType => structType([field('k', type, nullable)])

// Goal: equal values, equal bytes, equal hash, however the row came, and back again. Method: random keys by seed, each kind of row.
describe('canonical keys', () => {
  test.each(seeds(50))('are equal bytes exactly when the values are equal, and are read back, seed %i', seed => {
    const random = seededRandom(seed + 1000)
    const schema = randomSchema(random, 4)
    const [ofObject, ofRecord, read] = [keyOfObject(schema), keyOfRecord(schema), reader(schema)]
    const byValue = new Map<string, string>()
    const byBytes = new Map<string, string>()
    for (let i = 0; i < 150; i++) {
      const row = randomRow(random, schema)
      const key = ofObject(row)
      expect(ofRecord(row)).toEqual(key)
      expect(key.bytes.length % 8).toBe(0)
      expect(key.hash).toBe(hashWords(new Int32Array(key.bytes.buffer), key.bytes.length >> 2))
      const same = canonical(row)
      expect(read(key.bytes)).toEqual(same)
      const [value, bytes] = [shown(same), Buffer.from(key.bytes).toString('hex')]
      expect(byValue.get(value) ?? bytes).toBe(bytes)
      expect(byBytes.get(bytes) ?? value).toBe(value)
      byValue.set(value, bytes)
      byBytes.set(bytes, value)
    }
  })

  test('minus zero and zero are one key, and so is every NaN', () => {
    const make = keyOfObject(single({ kind: 'double' }))
    expect(make({ k: -0 })).toEqual(make({ k: 0 }))
    const bits = new Float64Array(new BigInt64Array([0x7ff8000000000001n]).buffer)
    expect(make({ k: bits[0] }).bytes).toEqual(Uint8Array.from([0, 0, 0, 0, 0, 0, 0xf8, 0x7f]))
  })

  test.each([false, true])('a key of one string is the same from an object and from a record, nullable %s', nullable => {
    const schema = single({ kind: 'string' }, nullable)
    const [ofObject, ofRecord] = [keyOfObject(schema), keyOfRecord(schema)]
    const texts = Array.from({ length: 70 }, (_, length) => 'abcdefghij'.repeat(7).slice(0, length))
    const odd = ['\x7f', '\x80', 'ü', 'ſ', '€', '😀', '\ud800'].flatMap(sign =>
      [0, 1, 2, 3, 4, 7, 28, 31, 32].flatMap(before => ['', 'abcde'].map(after => texts[before] + sign + after)),
    )
    // Long and short ones in turn, so that what one leaves behind is in the way of the next.
    for (const k of [...texts, ...odd, ...texts.toReversed(), ...(nullable ? [null, 'a', null] : [])]) {
      const key = ofObject({ k })
      expect(key).toEqual(ofRecord({ k }))
      expect(key.hash).toBe(hashWords(new Int32Array(key.bytes.buffer), key.bytes.length >> 2))
    }
  })

  test('a key of one number that is never null takes eight bytes', () => {
    for (const type of [{ kind: 'integer' }, { kind: 'long' }, { kind: 'double' }, { kind: 'timestamp' }] as const) {
      expect(keyOfObject(single(type))({ k: 1 }).bytes.length).toBe(8)
    }
  })

  // Checkpoints and other threads hold these: they must never change.
  test('hashes and bytes are what they have always been', () => {
    expect(keyOfObject(single({ kind: 'integer' }))({ k: 42 }).hash).toMatchInlineSnapshot(`1871679806`)
    expect(keyOfObject(single({ kind: 'long' }))({ k: -1 }).hash).toMatchInlineSnapshot(`1651860712`)
    const text = keyOfObject(single({ kind: 'string' }, true))({ k: 'grün' })
    expect([text.hash, Buffer.from(text.bytes).toString('hex')]).toMatchInlineSnapshot(`
      [
        -925971273,
        "000000000000000010000000050000006772c3bc6e000000",
      ]
    `)
    expect(keyOfObject(single({ kind: 'string' }, true))({ k: null })).toMatchInlineSnapshot(`
      {
        "bytes": Uint8Array [
          1,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
        ],
        "hash": -1843229413,
      }
    `)
  })

  test('ten thousand neighbouring numbers spread over 1024 buckets about evenly', () => {
    const make = keyOfObject(single({ kind: 'long' }))
    const buckets = new Int32Array(1024)
    for (let i = 0; i < 10_240; i++) buckets[make({ k: i * 64 }).hash & 1023]++
    // Poisson with mean 10: more than 40 in one of 1024 buckets happens once in 10^9 runs.
    expect(Math.max(...buckets)).toBeLessThan(40)
  })

  test('a key has as many null bits as it needs', () => {
    const schema = structType(Array.from({ length: 70 }, (_, i) => field(`c${i}`, { kind: 'integer' })))
    const row = Object.fromEntries(schema.fields.map((f, i) => [f.name, i % 3 === 0 ? null : i]))
    const key = keyOfObject(schema)(row)
    expect(key.bytes.length).toBe(16 + 70 * 8)
    expect(reader(schema)(key.bytes)).toEqual(row)
  })
})
