import type { Views } from 'native-free-buffers'
import { type DataType, type StructType, stringType, structType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { CodeBuilder } from './code-builder.ts'
import { compileExpression, nullValue } from './compile.ts'
import { slotValue } from './json-code.ts'
import { emitJsonObject } from './json-encode.ts'
import { ABSENT, JsonScanner, MALFORMED, PARTIAL } from './json-scanner.ts'
import type { JsonWriter } from './json-writer.ts'
import { recordAccessor, VIEW_NAMES } from './record-accessor.ts'
import { emitRecord } from './record-emitter.ts'
import type { Value } from './value.ts'

/** The column that takes a malformed line, if the schema has it. */
const CORRUPT_RECORD = '_corrupt_record'

/** What became of a line. */
export type LineResult = 'row' | 'blank' | 'malformed'

/**
 * Decodes JSON lines into records: only `columns` of the schema, in that order. A malformed line becomes a row of nulls, or of what fields
 * of it are right, with its text in `_corrupt_record`, if `keepsMalformed`; else nothing. The caller counts. `fixed`: columns whose value is given for all lines, as text.
 */
export const jsonRowDecoder = (
  schema: StructType,
  columns: readonly number[],
  keepsMalformed: boolean,
  fixed: Readonly<Record<string, string | null>> = {},
): ((u8: Uint8Array, offset: number, length: number, out: RecordBuffer) => LineResult) => {
  const picked = structType(columns.map(ordinal => schema.fields[ordinal]))
  const isScanned = ({ name }: { name: string }): boolean => name !== CORRUPT_RECORD && !Object.hasOwn(fixed, name)
  const scanner = new JsonScanner(structType(picked.fields.filter(isScanned)))
  const cg = new CodeBuilder()
  const s = cg.constant(scanner, 'json')
  cg.line(`const status = ${s}.scan(u8, offset, length)`)
  cg.line(`if (status === ${ABSENT}) return 'blank'`)
  cg.line(`const bad = status === ${MALFORMED}`)
  // A field of another type makes the line malformed too, though its other fields are kept.
  cg.line(`const clean = !bad && status !== ${PARTIAL}`)
  if (!keepsMalformed) cg.line(`if (!clean) return 'malformed'`)
  const scanned = scanner.shapes.map(shape => slotValue(cg, s, shape, 'bad'))
  const values = picked.fields.map((f): Value => {
    if (isScanned(f)) return scanned.shift() ?? nullValue(cg, f.type)
    if (Object.hasOwn(fixed, f.name)) return fixedValue(cg, fixed[f.name], f.type)
    return { form: 'bytes', type: f.type, isNull: 'clean', buffer: 'u8', offset: 'offset', length: 'length' }
  })
  emitRecord(cg, RowLayout.of(picked), values, 'out')
  cg.line(`return clean ? 'row' : 'malformed'`)
  return cg.build('decodeLine', ['u8', 'offset', 'length', 'out']).call as (
    u8: Uint8Array,
    offset: number,
    length: number,
    out: RecordBuffer,
  ) => LineResult
}

/** A value that stands in the code: text cast to the column's type, as Spark casts what the name of a folder says. */
const fixedValue = (cg: CodeBuilder, text: string | null, type: DataType): Value =>
  compileExpression(
    cg,
    { kind: 'cast', child: { kind: 'literal', value: text, type: stringType, nullable: text === null }, type, nullable: true },
    { column: () => nullValue(cg, type) },
    { nowMicros: '0', random: () => 'null' },
  )

/** Encodes records as JSON lines: appends one, with its line feed, to the writer. */
export const jsonRowEncoder = (schema: StructType, writer: JsonWriter): ((views: Views, p: number) => void) => {
  const cg = new CodeBuilder()
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const row = recordAccessor(cg, RowLayout.of(schema), VIEW_NAMES, 'p')
  const values = schema.fields.map((_, i) => row.column(i))
  const w = cg.constant(writer, 'w')
  emitJsonObject(cg, w, schema, values)
  cg.line(`${w}.raw('\\n')`)
  return cg.build('encodeLine', ['views', 'p']).call as (views: Views, p: number) => void
}
