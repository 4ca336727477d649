import { describe, expect, test } from 'vitest'
import { objectToRecord, recordToObject } from '../../src/expression/object-codec.ts'
import { field, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { seededRandom, seeds } from '../support/random.ts'
import { type Row, randomRow, randomSchema } from '../support/random-rows.ts'

const layout = RowLayout.of(structType([field('n', { kind: 'integer' }), field('s', { kind: 'string' })]))
const write = objectToRecord(layout)
const read = recordToObject(layout)

const rest = (buffer: RecordBuffer): Row[] => {
  const rows: Row[] = []
  for (let p = buffer.next(); p >= 0; p = buffer.next()) rows.push(read(buffer, p))
  return rows
}

const row = (n: number): Row => (n % 3 === 0 ? { n, s: null } : { n, s: 'x'.repeat(n % 50) })

describe('a record buffer', () => {
  test('gives the arrival and the hash that a record was committed with', () => {
    const buffer = new RecordBuffer(layout)
    buffer.arrivalMicros = 1.75e15
    buffer.claim(8)
    buffer.commit(1, 8, -5)
    const p = buffer.next()
    expect([buffer.i32[(p >> 2) - 4], buffer.i32[(p >> 2) - 3], buffer.f64[(p >> 3) - 1]]).toEqual([(1 << 24) | 8, -5, 1.75e15])
  })

  test('a claim that is not committed is forgotten', () => {
    const buffer = new RecordBuffer(layout, 64)
    buffer.claim(1000)
    write(row(1), buffer)
    expect(rest(buffer)).toEqual([row(1)])
  })

  test('puts the last record back, once', () => {
    const buffer = new RecordBuffer(layout)
    write(row(1), buffer)
    write(row(2), buffer)
    const p = buffer.next()
    buffer.back()
    expect(buffer.next()).toBe(p)
    expect(buffer.isEmpty).toBe(false)
    expect(rest(buffer)).toEqual([row(2)])
    expect(buffer.isEmpty).toBe(true)
    buffer.back()
    expect(() => buffer.back()).toThrow('back without next')
    expect(rest(buffer)).toEqual([row(2)])
    buffer.rewind()
    expect(rest(buffer)).toEqual([row(1), row(2)])
  })

  test('does not grow for ever when it never runs empty', () => {
    const buffer = new RecordBuffer(layout, 1024)
    let [written, taken] = [0, 0]
    for (let burst = 0; burst < 300; burst++) {
      for (let i = 0; i < 200; i++) write(row(written++), buffer)
      // A control frame among the records stays what it is.
      const control = buffer.claim(8)
      buffer.f64[control >> 3] = burst
      buffer.commit(4, 8, 0)
      while (taken < written - 50) {
        const p = buffer.next()
        if (buffer.i32[(p >> 2) - 4] >>> 24 === 1) expect(read(buffer, p)).toEqual(row(taken++))
        else expect(buffer.f64[p >> 3]).toBe(burst - 1)
      }
      buffer.release()
    }
    expect(buffer.u8.length).toBeLessThanOrEqual(1 << 20)
    expect(buffer.rowCount).toBeGreaterThanOrEqual(50)
  })

  test.each(seeds(20))('copies of records, saved or appended, are the same rows, seed %i', seed => {
    const random = seededRandom(seed + 4000)
    const schema = randomSchema(random)
    const drawn = RowLayout.of(schema)
    const rows = Array.from({ length: 20 }, () => randomRow(random, schema))
    const buffer = new RecordBuffer(drawn, 64)
    const put = objectToRecord(drawn)
    for (const one of rows) put(one, buffer)
    const saved = new RecordBuffer(drawn, 64)
    saved.load(buffer.save())
    expect(saved.rowCount).toBe(rows.length)
    const appended = new RecordBuffer(drawn, 64)
    // Not at the place where it came from.
    put(rows[0], appended)
    appended.next()
    appended.appendAll(buffer)
    expect(buffer.isEmpty).toBe(true)
    const get = recordToObject(drawn)
    for (const copy of [saved, appended]) {
      const found: Row[] = []
      for (let p = copy.next(); p >= 0; p = copy.next()) found.push(get(copy, p))
      expect(found).toEqual(rows)
    }
  })

  test('refuses a record that no frame can hold', () => {
    const buffer = new RecordBuffer(layout)
    expect(() => write({ n: 1, s: 'x'.repeat(16 * 1024 * 1024) }, buffer)).toThrow(expect.objectContaining({ code: 'RECORD_TOO_LARGE' }))
    expect(buffer.rowCount).toBe(0)
    write(row(7), buffer)
    expect(rest(buffer)).toEqual([row(7)])
  })
})
