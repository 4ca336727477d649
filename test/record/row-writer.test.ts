import { describe, expect, test } from 'vitest'
import { recordToObject } from '../../src/expression/object-codec.ts'
import { type DataType, field, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { type Leaf, RowLayout } from '../../src/record/row-layout.ts'
import { RowView } from '../../src/record/row-view.ts'
import { RowWriter } from '../../src/record/row-writer.ts'
import { valueFromUser } from '../../src/record/user-value.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { type Row, randomRow, randomSchema } from '../support/random-rows.ts'

const encoder = new TextEncoder()

const valueAt = (row: Row, leaf: Leaf): unknown => {
  let value: unknown = row
  for (const name of leaf.path) value = value === null ? null : (value as Row)[name]
  if (leaf.presence) return value === null ? null : true
  return valueFromUser(leaf.type, value, leaf.path.join('.'))
}

const set = (writer: RowWriter, { index, type }: Leaf, value: unknown): unknown => {
  switch (type.kind) {
    case 'boolean':
      return writer.setBoolean(index, value as boolean)
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return writer.setInt32(index, value as number)
    case 'long': {
      const long = value as bigint
      if (BigInt(Number(long)) === long && Number.isSafeInteger(Number(long))) return writer.setLongNumber(index, Number(long))
      if (long > 0n) return writer.setBigint(index, long)
      return writer.setLong(index, Number(BigInt.asIntN(32, long)), Number(BigInt.asIntN(32, long >> 32n)))
    }
    case 'decimal':
      return writer.setBigint(index, value as bigint)
    case 'float':
    case 'double':
      return writer.setDouble(index, value as number)
    case 'timestamp':
      return writer.setTimestampMicros(index, value as number)
    case 'string': {
      const text = value as string
      if (text.length % 2 === 0) return writer.setString(index, text)
      const bytes = encoder.encode(`<${text}>`)
      return writer.setBytes(index, bytes, 1, bytes.length - 2)
    }
    default:
      return writer.setBytes(index, value as Uint8Array, 0, (value as Uint8Array).length)
  }
}

const get = (view: RowView, { index, type }: Leaf, u8: Uint8Array): unknown => {
  if (view.isNull(index)) return null
  switch (type.kind) {
    case 'boolean':
      return view.boolean(index)
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return view.int32(index)
    case 'long': {
      const value = view.number(index)
      expect(BigInt(value)).toBe(view.bigint(index))
      expect((BigInt(view.longHigh(index)) << 32n) | BigInt(view.longLow(index) >>> 0)).toBe(view.bigint(index))
      return view.bigint(index)
    }
    case 'decimal':
      return view.bigint(index)
    case 'float':
    case 'double':
      return view.double(index)
    case 'timestamp':
      return view.timestampMicros(index)
    case 'string':
      return view.string(index)
    default:
      return u8.slice(view.bytesOffset(index), view.bytesOffset(index) + view.bytesLength(index))
  }
}

const shuffled = <T>(random: { below(limit: number): number }, items: readonly T[]): T[] => {
  const list = [...items]
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[list[i], list[j]] = [list[j], list[i]]
  }
  return list
}

// Goal: what is written leaf by leaf, in any order, reads as what generated code writes. Method: random rows by seed.
describe('a row writer', () => {
  test.each(seeds(40))('writes rows that the view and the generated reader understand, seed %i', seed => {
    const random = seededRandom(seed + 2000)
    const schema = randomSchema(random)
    const layout = RowLayout.of(schema)
    const rows = Array.from({ length: 20 }, () => randomRow(random, schema))
    const buffer = new RecordBuffer(layout, 64)
    const writer = new RowWriter(layout)
    for (const row of rows) {
      writer.start(buffer, random.pick([0, 16, 256]))
      for (const leaf of shuffled(random, layout.leaves)) {
        const value = valueAt(row, leaf)
        if (value === null) writer.setNull(leaf.index)
        else set(writer, leaf, value)
      }
      writer.finish(12)
    }
    const view = new RowView(layout)
    const read = recordToObject(layout)
    for (const row of rows) {
      const p = buffer.next()
      expect(read(buffer, p)).toEqual(row)
      view.at(buffer, p)
      expect(layout.leaves.map(leaf => get(view, leaf, buffer.u8))).toEqual(layout.leaves.map(leaf => valueAt(row, leaf)))
    }
  })

  test('what is not set is zero or empty, and nothing is left of the row before', () => {
    const types: readonly DataType[] = [
      { kind: 'boolean' },
      { kind: 'integer' },
      { kind: 'long' },
      { kind: 'double' },
      { kind: 'string' },
      { kind: 'binary' },
    ]
    const layout = RowLayout.of(structType(types.map((type, i) => field(`c${i}`, type))))
    const buffer = new RecordBuffer(layout)
    buffer.u8.fill(0xff, 64)
    const writer = new RowWriter(layout)
    writer.start(buffer)
    for (let leaf = 0; leaf < 3; leaf++) writer.setNull(leaf)
    // An abandoned row.
    writer.setString(4, 'abandoned')
    writer.start(buffer)
    writer.finish()
    expect(buffer.rowCount).toBe(1)
    expect(recordToObject(layout)(buffer, buffer.next())).toEqual({ c0: false, c1: 0, c2: 0, c3: 0, c4: '', c5: new Uint8Array(0) })
  })

  test('refuses a null in a column that is never null, and setters before the start', () => {
    const layout = RowLayout.of(structType([field('n', { kind: 'integer' }, false)]))
    const writer = new RowWriter(layout)
    expect(() => writer.setInt32(0, 1)).toThrow('not started')
    writer.start(new RecordBuffer(layout))
    expect(() => writer.setNull(0)).toThrow(expect.objectContaining({ code: 'NULL_IN_NON_NULLABLE', details: { column: 'n' } }))
  })
})
