import type { Field, StructType } from '../record/data-type.ts'
import { dateOf, decimalText, timestampOf } from '../record/user-value.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asText, scalarCode } from './convert.ts'
import { emitUserLong } from './long-words.ts'
import { TextCache } from './text-cache.ts'
import type { Value } from './value.ts'

/**
 * From so many fields on, a row begins as a literal of nulls, which statements fill in: V8 takes cubic time to compile a literal whose
 * values have all been read before it, 0.1 s for 100 fields and 9 s for 500, most of it on another core.
 */
const FILLED_FROM = 100

/** What gives the value of each column, as a row accessor does. */
interface Columns {
  column(index: number): Value
}

/** Code for the row as the user sees it; emits statements that it needs. */
export const emitObject = (cg: CodeBuilder, schema: StructType, columns: Columns): string => {
  const { fields } = schema
  if (fields.length < FILLED_FROM) {
    const values = fields.map((_, i) => columns.column(i))
    return literal(fields, i => userValue(cg, values[i]))
  }
  const row = cg.fresh('row')
  cg.line(`const ${row} = ${literal(fields, i => (isPlain(fields[i]) ? 'null' : userValue(cg, columns.column(i))))}`)
  for (const [i, f] of fields.entries()) if (isPlain(f)) cg.line(`${row}.${f.name} = ${userValue(cg, columns.column(i))}`)
  return row
}

/** `row["__proto__"] = x` sets the prototype, and `row["7"] = x` an element: only in a literal are these names like any other. */
const isPlain = ({ name }: Field): boolean => /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__'

const literal = (fields: readonly Field[], codeOf: (index: number) => string): string =>
  `{ ${fields.map((f, i) => `${property(f.name)}: ${codeOf(i)}`).join(', ')} }`

/** In a literal, `"__proto__": x` would set the prototype; in brackets it is a name like any other. */
const property = (name: string): string => (name === '__proto__' ? `[${JSON.stringify(name)}]` : JSON.stringify(name))

/** One value as the user sees it, null included. */
export const userValue = (cg: CodeBuilder, value: Value): string => {
  const code = present(cg, value)
  return value.isNull === 'false' ? code : `${value.isNull} ? null : ${code}`
}

const copyOf = (buffer: Uint8Array, offset: number, length: number): Uint8Array => buffer.slice(offset, offset + length)

const present = (cg: CodeBuilder, value: Value): string => {
  const { type } = value
  switch (type.kind) {
    case 'null':
      return 'null'
    case 'string': {
      if (value.form !== 'bytes') return asText(cg, value)
      const decoded = `${cg.constant(new TextCache())}.decode(${value.buffer}, ${value.offset}, ${value.length})`
      return value.text === undefined ? decoded : `(${value.text} ?? ${decoded})`
    }
    case 'long':
      return emitUserLong(cg, scalarCode(value))
    case 'decimal':
      return `${cg.constant(decimalText)}(${scalarCode(value)}, ${type.scale})`
    case 'date':
      return `${cg.constant(dateOf)}(${scalarCode(value)})`
    case 'timestamp':
      return `${cg.constant(timestampOf)}(${scalarCode(value)})`
    case 'binary':
    case 'array':
    case 'map':
      if (value.form !== 'bytes') throw new Error(`a ${value.form} for a binary`)
      return `${cg.constant(copyOf)}(${value.buffer}, ${value.offset}, ${value.length})`
    case 'struct':
      if (value.form !== 'struct') throw new Error(`a ${value.form} for a struct`)
      return `(${literal(type.fields, i => userValue(cg, value.fields[i]))})`
    default:
      return scalarCode(value)
  }
}
