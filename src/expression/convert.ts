import { decodeUtf8, Scratch } from '../record/strings.ts'
import type { CodeBuilder } from './code-builder.ts'
import type { Value } from './value.ts'

/** A string or binary value whose bytes are at hand. */
export type BytesValue = Extract<Value, { form: 'bytes' }>

/** The value as bytes: a JS string is encoded into scratch memory of this place in the code. */
export const asBytes = (cg: CodeBuilder, value: Value): BytesValue => {
  if (value.form === 'bytes') return value
  if (value.form !== 'text') throw new Error(`a ${value.form} of type ${value.type.kind} is no string`)
  const scratch = cg.constant(new Scratch())
  const length = cg.fresh('len')
  cg.line(`const ${length} = ${scratch}.encode(${value.code})`)
  return { form: 'bytes', type: value.type, isNull: value.isNull, buffer: `${scratch}.u8`, offset: '0', length }
}

/** The value as a JS expression for a string. */
export const asText = (cg: CodeBuilder, value: Value): string => {
  if (value.form === 'text') return value.code
  if (value.form !== 'bytes') throw new Error(`a ${value.form} of type ${value.type.kind} is no string`)
  return `${cg.constant(decodeUtf8)}(${value.buffer}, ${value.offset}, ${value.length})`
}

/** A scalar's code. */
export const scalarCode = (value: Value): string => {
  if (value.form === 'scalar') return value.code
  throw new Error(`a ${value.form} of type ${value.type.kind} is no scalar`)
}
