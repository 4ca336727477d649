import type { DataType, StructType } from '../record/data-type.ts'
import { Scratch } from '../record/strings.ts'
import { base64Decode, isStrictBase64 } from './base64.ts'
import { textToDecimal } from './cast-code.ts'
import { CodeBuilder } from './code-builder.ts'
import { copyJson } from './json-copy.ts'
import { FALSE, JsonCursor, MalformedJson, NULL, NUMBER, OBJECT, STRING, TRUE } from './json-cursor.ts'
import { JsonWriter } from './json-writer.ts'
import { parseDate, parseTimestamp } from './text-format.ts'

/** What became of one text. */
export const PARSED = 0
/** Nothing but white space: there is no record. */
export const ABSENT = 1
/** No JSON, or no object (the JSON null neither). All fields are null. */
export const MALFORMED = 2
/** An object, but a field was of another type than the schema's; that field is null. */
export const PARTIAL = 3

/** What may be set of Spark's JSON options. */
export interface JsonScannerOptions {
  /** Strings and names in single quotes; Spark allows them unless told otherwise. */
  readonly allowsApostrophes?: boolean
}

/** Where a scanner leaves one scalar field. */
export interface JsonSlot {
  readonly index: number
  readonly type: DataType
}

export type JsonShape =
  | { readonly kind: 'leaf'; readonly slot: JsonSlot }
  | { readonly kind: 'struct'; readonly type: StructType; readonly slot: JsonSlot; readonly fields: readonly JsonShape[] }

/**
 * A scanner for one schema: generated code over raw bytes that picks the fields of the schema and passes over the rest. It leaves values in
 * typed arrays: one cell a slot, `present` saying whether there is one. Strings without escapes are ranges of the input.
 */
export class JsonScanner {
  readonly shapes: readonly JsonShape[]
  readonly present: Uint8Array
  readonly numbers: Float64Array
  readonly longs: BigInt64Array
  /** The halves of `longs`, for numbers: a bigint made on the way would be garbage. */
  readonly #longWords: Int32Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
  /** Where a string's bytes are: the input, or memory of the scanner's own. */
  readonly buffers: Uint8Array[]
  /** Decimals above 18 digits. */
  readonly bigs: bigint[]
  readonly source: string
  readonly #cursor: JsonCursor
  readonly #scan: (cursor: JsonCursor, scanner: JsonScanner) => void
  readonly #scratches: Scratch[] = []
  readonly #writers: JsonWriter[] = []
  readonly #unescaped = new Scratch()
  #partial = false

  constructor(schema: StructType, options: JsonScannerOptions = {}) {
    this.#cursor = new JsonCursor(options.allowsApostrophes ?? true)
    const slots: JsonSlot[] = []
    const shape = (type: DataType): JsonShape => {
      const slot = { index: slots.length, type }
      slots.push(slot)
      return type.kind === 'struct' ? { kind: 'struct', type, slot, fields: type.fields.map(f => shape(f.type)) } : { kind: 'leaf', slot }
    }
    this.shapes = schema.fields.map(f => shape(f.type))
    const count = Math.max(1, slots.length)
    this.present = new Uint8Array(count)
    this.numbers = new Float64Array(count)
    this.longs = new BigInt64Array(count)
    this.#longWords = new Int32Array(this.longs.buffer)
    this.offsets = new Int32Array(count)
    this.lengths = new Int32Array(count)
    this.buffers = new Array(count).fill(new Uint8Array(0))
    this.bigs = new Array(count).fill(0n)
    for (let i = 0; i < count; i++) this.#scratches.push(new Scratch())
    const made = generate(schema, this.shapes)
    this.source = made.source
    this.#scan = made.call as (cursor: JsonCursor, scanner: JsonScanner) => void
  }

  /** Scans one text. Returns PARSED, ABSENT, MALFORMED or PARTIAL. */
  scan(u8: Uint8Array, offset: number, length: number): number {
    const cursor = this.#cursor
    cursor.begin(u8, offset, length)
    const { present } = this
    for (let i = 0; i < present.length; i++) present[i] = 0
    this.#partial = false
    try {
      if (cursor.isBlank()) return ABSENT
      if (cursor.peek() !== OBJECT) return MALFORMED
      this.#scan(cursor, this)
    } catch (error) {
      if (!(error instanceof MalformedJson)) throw error
      this.present.fill(0)
      return MALFORMED
    }
    return this.#partial ? PARTIAL : PARSED
  }

  // --- Called by generated code, one per kind of field; each leaves the cursor behind the value

  readInt(c: JsonCursor, i: number, least: number, most: number): void {
    // + 0: JSON has a −0, integers have not.
    if (this.#number(c, i) && c.isInteger && c.number >= least && c.number <= most) this.#set(i, c.number + 0)
    else if (this.present[i] === 2) this.#wrong(i)
  }

  readLong(c: JsonCursor, i: number): void {
    if (!this.#number(c, i)) {
      if (this.present[i] === 2) this.#wrong(i)
    } else if (!c.isInteger) {
      this.#wrong(i)
    } else if (c.exact) {
      this.#longWords[2 * i] = c.number
      this.#longWords[2 * i + 1] = Math.floor(c.number / 4294967296)
      this.present[i] = 1
    } else {
      const value = BigInt(c.text())
      if (BigInt.asIntN(64, value) !== value) this.#wrong(i)
      else {
        this.longs[i] = value
        this.present[i] = 1
      }
    }
  }

  readDouble(c: JsonCursor, i: number, float: boolean): void {
    const kind = c.peek()
    if (kind === STRING) {
      c.string()
      const text = c.unescapedText()
      if (text === 'NaN') this.#set(i, Number.NaN)
      else if (text === 'Infinity' || text === '+Infinity' || text === '+INF') this.#set(i, Number.POSITIVE_INFINITY)
      else if (text === '-Infinity' || text === '-INF') this.#set(i, Number.NEGATIVE_INFINITY)
      else this.#wrong(i)
      return
    }
    if (this.#number(c, i)) this.#set(i, float ? Math.fround(c.number) : c.number)
    else if (this.present[i] === 2) this.#wrong(i)
  }

  readDecimal(c: JsonCursor, i: number, precision: number, scale: number): void {
    const kind = c.peek()
    if (kind !== NUMBER && kind !== STRING) {
      this.#other(c, i, kind)
      if (this.present[i] === 2) this.#wrong(i)
      return
    }
    if (kind === NUMBER) c.readNumber()
    else c.string()
    const value = textToDecimal(kind === NUMBER ? c.text() : c.unescapedText(), scale)
    const limit = 10n ** BigInt(precision)
    if (value === undefined || value >= limit || value <= -limit) this.#wrong(i)
    else {
      this.bigs[i] = value
      this.present[i] = 1
    }
  }

  readBoolean(c: JsonCursor, i: number): void {
    const kind = c.peek()
    if (kind === TRUE || kind === FALSE) {
      c.literal(kind)
      this.#set(i, kind === TRUE ? 1 : 0)
    } else {
      this.#other(c, i, kind)
      if (this.present[i] === 2) this.#wrong(i)
    }
  }

  /** Anything has a text: a string its own, another value its JSON. */
  readString(c: JsonCursor, i: number): void {
    const kind = c.peek()
    if (kind === NULL) {
      c.literal(NULL)
      this.present[i] = 0
      return
    }
    if (kind === STRING) {
      c.string()
      if (c.escaped) {
        const scratch = this.#scratches[i]
        this.lengths[i] = c.unescape(scratch)
        this.buffers[i] = scratch.u8
        this.offsets[i] = 0
        this.present[i] = 1
        return
      }
    } else {
      this.#readOther(c, i, kind)
      return
    }
    this.buffers[i] = c.u8
    this.offsets[i] = c.start
    this.lengths[i] = c.length
    this.present[i] = 1
  }

  #readOther(c: JsonCursor, i: number, kind: number): void {
    this.#writers[i] ??= new JsonWriter()
    const writer = this.#writers[i]
    writer.clear()
    copyJson(c, writer)
    // A word such as NaN stands in quotes only inside of JSON.
    const quoted = kind === NUMBER && writer.scratch.u8[0] === STRING ? 1 : 0
    this.buffers[i] = writer.scratch.u8
    this.offsets[i] = quoted
    this.lengths[i] = writer.length - 2 * quoted
    this.present[i] = 1
  }

  readBinary(c: JsonCursor, i: number): void {
    const kind = c.peek()
    if (kind !== STRING) {
      this.#other(c, i, kind)
      if (this.present[i] === 2) this.#wrong(i)
      return
    }
    c.string()
    const scratch = this.#scratches[i]
    const target = scratch.reserve(c.length)
    const escaped = c.escaped ? c.unescape(this.#unescaped) : 0
    const source = c.escaped ? this.#unescaped.u8 : c.u8
    const [from, size] = c.escaped ? [0, escaped] : [c.start, c.length]
    const length = isStrictBase64(source, from, size) ? base64Decode(source, from, size, target) : -1
    if (length < 0) {
      this.#wrong(i)
      return
    }
    this.buffers[i] = target
    this.offsets[i] = 0
    this.lengths[i] = length
    this.present[i] = 1
  }

  readTime(c: JsonCursor, i: number, date: boolean): void {
    const kind = c.peek()
    if (kind === STRING) {
      c.string()
      const text = c.unescapedText()
      const value = date ? parseDate(text) : parseTimestamp(text)
      if (Number.isNaN(value)) this.#wrong(i)
      else this.#set(i, value)
    } else if (kind === NUMBER && !date) {
      c.readNumber()
      if (c.isInteger) this.#set(i, c.number * 1_000_000)
      else this.#wrong(i)
    } else {
      this.#other(c, i, kind)
      if (this.present[i] === 2) this.#wrong(i)
    }
  }

  /** Before the fields of a nested object: true if there is one. */
  beginStruct(c: JsonCursor, i: number): boolean {
    const kind = c.peek()
    if (kind === OBJECT) {
      this.present[i] = 1
      return true
    }
    this.#other(c, i, kind)
    if (this.present[i] === 2) this.#wrong(i)
    return false
  }

  #set(i: number, value: number): void {
    this.numbers[i] = value
    this.present[i] = 1
  }

  #wrong(i: number): void {
    this.present[i] = 0
    this.#partial = true
  }

  /** Reads a number; otherwise passes over what is there, with `present` 2 if that was of a wrong type. */
  #number(c: JsonCursor, i: number): boolean {
    const kind = c.peek()
    if (kind === NUMBER) {
      c.readNumber()
      this.present[i] = 2
      return true
    }
    this.#other(c, i, kind)
    return false
  }

  #other(c: JsonCursor, i: number, kind: number): void {
    c.skip()
    this.present[i] = kind === NULL ? 0 : 2
  }
}

const reader = (slot: JsonSlot): string => {
  const { type, index } = slot
  switch (type.kind) {
    case 'byte':
      // Up to 255, as Jackson reads a byte; it wraps where it is taken out.
      return `s.readInt(c, ${index}, -128, 255)`
    case 'short':
      return `s.readInt(c, ${index}, -32768, 32767)`
    case 'integer':
      return `s.readInt(c, ${index}, -2147483648, 2147483647)`
    case 'long':
      return `s.readLong(c, ${index})`
    case 'float':
    case 'double':
      return `s.readDouble(c, ${index}, ${type.kind === 'float'})`
    case 'decimal':
      return `s.readDecimal(c, ${index}, ${type.precision}, ${type.scale})`
    case 'boolean':
      return `s.readBoolean(c, ${index})`
    case 'string':
      return `s.readString(c, ${index})`
    case 'binary':
      return `s.readBinary(c, ${index})`
    case 'date':
    case 'timestamp':
      return `s.readTime(c, ${index}, ${type.kind === 'date'})`
    default:
      return 'c.skip()'
  }
}

/** Up to here a name is compared byte by byte in place: cheaper than a call. */
const SHORT_NAME = 16

/** Finds a key among the schema's by its length, then its first and last byte, then all of it. */
const generate = (schema: StructType, shapes: readonly JsonShape[]) => {
  const cg = new CodeBuilder()
  const equal = cg.constant((u8: Uint8Array, at: number, name: Uint8Array): boolean => {
    for (let i = 0; i < name.length; i++) if (u8[at + i] !== name[i]) return false
    return true
  })
  const nameTest = (name: Uint8Array, at: string): string => {
    if (name.length === 0) return 'true'
    // The last byte tells names apart more often than the second.
    const order = [0, name.length - 1, ...Array.from({ length: Math.max(0, name.length - 2) }, (_, i) => i + 1)].slice(0, name.length)
    const test = (i: number): string => `u8[${at} + ${i}] === ${name[i]}`
    if (name.length <= SHORT_NAME) return order.map(test).join(' && ')
    return `${order.slice(0, 2).map(test).join(' && ')} && ${equal}(u8, ${at}, ${cg.constant(name)})`
  }
  const object = (type: StructType, fields: readonly JsonShape[]): void => {
    const members = cg.fresh('members')
    cg.line('c.at++')
    cg.open(`if (!c.closesAtOnce(125)) ${members}: for (;;) {`)
    cg.line('c.memberKey()')
    const [at, length] = [cg.fresh('at'), cg.fresh('length')]
    cg.line(`let ${at} = c.start, ${length} = c.length, u8 = c.u8`)
    cg.line(
      `if (c.escaped) { const name = ${cg.constant(new TextEncoder())}.encode(c.unescapedText()); u8 = name; ${at} = 0; ${length} = name.length }`,
    )
    const skip = `if (c.skipMember()) continue ${members}; else break ${members}`
    cg.open(`switch (${length}) {`)
    const byLength = new Map<number, { name: Uint8Array; shape: JsonShape }[]>()
    for (const [i, f] of type.fields.entries()) {
      const name = new TextEncoder().encode(f.name)
      byLength.set(name.length, [...(byLength.get(name.length) ?? []), { name, shape: fields[i] }])
    }
    for (const [size, candidates] of byLength) {
      cg.open(`case ${size}: {`)
      for (const { name, shape } of candidates) {
        cg.open(`if (${nameTest(name, at)}) {`)
        if (shape.kind === 'struct') {
          cg.open(`if (s.beginStruct(c, ${shape.slot.index})) {`)
          object(shape.type, shape.fields)
          cg.close()
        } else {
          cg.line(reader(shape.slot))
        }
        cg.line('break')
        cg.close()
      }
      cg.line(skip)
      cg.close()
    }
    cg.line(`default: ${skip}`)
    cg.close()
    cg.line(`if (!c.more(125)) break ${members}`)
    cg.close()
  }
  object(schema, shapes)
  return cg.build('scanJson', ['c', 's'])
}
