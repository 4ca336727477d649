import { ByteBuffer } from 'flatbuffers'
import { describe, expect, test } from 'vitest'
import { CodeBuilder } from '../../src/expression/code-builder.ts'
import { emitKey } from '../../src/expression/key-emitter.ts'
import { keyAccessor } from '../../src/expression/key-accessor.ts'
import { objectAccessor } from '../../src/expression/object-accessor.ts'
import { emitObject } from '../../src/expression/object-emitter.ts'
import { objectReader, objectWriter, type UserRow } from '../../src/expression/object-codec.ts'
import { type DataType, decimalType, field, type StructType, structType, windowType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { seededRandom, type SeededRandom } from '../support/random.ts'

const types: readonly DataType[] = [
  { kind: 'boolean' },
  { kind: 'byte' },
  { kind: 'short' },
  { kind: 'integer' },
  { kind: 'long' },
  { kind: 'float' },
  { kind: 'double' },
  decimalType(10, 2),
  decimalType(30, 5),
  { kind: 'string' },
  { kind: 'binary' },
  { kind: 'date' },
  { kind: 'timestamp' },
  windowType,
  structType([field('a', { kind: 'string' }), field('b', structType([field('c', { kind: 'long' }, false)]))]),
]

const randomValue = (random: SeededRandom, type: DataType, nullable: boolean): unknown => {
  if (nullable && random.next() < 0.3) return null
  switch (type.kind) {
    case 'boolean':
      return random.next() < 0.5
    case 'byte':
      return random.below(256) - 128
    case 'short':
      return random.below(65536) - 32768
    case 'integer':
      return random.pick([0, -1, 2147483647, -2147483648, random.below(1000)])
    case 'long':
      return random.pick<unknown>([0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 63n - 1n, -(2n ** 63n), -4294967296])
    case 'float':
      return Math.fround(random.next() * 1000 - 500)
    case 'double':
      return random.pick([0, -1.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY, random.next()])
    case 'decimal':
      return type.scale === 2 ? random.pick(['0.00', '-0.01', '99999999.99', '12.30']) : random.pick(['-1234567890123456789012345.67890', '0.00001'])
    case 'string':
      return random.pick(['', 'a', 'hello world', 'grün', '🙂 smile', 'x'.repeat(random.below(100)), '日本語'.repeat(20)])
    case 'binary':
      return Uint8Array.from({ length: random.below(70) }, () => random.below(256))
    case 'date':
      return new Date((random.below(40000) - 10000) * 86_400_000)
    case 'timestamp':
      return new Date(random.below(2 ** 31) * 1000 - 1e12 + random.below(1000))
    case 'struct':
      return Object.fromEntries(type.fields.map(f => [f.name, randomValue(random, f.type, f.nullable)]))
    default:
      throw new Error(type.kind)
  }
}

const randomSchema = (random: SeededRandom): StructType =>
  structType(Array.from({ length: 1 + random.below(12) }, (_, i) => field(`c${i}`, random.pick(types), random.next() < 0.6)))

const randomRow = (random: SeededRandom, schema: StructType): UserRow =>
  Object.fromEntries(schema.fields.map(f => [f.name, randomValue(random, f.type, f.nullable)]))

// Goal: a row survives every way through the codec. Method: random schemas and rows by seed.
describe('records', () => {
  test.each(Array.from({ length: 40 }, (_, i) => i))('an object becomes a record and the same object again, seed %i', seed => {
    const random = seededRandom(seed)
    const schema = randomSchema(random)
    const rows = Array.from({ length: 50 }, () => randomRow(random, schema))
    const buffer = new RecordBuffer(RowLayout.of(schema), 256)
    const write = objectWriter(schema)
    for (const row of rows) write(row, buffer)
    const read = objectReader(schema)
    const back: UserRow[] = []
    for (let p = buffer.next(); p >= 0; p = buffer.next()) back.push(read(buffer, p))
    expect(back).toEqual(rows)
    const copy = new RecordBuffer(RowLayout.of(schema), 64)
    buffer.rewind()
    const p = buffer.next()
    copy.append(buffer, p, buffer.i32[(p >> 2) - 4] & 0xffffff, 0)
    expect(read(copy, copy.next())).toEqual(rows[0])
  })

  test.each(Array.from({ length: 30 }, (_, i) => i))('keys are read back, and are equal bytes if and only if the values are equal, seed %i', seed => {
    const random = seededRandom(seed + 1000)
    const schema = structType(
      Array.from({ length: 1 + random.below(4) }, (_, i) => field(`c${i}`, random.pick(types), random.next() < 0.5)),
    )
    const cg = new CodeBuilder()
    const row = objectAccessor(cg, schema, 'row')
    const key = emitKey(
      cg,
      schema.fields.map((_, i) => row.column(i)),
      schema.fields,
    )
    cg.line(`return { bytes: ${key.buffer}.slice(0, ${key.length}), hash: ${key.hash} }`)
    const make = cg.build('key', ['row']).call as (row: UserRow) => { bytes: Uint8Array; hash: number }
    const reader = new CodeBuilder()
    reader.line('const { u8, i32, f64, i64 } = views')
    const columns = keyAccessor(reader, schema.fields, { u8: 'u8', i32: 'i32', f64: 'f64', i64: 'i64' }, '0')
    const values = schema.fields.map((_, i) => columns.column(i))
    reader.line(`return ${emitObject(reader, schema, values)}`)
    const read = reader.build('read', ['views']).call as (views: unknown) => UserRow
    const seen = new Map<string, string>()
    for (let i = 0; i < 200; i++) {
      const row = randomRow(random, schema)
      const { bytes, hash } = make(row)
      const { buffer } = bytes
      const back = read({ u8: bytes, i32: new Int32Array(buffer), f64: new Float64Array(buffer), i64: new BigInt64Array(buffer) })
      expect(back).toEqual(row)
      const text = `${Buffer.from(bytes).toString('hex')}:${hash}`
      const shown = JSON.stringify(row, (_, v) => (typeof v === 'bigint' || (typeof v === 'number' && !Number.isFinite(v)) ? String(v) : v))
      const same = seen.get(shown)
      if (same !== undefined) expect(text).toBe(same)
      else expect([...seen.values()]).not.toContain(text)
      seen.set(shown, text)
    }
  })

  test('minus zero and zero are one key, and so is every NaN', () => {
    const schema = structType([field('d', { kind: 'double' }, false)])
    const cg = new CodeBuilder()
    const key = emitKey(cg, [objectAccessor(cg, schema, 'row').column(0)], schema.fields)
    cg.line(`return ${key.buffer}.slice(0, ${key.length})`)
    const make = cg.build('key', ['row']).call as (row: UserRow) => Uint8Array
    expect(make({ d: -0 })).toEqual(make({ d: 0 }))
    expect(make({ d: Number.NaN })).toEqual(Uint8Array.from([0, 0, 0, 0, 0, 0, 0xf8, 0x7f]))
  })

  test('the flatbuffers package reads our records, nulls included', () => {
    const schema = structType([
      field('id', { kind: 'long' }, false),
      field('name', { kind: 'string' }),
      field('small', { kind: 'short' }),
      field('price', { kind: 'double' }),
    ])
    const buffer = new RecordBuffer(RowLayout.of(schema))
    const write = objectWriter(schema)
    write({ id: 7, name: 'grün', small: -3, price: 1.5 }, buffer)
    write({ id: 2n ** 62n, name: null, small: null, price: 2.5 }, buffer)
    const bb = new ByteBuffer(buffer.u8)
    const field4 = (p: number, index: number): number => bb.__offset(p, 4 + 2 * index)
    const first = buffer.next()
    expect(bb.readInt64(first + field4(first, 0))).toBe(7n)
    expect(bb.__string(first + field4(first, 1))).toBe('grün')
    expect(bb.readInt16(first + field4(first, 2))).toBe(-3)
    expect(bb.readFloat64(first + field4(first, 3))).toBe(1.5)
    const second = buffer.next()
    expect(bb.readInt64(second + field4(second, 0))).toBe(2n ** 62n)
    expect(field4(second, 1)).toBe(0)
    expect(field4(second, 2)).toBe(0)
    expect(bb.readFloat64(second + field4(second, 3))).toBe(2.5)
  })

  test('a wrong type and a forbidden null are named', () => {
    const schema = structType([field('n', { kind: 'integer' }, false)])
    const write = objectWriter(schema)
    const buffer = new RecordBuffer(RowLayout.of(schema))
    expect(() => write({ n: 'x' }, buffer)).toThrow(expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH', details: { column: 'n', value: '"x"', type: 'int' } }))
    expect(() => write({ n: 1.5 }, buffer)).toThrow('1.5')
    expect(() => write({}, buffer)).toThrow(expect.objectContaining({ code: 'NULL_IN_NON_NULLABLE' }))
    expect(buffer.rowCount).toBe(0)
  })
})
