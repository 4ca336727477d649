import { Arena, KeyIndex } from 'native-free-buffers'
import { CodeBuilder } from '../expression/code-builder.ts'
import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKey } from '../expression/key-emitter.ts'
import { recordAccessor, VIEW_NAMES } from '../expression/record-accessor.ts'
import type { StructType } from '../record/data-type.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { RowWriter } from '../record/row-writer.ts'

/**
 * The static side of a join: its rows as records in one buffer, and an index from key bytes to the first row of the key. Rows of one key
 * are chained through the hash word of their frame headers, in units of 8 bytes, 0 at the end. The first record of the buffer is no row: it
 * stands in for the missing row of an outer join, so that generated code may read it.
 */
export class StaticTable {
  readonly layout: RowLayout
  readonly rows: RecordBuffer
  readonly arena = new Arena()
  readonly index: KeyIndex
  /** Position of the record that stands for "no row". */
  readonly missing: number
  rowCount = 0

  constructor(schema: StructType, source: RecordBuffer, keys: readonly Bound[]) {
    this.layout = RowLayout.of(schema)
    this.index = new KeyIndex(this.arena)
    this.rows = withMissingRow(this.layout, source)
    this.missing = this.rows.next()
    const add = this.#compileAdd(keys)
    for (let p = this.rows.next(); p >= 0; p = this.rows.next()) {
      add(p)
      this.rowCount++
    }
  }

  /** Adds a row to the chain of its key, at the end, so that rows come out in the order in which they came in. */
  #compileAdd(keys: readonly Bound[]): (p: number) => void {
    const cg = new CodeBuilder()
    const { u8, i16, u16, i32, f32, f64, i64 } = this.rows
    cg.line(`const views = ${cg.constant({ u8, i16, u16, i32, f32, f64, i64 })}`)
    cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
    const row = recordAccessor(cg, this.layout, VIEW_NAMES, 'p')
    const values = keys.map(key => compileExpression(cg, key, row, { nowMicros: '0', random: () => 'null' }))
    for (const value of values) if (value.isNull !== 'false') cg.line(`if (${value.isNull}) return`)
    const key = emitKey(
      cg,
      values.map(value => ({ ...value, isNull: 'false' })),
      keys.map(({ type }) => ({ type, nullable: false })),
    )
    const chain = (hash: number, buffer: Uint8Array, length: number, p: number): void => {
      i32[(p >> 2) - 3] = 0
      const found = this.index.find(hash, buffer, 0, length)
      const handle = found === 0 ? this.index.insert(hash, buffer, 0, length, 8) : found
      const segment = this.arena.segments[handle >>> this.arena.segmentShift]
      const at = ((handle & this.arena.handleMask) << 3) + 16 + ((length + 7) & ~7)
      if (found === 0) segment.i32[at >> 2] = p >> 3
      else i32[((segment.i32[(at >> 2) + 1] << 3) >> 2) - 3] = p >> 3
      segment.i32[(at >> 2) + 1] = p >> 3
    }
    cg.line(`${cg.constant(chain)}(${key.hash}, ${key.buffer}, ${key.length}, p)`)
    return cg.build('add', ['p']).call as (p: number) => void
  }
}

const withMissingRow = (layout: RowLayout, source: RecordBuffer): RecordBuffer => {
  const rows = new RecordBuffer(layout)
  const writer = new RowWriter(layout)
  writer.start(rows)
  for (const [leaf, { nullable, type }] of layout.leaves.entries()) {
    if (nullable) writer.setNull(leaf)
    else if (type.kind === 'string' || type.kind === 'binary') writer.setBytes(leaf, new Uint8Array(0), 0, 0)
  }
  writer.finish()
  rows.appendAll(source)
  return rows
}
