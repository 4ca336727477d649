import type { StructType } from '../record/data-type.ts'
import { dateOf, decimalText, timestampOf } from '../record/user-value.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asText, scalarCode } from './convert.ts'
import { emitUserLong } from './long-words.ts'
import { TextCache } from './text-cache.ts'
import type { Value } from './value.ts'

/** An object literal with the row as the user sees it; may emit statements that it needs. */
export const emitObject = (cg: CodeBuilder, schema: StructType, values: readonly Value[]): string =>
  `{ ${schema.fields.map((f, i) => `${property(f.name)}: ${userValue(cg, values[i])}`).join(', ')} }`

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
      return `(${emitObject(cg, type, value.fields)})`
    default:
      return scalarCode(value)
  }
}
