import { binaryType, field, integerType, longType, type StructType, stringType, structType, timestampType } from '../../record/data-type.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import { RowWriter } from '../../record/row-writer.ts'
import type { ConnectorOptions } from '../connector.ts'
import { headersType } from './headers.ts'
import { includesHeaders } from './kafka-options.ts'
import type { RecordCursor } from './record-cursor.ts'

/** Spark's columns; `headers` only with the option includeHeaders. */
const allColumns = structType([
  field('key', binaryType, true),
  field('value', binaryType, true),
  field('topic', stringType, true),
  field('partition', integerType, true),
  field('offset', longType, true),
  field('timestamp', timestampType, true),
  field('timestampType', integerType, true),
  field('headers', headersType, true),
])

const [KEY, VALUE, TOPIC, PARTITION, OFFSET, TIMESTAMP, TIMESTAMP_TYPE, HEADERS] = [0, 1, 2, 3, 4, 5, 6, 7]

export const sourceColumns = (options: ConnectorOptions): StructType =>
  includesHeaders(options) ? allColumns : structType(allColumns.fields.slice(0, HEADERS))

/** Makes a row, of those columns that a query reads, of the record that a cursor stands on. */
export class SourceRowWriter {
  readonly #writer: RowWriter
  readonly #leaves: Int32Array

  constructor(columns: readonly number[]) {
    this.#writer = new RowWriter(RowLayout.of(structType(columns.map(ordinal => allColumns.fields[ordinal]))))
    this.#leaves = Int32Array.from(allColumns.fields, (_, ordinal) => columns.indexOf(ordinal))
  }

  write(topic: Buffer, partition: number, cursor: RecordCursor, out: RecordBuffer): void {
    const writer = this.#writer
    const leaves = this.#leaves
    const { keyLength, valueLength, headersLength } = cursor
    writer.start(out, Math.max(0, keyLength) + Math.max(0, valueLength) + topic.length + headersLength + 32)
    if (leaves[KEY] >= 0) {
      if (keyLength < 0) writer.setNull(leaves[KEY])
      else writer.setBytes(leaves[KEY], cursor.bytes, cursor.keyOffset, keyLength)
    }
    if (leaves[VALUE] >= 0) {
      if (valueLength < 0) writer.setNull(leaves[VALUE])
      else writer.setBytes(leaves[VALUE], cursor.bytes, cursor.valueOffset, valueLength)
    }
    if (leaves[TOPIC] >= 0) writer.setBytes(leaves[TOPIC], topic, 0, topic.length)
    if (leaves[PARTITION] >= 0) writer.setInt32(leaves[PARTITION], partition)
    if (leaves[OFFSET] >= 0) writer.setLongNumber(leaves[OFFSET], cursor.offset)
    if (leaves[TIMESTAMP] >= 0) writer.setTimestampMicros(leaves[TIMESTAMP], cursor.timestampMillis * 1000)
    if (leaves[TIMESTAMP_TYPE] >= 0) writer.setInt32(leaves[TIMESTAMP_TYPE], cursor.timestampType)
    if (leaves[HEADERS] >= 0) {
      if (cursor.headerCount === 0) writer.setNull(leaves[HEADERS])
      else writer.setBytes(leaves[HEADERS], cursor.bytes, cursor.headersOffset, headersLength)
    }
    writer.finish()
  }
}
