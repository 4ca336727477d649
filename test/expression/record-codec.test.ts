import { initRing, RingReader, RingWriter, ringBytes } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { CodeBuilder } from '../../src/expression/code-builder.ts'
import { columnAccessor } from '../../src/expression/column-accessor.ts'
import { columnsToObject, objectToColumns } from '../../src/expression/column-codec.ts'
import { objectAccessor } from '../../src/expression/object-accessor.ts'
import { objectToRecord, recordToObject } from '../../src/expression/object-codec.ts'
import { emitObject } from '../../src/expression/object-emitter.ts'
import { recordAccessor, VIEW_NAMES } from '../../src/expression/record-accessor.ts'
import { emitRecord } from '../../src/expression/record-emitter.ts'
import { valuesAccessor } from '../../src/expression/values-accessor.ts'
import { ColumnBatch } from '../../src/record/column-batch.ts'
import { type DataType, field, type StructType, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { columnTypes, type Row, randomRow, randomSchema } from '../support/random-rows.ts'

interface Out {
  claim(bytes: number): number
  commit(kind: number, bytes: number, hash: number): void
}

/** Reads a record and writes its columns, as a stage without operators does. */
const recordToRecord = (layout: RowLayout): ((views: unknown, p: number, out: Out) => void) => {
  const cg = new CodeBuilder()
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const row = recordAccessor(cg, layout, VIEW_NAMES, 'p')
  const values = valuesAccessor(layout.schema.fields.map((_, i) => row.column(i)))
  emitRecord(
    cg,
    layout,
    layout.schema.fields.map((_, i) => values.column(i)),
    'out',
    '-77',
  )
  return cg.build('pass', ['views', 'p', 'out']).call as (views: unknown, p: number, out: Out) => void
}

const all = <T>(buffer: { next(): number }, read: (p: number) => T): T[] => {
  const found: T[] = []
  for (let p = buffer.next(); p >= 0; p = buffer.next()) found.push(read(p))
  return found
}

// Goal: a row survives every way through the generated code. Method: random schemas and rows by seed, tiny first buffers, so that they
// grow.
describe('records', () => {
  test.each(seeds(60))('an object becomes a record and the same object again, seed %i', seed => {
    const random = seededRandom(seed)
    const schema = randomSchema(random)
    const layout = RowLayout.of(schema)
    const rows = Array.from({ length: 40 }, () => randomRow(random, schema))
    const buffer = new RecordBuffer(layout, 64)
    const write = objectToRecord(layout)
    for (const row of rows) write(row, buffer)
    const read = recordToObject(layout)
    expect(all(buffer, p => read(buffer, p))).toEqual(rows)
    expect(buffer.rowCount).toBe(rows.length)
  })

  test.each(seeds(40))('a record passes a stage into a ring and into a buffer and is the same row, seed %i', seed => {
    const random = seededRandom(seed + 500)
    const schema = randomSchema(random)
    const layout = RowLayout.of(schema)
    const rows = Array.from({ length: 20 }, () => randomRow(random, schema))
    const source = new RecordBuffer(layout, 64)
    const write = objectToRecord(layout)
    for (const row of rows) write(row, source)
    const memory = new SharedArrayBuffer(ringBytes(1 << 20, layout.vtable.length))
    const preamble = initRing(memory, 0, { capacity: 1 << 20, preambleBytes: layout.vtable.length })
    new Uint8Array(memory).set(layout.vtable, preamble)
    const ring = new RingWriter(memory, 0)
    const pass = recordToRecord(layout)
    all(source, p => pass(source, p, ring))
    ring.publish()
    const reader = new RingReader(memory, 0)
    const target = new RecordBuffer(layout, 64)
    const read = recordToObject(layout)
    expect(
      all(reader, p => {
        expect(reader.i32[(p >> 2) - 3]).toBe(-77)
        pass(reader, p, target)
        return read(reader, p)
      }),
    ).toEqual(rows)
    expect(all(target, p => read(target, p))).toEqual(rows)
  })

  test.each(seeds(20))('an object read in place is the same object, seed %i', seed => {
    const random = seededRandom(seed + 900)
    const schema = randomSchema(random)
    const cg = new CodeBuilder()
    const row = objectAccessor(cg, schema, 'row')
    cg.line(`return ${emitObject(cg, schema, row)}`)
    const copy = cg.build('copy', ['row']).call as (row: Row) => Row
    for (let i = 0; i < 30; i++) {
      const given = randomRow(random, schema)
      expect(copy(given)).toEqual(given)
    }
  })

  test.each(seeds(40))('rows of a batch are the same objects and become the same records, seed %i', seed => {
    const random = seededRandom(seed + 1300)
    const schema = randomSchema(random)
    const layout = RowLayout.of(schema)
    const batch = new ColumnBatch(layout, 8)
    const write = objectToColumns(batch)
    const read = columnsToObject(batch)
    const cg = new CodeBuilder()
    const row = columnAccessor(cg, batch, 'at')
    emitRecord(
      cg,
      layout,
      schema.fields.map((_, i) => row.column(i)),
      'out',
    )
    const encode = cg.build('encode', ['at', 'out']).call as (at: number, out: Out) => void
    // Several bursts in the same batch: what a row leaves behind must not show in the next one.
    for (let burst = 0; burst < 5; burst++) {
      const rows = Array.from({ length: 8 }, () => randomRow(random, schema))
      batch.clear()
      for (const [at, given] of rows.entries()) write(given, at)
      expect(rows.map((_, at) => read(at))).toEqual(rows)
      const buffer = new RecordBuffer(layout, 64)
      for (const at of rows.keys()) encode(at, buffer)
      const readRecord = recordToObject(layout)
      expect(all(buffer, p => readRecord(buffer, p))).toEqual(rows)
    }
  })

  test('a column is read once a row where the row begins, and again in each block', () => {
    const cg = new CodeBuilder()
    const row = recordAccessor(
      cg,
      RowLayout.of(structType([field('n', { kind: 'integer' }, false), field('m', { kind: 'integer' }, false)])),
      VIEW_NAMES,
      'p',
    )
    const first = row.column(0)
    expect(row.column(0)).toBe(first)
    cg.open('if (x) {')
    expect(row.column(0)).toBe(first)
    const inside = row.column(1)
    cg.close()
    expect(row.column(1)).not.toEqual(inside)
  })

  test('a column that is never null is never tested', () => {
    const source = (nullable: boolean): string => {
      const cg = new CodeBuilder()
      recordAccessor(cg, RowLayout.of(structType([field('n', { kind: 'integer' }, nullable)])), VIEW_NAMES, 'p').column(0)
      return cg.body()
    }
    expect(source(true)).toContain('u16')
    expect(source(false)).not.toContain('u16')
  })

  test('a null on its way into a column that is never null stops there', () => {
    const cg = new CodeBuilder()
    const row = recordAccessor(cg, RowLayout.of(structType([field('n', { kind: 'integer' })])), VIEW_NAMES, 'p')
    const target = RowLayout.of(structType([field('n', { kind: 'integer' }, false)]))
    cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
    emitRecord(cg, target, [{ ...row.column(0), isNull: 'true' }], 'out')
    expect(cg.body()).toContain('if (true)')
  })

  test('column names are data, never code', () => {
    const names = ['__proto__', 'constructor', 'toString', "it's", '"; throw 1; "', 'a`${b}', 'new\nline', '日本']
    const schema = structType(names.map(name => field(name, { kind: 'integer' })))
    const layout = RowLayout.of(schema)
    const buffer = new RecordBuffer(layout)
    const row = Object.fromEntries(names.map((name, i) => [name, i]))
    objectToRecord(layout)(row, buffer)
    objectToRecord(layout)({}, buffer)
    const [back, empty] = all(buffer, p => recordToObject(layout)(buffer, p))
    expect(Object.entries(back)).toEqual(Object.entries(row))
    expect(Object.values(empty)).toEqual(names.map(() => null))
  })

  test.each(seeds(10))('rows of hundreds of columns, names of all kinds among them, seed %i', seed => {
    const random = seededRandom(seed + 1700)
    const odd = ['__proto__', '7', 'constructor', "it's", 'new\nline', '日本', 'class']
    const names = [...odd, ...Array.from({ length: random.pick([100, 260, 700]) }, (_, i) => `c${i}`)]
    const schema = structType(names.map(name => field(name, random.pick(columnTypes), random.next() < 0.5)))
    const layout = RowLayout.of(schema)
    const [write, read] = [objectToRecord(layout), recordToObject(layout)]
    for (let i = 0; i < 5; i++) {
      const row = randomRow(random, schema)
      const buffer = new RecordBuffer(layout)
      write(row, buffer)
      const back = read(buffer, buffer.next())
      expect(back).toEqual(row)
      expect(Object.keys(back)).toEqual(Object.keys(row))
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    }
  })
})

describe('what a user may not give', () => {
  const writerOf = (schema: StructType): ((row: unknown) => void) => {
    const layout = RowLayout.of(schema)
    const write = objectToRecord(layout)
    const buffer = new RecordBuffer(layout)
    return row => {
      try {
        write(row as Row, buffer)
      } finally {
        expect(buffer.rowCount).toBe(0)
      }
    }
  }
  const cases: readonly [DataType, readonly unknown[]][] = [
    [{ kind: 'boolean' }, [0, 'true']],
    [{ kind: 'byte' }, [128, -129, 1.5, 1n, '1', Number.NaN]],
    [{ kind: 'short' }, [32768, 0.1, 1n]],
    [{ kind: 'integer' }, [2147483648, 'x', 5n, {}, [], true]],
    [{ kind: 'long' }, [2 ** 53, 1.5, 2n ** 63n, '1', Number.NaN]],
    [{ kind: 'double' }, ['1', 1n, true]],
    [{ kind: 'float' }, ['1']],
    [{ kind: 'decimal', precision: 4, scale: 2 }, ['100', 'x', '', 1e300, Number.NaN, '1e99999', {}]],
    [{ kind: 'string' }, [1, {}, Symbol('s')]],
    [{ kind: 'binary' }, ['a', [1]]],
    [{ kind: 'date' }, ['2024-02-30', '2024-1-1', 'yesterday', new Date(Number.NaN), 1.5, 2 ** 31]],
    [{ kind: 'timestamp' }, ['noon', '2024-02-30T00:00:00Z', new Date(Number.NaN), 1e300, 1n]],
    [structType([field('a', { kind: 'integer' })]), [1, 'x']],
  ]
  test.each(cases.flatMap(([type, values]) => values.map(value => [type.kind, value, type] as const)))('%s: %s', (_, value, type) => {
    const write = writerOf(structType([field('c', type)]))
    expect(() => write({ c: value })).toThrow(
      expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH', details: expect.objectContaining({ column: 'c' }) }),
    )
  })

  test('a null or nothing where none may be, also inside a struct that is there', () => {
    const inner = structType([field('n', { kind: 'integer' }, false)])
    for (const nullable of [true, false]) {
      const write = writerOf(structType([field('s', inner, nullable)]))
      expect(() => write({ s: {} })).toThrow(expect.objectContaining({ code: 'NULL_IN_NON_NULLABLE', details: { column: 's.n' } }))
    }
    expect(() => writerOf(structType([field('n', { kind: 'integer' }, false)]))({ n: null })).toThrow('Column n is null')
  })

  test.each([null, undefined, 7, 'row'])('a row that is no object: %s', row => {
    expect(() => writerOf(structType([field('n', { kind: 'integer' })]))(row)).toThrow(
      expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH' }),
    )
  })

  test('what is taken in more than one form is one value', () => {
    const schema = structType([
      field('d', { kind: 'date' }),
      field('t', { kind: 'timestamp' }),
      field('x', { kind: 'decimal', precision: 10, scale: 2 }),
    ])
    const layout = RowLayout.of(schema)
    const buffer = new RecordBuffer(layout)
    const write = objectToRecord(layout)
    write({ d: '2024-02-29', t: '2024-02-29T12:00:00.5+02:00', x: '12.295' }, buffer)
    write({ d: new Date('2024-02-29'), t: new Date('2024-02-29T10:00:00.500Z'), x: 12.3 }, buffer)
    write({ d: 19782, t: Date.parse('2024-02-29T10:00:00.500Z'), x: '1230e-2' }, buffer)
    const [first, ...others] = all(buffer, p => recordToObject(layout)(buffer, p))
    expect(first).toEqual({ d: new Date('2024-02-29'), t: new Date('2024-02-29T10:00:00.500Z'), x: '12.30' })
    for (const other of others) expect(other).toEqual(first)
  })
})
