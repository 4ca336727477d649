import type { DataType, StructType } from '../record/data-type.ts'
import { decimalText } from '../record/user-value.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { readToJsonOptions } from './json-options.ts'
import { JsonWriter } from './json-writer.ts'
import { bytesUnlessNull } from './null-safe.ts'
import { dateText, doubleText, floatText, timestampIso } from './text-format.ts'
import type { Value } from './value.ts'

const quoted = (text: string): string => (text === 'NaN' || text.endsWith('Infinity') ? `"${text}"` : text)

/** `to_json` of a struct: fields that are null are left out, unless `ignoreNullFields` is false. */
export const compileToJson = (cg: CodeBuilder, child: Value, node: Extract<Bound, { kind: 'toJson' }>): Value => {
  const writer = new JsonWriter()
  const w = cg.constant(writer, 'json')
  if (child.form !== 'struct' || child.type.kind !== 'struct') throw new Error('to_json of no struct')
  if (child.isNull !== 'false') cg.open(`if (!${child.isNull}) {`)
  cg.line(`${w}.clear()`)
  emitJsonObject(cg, w, child.type, child.fields, readToJsonOptions(node.options).keepsNulls)
  if (child.isNull !== 'false') cg.close()
  return bytesUnlessNull(cg, node.type, [child], `${w}.scratch`, `${w}.length`)
}

/** Code that writes an object with these fields to the JsonWriter named `w`. */
export const emitJsonObject = (cg: CodeBuilder, w: string, type: StructType, fields: readonly Value[], keepNulls = false): void => {
  cg.line(`${w}.raw('{')`)
  for (const [i, value] of fields.entries()) {
    if (value.isNull === 'true' && !keepNulls) continue
    const test = value.isNull !== 'false'
    if (test && !keepNulls) cg.open(`if (!${value.isNull}) {`)
    cg.line(`${w}.bytes(${cg.constant(new TextEncoder().encode(`${JSON.stringify(type.fields[i].name)}:`))})`)
    if (test && keepNulls) {
      cg.open(`if (${value.isNull}) {`)
      cg.line(`${w}.raw('null')`)
      cg.close('} else {')
    }
    emitJsonValue(cg, w, type.fields[i].type, value, keepNulls)
    if (test && keepNulls) cg.close()
    cg.line(`${w}.raw(',')`)
    if (test && !keepNulls) cg.close()
  }
  cg.line(`${w}.close()`)
}

const emitJsonValue = (cg: CodeBuilder, w: string, type: DataType, value: Value, keepNulls: boolean): void => {
  if (value.form === 'struct' && type.kind === 'struct') {
    emitJsonObject(cg, w, type, value.fields, keepNulls)
    return
  }
  if (value.form !== 'scalar') {
    const bytes = asBytes(cg, value)
    cg.line(`${w}.${type.kind === 'binary' ? 'base64' : 'string'}(${bytes.buffer}, ${bytes.offset}, ${bytes.length})`)
    return
  }
  const code = scalarCode(value)
  const text = (): string => {
    switch (type.kind) {
      case 'float':
        return `${cg.constant(quoted)}(${cg.constant(floatText)}(${code}))`
      case 'double':
        return `${cg.constant(quoted)}(${cg.constant(doubleText)}(${code}))`
      case 'decimal':
        return `${cg.constant(decimalText)}(${code}, ${type.scale})`
      case 'date':
        return `'"' + ${cg.constant(dateText)}(${code}) + '"'`
      case 'timestamp':
        return `'"' + ${cg.constant(timestampIso)}(${code}) + '"'`
      default:
        return `String(${code})`
    }
  }
  cg.line(`${w}.raw(${text()})`)
}
