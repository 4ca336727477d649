import { expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { columnsToObject } from '../../src/expression/column-codec.ts'
import { parseSchema } from '../../src/expression/parse-type.ts'
import { ColumnBatch } from '../../src/record/column-batch.ts'
import { RowLayout } from '../../src/record/row-layout.ts'

// Goal: what a connector writes into a batch by hand is what generated code reads. Method: each setter, at its edges.

const batchOf = (schema: string, rows = 8): ColumnBatch => new ColumnBatch(RowLayout.of(parseSchema(schema)), rows)

test('longs and decimals from numbers', () => {
  const batch = batchOf('n BIGINT NOT NULL, d DECIMAL(10, 0) NOT NULL, w DECIMAL(30, 0) NOT NULL')
  const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER]
  for (const [row, n] of numbers.entries()) for (const leaf of [0, 1, 2]) batch.longs(leaf).setNumber(row, n)
  const read = columnsToObject(batch)
  expect(numbers.map((_, row) => read(row))).toEqual(numbers.map(n => ({ n, d: String(n), w: String(n) })))
})

test('strings as references, and as copies that outgrow the first page', () => {
  const batch = batchOf('referred STRING NOT NULL, copied BINARY NOT NULL, text STRING')
  const read = columnsToObject(batch)
  const page = new TextEncoder().encode('onetwothree')
  const referred = batch.bytes(0)
  referred.page = page
  for (let burst = 0; burst < 3; burst++) {
    batch.clear()
    for (let row = 0; row < 8; row++) {
      referred.offsets[row] = 3
      referred.lengths[row] = 3
      batch.bytes(1).copy(row, new Uint8Array(1000).fill(row), 10, 900)
      batch.bytes(2).encode(row, `grün ${row}`)
      const { nulls } = batch.bytes(2)
      if (nulls !== null) nulls[row] = row % 2
    }
    for (let row = 0; row < 8; row++)
      expect(read(row)).toEqual({ referred: 'two', copied: new Uint8Array(900).fill(row), text: row % 2 === 1 ? null : `grün ${row}` })
  }
})

test('a null struct has null fields, whatever they hold', () => {
  const batch = batchOf('s STRUCT<a: INT>')
  const [presence, field] = [batch.numbers(0), batch.numbers(1)]
  field.values.fill(7)
  presence.nulls?.set([1, 0])
  const read = columnsToObject(batch)
  expect([read(0), read(1)]).toEqual([{ s: null }, { s: { a: 7 } }])
})

test('a column of another kind is refused by name', () => {
  const batch = batchOf('id BIGINT, name STRING')
  for (const wrong of [() => batch.numbers(0), () => batch.longs(1), () => batch.bytes(0)]) expect(wrong).toThrow(EngineError)
  expect(() => batch.numbers(1)).toThrow(/name/)
  expect(() => batch.column(2)).toThrow(/leaf 2/)
})
