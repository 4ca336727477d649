import type { Views } from 'native-free-buffers'
import type { StructType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { CodeBuilder } from './code-builder.ts'
import { objectAccessor } from './object-accessor.ts'
import { emitObject } from './object-emitter.ts'
import { recordAccessor, VIEW_NAMES } from './record-accessor.ts'
import { emitRecord } from './record-emitter.ts'

/** A row as the user sees it; see `user-value.ts` for how each type looks. */
export type UserRow = Record<string, unknown>

/**
 * A function that checks a row object and appends it to a buffer. Throws VALUE_TYPE_MISMATCH and NULL_IN_NON_NULLABLE; then nothing was
 * appended.
 */
export const objectToRecord = (layout: RowLayout): ((row: UserRow, buffer: RecordBuffer) => void) => {
  const cg = new CodeBuilder()
  const row = objectAccessor(cg, layout.schema, 'row')
  const values = layout.schema.fields.map((_, i) => row.column(i))
  emitRecord(cg, layout, values, 'out')
  return cg.build('writeObject', ['row', 'out']).call as (row: UserRow, buffer: RecordBuffer) => void
}

/** A function that makes an object of the record whose payload begins at `p`. */
export const recordToObject = (layout: RowLayout): ((views: Views, p: number) => UserRow) => {
  const cg = new CodeBuilder()
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = views')
  const row = recordAccessor(cg, layout, VIEW_NAMES, 'p')
  cg.line(`return ${emitObject(cg, layout.schema, row)}`)
  return cg.build('readObject', ['views', 'p']).call as (views: Views, p: number) => UserRow
}

/** `objectToRecord` of a schema. */
export const objectWriter = (schema: StructType): ((row: UserRow, buffer: RecordBuffer) => void) => objectToRecord(RowLayout.of(schema))

/** `recordToObject` of a schema. */
export const objectReader = (schema: StructType): ((views: Views, p: number) => UserRow) => recordToObject(RowLayout.of(schema))
