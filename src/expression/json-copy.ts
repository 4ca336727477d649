import { Scratch } from '../record/strings.ts'
import { ARRAY, FALSE, type JsonCursor, NULL, NUMBER, OBJECT, STRING, TRUE } from './json-cursor.ts'
import type { JsonWriter } from './json-writer.ts'
import { doubleText } from './text-format.ts'

const COLON = 58
const scratch = new Scratch()

/**
 * Writes the value that a cursor stands before as Spark shows JSON in a string column: without white space, escapes and doubles in their
 * usual form.
 */
export const copyJson = (cursor: JsonCursor, writer: JsonWriter): void => {
  const kind = cursor.peek()
  switch (kind) {
    case STRING:
      cursor.string()
      copyString(cursor, writer)
      return
    case NUMBER:
      cursor.readNumber()
      copyNumber(cursor, writer)
      return
    case TRUE:
    case FALSE:
    case NULL:
      cursor.literal(kind)
      writer.raw(kind === TRUE ? 'true' : kind === FALSE ? 'false' : 'null')
      return
    case OBJECT:
    case ARRAY:
      copyNested(cursor, writer, kind)
      return
    default:
      cursor.fail()
  }
}

const copyNumber = (cursor: JsonCursor, writer: JsonWriter): void => {
  if (!cursor.isInteger) writer.raw(Number.isFinite(cursor.number) ? doubleText(cursor.number) : `"${doubleText(cursor.number)}"`)
  else if (cursor.number === 0) writer.raw('0')
  else writer.copy(cursor.u8, cursor.start, cursor.length)
}

const copyString = (cursor: JsonCursor, writer: JsonWriter): void => {
  if (!cursor.escaped) writer.string(cursor.u8, cursor.start, cursor.length)
  else {
    const length = cursor.unescape(scratch)
    writer.string(scratch.u8, 0, length)
  }
}

const copyNested = (cursor: JsonCursor, writer: JsonWriter, kind: number): void => {
  const close = cursor.enter(kind)
  writer.raw(kind === OBJECT ? '{' : '[')
  if (!cursor.closesAtOnce(close)) {
    let isFirst = true
    do {
      if (!isFirst) writer.raw(',')
      isFirst = false
      if (kind === OBJECT) {
        cursor.key()
        copyString(cursor, writer)
        cursor.expect(COLON)
        writer.raw(':')
      }
      copyJson(cursor, writer)
    } while (cursor.more(close))
  }
  cursor.leave()
  writer.raw(kind === OBJECT ? '}' : ']')
}
