import type { DataType, StructType } from '../record/data-type.ts'
import { Scratch } from '../record/strings.ts'
import { decimalText } from '../record/user-value.ts'
import { base64Encode } from './base64.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { bytesUnlessNull } from './null-safe.ts'
import { dateText, doubleText, floatText, timestampIso } from './text-format.ts'
import type { Value } from './value.ts'

/** Writes JSON as bytes, piece by piece, the way that Spark's to_json and JSON files have it. */
export class JsonWriter {
  readonly scratch = new Scratch(256)
  length = 0

  clear(): void {
    this.length = 0
  }

  /** ASCII text without anything to escape. */
  raw(text: string): void {
    const u8 = this.#room(text.length)
    for (let i = 0; i < text.length; i++) u8[this.length + i] = text.charCodeAt(i)
    this.length += text.length
  }

  /** Ready-made bytes. */
  bytes(source: Uint8Array): void {
    this.#room(source.length).set(source, this.length)
    this.length += source.length
  }

  string(source: Uint8Array, offset: number, length: number): void {
    // The worst case is a control character: six bytes for one.
    const u8 = this.#room(6 * length + 2)
    let to = this.length
    u8[to++] = 34
    for (let i = offset; i < offset + length; i++) {
      const c = source[i]
      if (c >= 32 && c !== 34 && c !== 92) {
        u8[to++] = c
        continue
      }
      u8[to++] = 92
      const short = SHORT[c]
      if (short !== 0) {
        u8[to++] = short
      } else {
        u8[to] = 117
        u8[to + 1] = u8[to + 2] = 48
        u8[to + 3] = HEX.charCodeAt(c >> 4)
        u8[to + 4] = HEX.charCodeAt(c & 15)
        to += 5
      }
    }
    u8[to++] = 34
    this.length = to
  }

  base64(source: Uint8Array, offset: number, length: number): void {
    const u8 = this.#room(Math.ceil(length / 3) * 4 + 2)
    u8[this.length] = 34
    const size = base64Encode(source, offset, length, u8.subarray(this.length + 1))
    u8[this.length + size + 1] = 34
    this.length += size + 2
  }

  /** Takes a comma after the last field back and closes the object. */
  close(): void {
    const u8 = this.#room(1)
    if (u8[this.length - 1] === 44) this.length--
    u8[this.length++] = 125
  }

  #room(bytes: number): Uint8Array {
    const needed = this.length + bytes
    if (needed > this.scratch.u8.length) {
      const old = this.scratch.u8
      this.scratch.u8 = new Uint8Array(2 * needed)
      this.scratch.u8.set(old)
    }
    return this.scratch.u8
  }
}

const HEX = '0123456789ABCDEF'
const SHORT = new Uint8Array(256)
for (const [c, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' })) SHORT[Number(c)] = letter.charCodeAt(0)

const quoted = (text: string): string => (text === 'NaN' || text.endsWith('Infinity') ? `"${text}"` : text)

/** `to_json` of a struct: fields that are null are left out, unless `ignoreNullFields` is false. */
export const compileToJson = (cg: CodeBuilder, child: Value, node: Extract<Bound, { kind: 'toJson' }>): Value => {
  const writer = new JsonWriter()
  const w = cg.constant(writer, 'json')
  if (child.form !== 'struct' || child.type.kind !== 'struct') throw new Error('to_json of no struct')
  if (child.isNull !== 'false') cg.open(`if (!${child.isNull}) {`)
  cg.line(`${w}.clear()`)
  emitJsonObject(cg, w, child.type, child.fields, node.options.ignoreNullFields?.toLowerCase() === 'false')
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

