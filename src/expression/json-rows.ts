import type { Views } from 'native-free-buffers'
import { type StructType, structType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { CodeBuilder } from './code-builder.ts'
import { slotValue } from './json-code.ts'
import { emitJsonObject } from './json-encode.ts'
import { ABSENT, JsonScanner, MALFORMED } from './json-scanner.ts'
import type { JsonWriter } from './json-writer.ts'
import { recordAccessor } from './record-accessor.ts'
import { emitRecord } from './record-emitter.ts'

/** The column that takes a malformed line, if the schema has it. */
export const CORRUPT_RECORD = '_corrupt_record'

/** What became of a line. */
export type LineResult = 'row' | 'blank' | 'malformed'

/**
 * Decodes JSON lines into records: only `columns` of the schema, in that order. A malformed line becomes a row of nulls, with its text in
 * `_corrupt_record`, if `keepsMalformed`; else nothing. The caller counts.
 */
export const jsonRowDecoder = (
  schema: StructType,
  columns: readonly number[],
  keepsMalformed: boolean,
): ((u8: Uint8Array, offset: number, length: number, out: RecordBuffer) => LineResult) => {
  const picked = structType(columns.map(ordinal => schema.fields[ordinal]))
  const corrupt = picked.fields.findIndex(f => f.name === CORRUPT_RECORD)
  const scanner = new JsonScanner(structType(picked.fields.filter((_, i) => i !== corrupt)))
  const cg = new CodeBuilder()
  const s = cg.constant(scanner, 'json')
  cg.line(`const status = ${s}.scan(u8, offset, length)`)
  cg.line(`if (status === ${ABSENT}) return 'blank'`)
  cg.line(`const bad = status === ${MALFORMED}`)
  if (!keepsMalformed) cg.line(`if (bad) return 'malformed'`)
  const values = scanner.shapes.map(shape => slotValue(cg, s, shape, 'bad'))
  if (corrupt >= 0) {
    values.splice(corrupt, 0, { form: 'bytes', type: { kind: 'string' }, isNull: '!bad', buffer: 'u8', offset: 'offset', length: 'length' })
  }
  cg.line('let isClean = !bad')
  emitRecord(cg, RowLayout.of(picked), values, 'out')
  cg.line(`return isClean ? 'row' : 'malformed'`)
  return cg.build('decodeLine', ['u8', 'offset', 'length', 'out']).call as (
    u8: Uint8Array,
    offset: number,
    length: number,
    out: RecordBuffer,
  ) => LineResult
}

/** Encodes records as JSON lines: appends one, with its line feed, to the writer. */
export const jsonRowEncoder = (schema: StructType, writer: JsonWriter): ((views: Views, p: number) => void) => {
  const cg = new CodeBuilder()
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const names = { u8: 'u8', i16: 'i16', u16: 'u16', i32: 'i32', f32: 'f32', f64: 'f64', i64: 'i64' }
  const row = recordAccessor(cg, RowLayout.of(schema), names, 'p')
  const values = schema.fields.map((_, i) => row.column(i))
  const w = cg.constant(writer, 'w')
  emitJsonObject(cg, w, schema, values)
  cg.line(`${w}.raw('\\n')`)
  return cg.build('encodeLine', ['views', 'p']).call as (views: Views, p: number) => void
}
