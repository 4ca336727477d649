import type { DataType } from '../record/data-type.ts'
import type { CodeBuilder } from './code-builder.ts'
import { scalarCode } from './convert.ts'
import { zeroLong } from './long-words.ts'
import type { Value } from './value.ts'

/** True if any argument is null, as a JS expression. */
export const anyNull = (args: readonly Value[]): string => {
  const nulls = [...new Set(args.map(arg => arg.isNull).filter(isNull => isNull !== 'false'))]
  return nulls.length === 0 ? 'false' : nulls.length === 1 ? nulls[0] : `(${nulls.join(' || ')})`
}

/** The same of two such expressions. */
export const eitherNull = (left: string, right: string): string =>
  left === 'false' || left === right ? right : right === 'false' ? left : `(${left} || ${right})`

/** A scalar result that is null if an argument is, and is computed only if none is: `code` may throw. */
export const scalarUnlessNull = (cg: CodeBuilder, type: DataType, args: readonly Value[], code: string): Value => {
  const nulls = anyNull(args)
  const value = cg.fresh('v')
  if (nulls === 'false') {
    cg.line(`const ${value} = ${code}`)
    return { form: 'scalar', type, isNull: 'false', code: value }
  }
  const isNull = cg.fresh('nul')
  cg.line(`const ${isNull} = ${nulls}`)
  cg.line(`const ${value} = ${isNull} ? ${zeroOf(cg, type)} : ${code}`)
  return { form: 'scalar', type, isNull, code: value }
}

/** The same when statements are needed: `emit` gets the name to assign to. */
export const statementsUnlessNull = (cg: CodeBuilder, type: DataType, args: readonly Value[], emit: (target: string) => void): Value => {
  const nulls = anyNull(args)
  const value = cg.fresh('v')
  let isNull = 'false'
  cg.line(`let ${value} = ${zeroOf(cg, type)}`)
  if (nulls !== 'false') {
    isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${nulls}`)
    cg.open(`if (!${isNull}) {`)
  }
  emit(value)
  if (nulls !== 'false') cg.close()
  return { form: 'scalar', type, isNull, code: value }
}

/**
 * A scalar that is computed in any case, since a null's locals are safe to compute with, and checked unless it is null. A long that is set
 * in one branch only is held as an object by V8, 24 bytes of garbage for each.
 */
export const checkedUnlessNull = (
  cg: CodeBuilder,
  type: DataType,
  args: readonly Value[],
  code: string,
  check: (value: string) => void,
): Value => {
  const nulls = anyNull(args)
  const value = cg.fresh('v')
  cg.line(`const ${value} = ${code}`)
  if (nulls === 'false') {
    check(value)
    return { form: 'scalar', type, isNull: 'false', code: value }
  }
  const isNull = cg.fresh('nul')
  cg.line(`const ${isNull} = ${nulls}`)
  cg.open(`if (!${isNull}) {`)
  check(value)
  cg.close()
  return { form: 'scalar', type, isNull, code: value }
}

/**
 * A string or binary result that a helper writes into a scratch object of this place: `call` gives the name of the scratch to the helper
 * call, which returns the length.
 */
export const bytesUnlessNull = (cg: CodeBuilder, type: DataType, args: readonly Value[], scratch: string, call: string): Value => {
  const length = scalarUnlessNull(cg, { kind: 'integer' }, args, call)
  if (length.form !== 'scalar') throw new Error('no length')
  return { form: 'bytes', type, isNull: length.isNull, buffer: `${scratch}.u8`, offset: '0', length: length.code }
}

const zeroOf = (cg: CodeBuilder, type: DataType): string => {
  if (type.kind === 'long') return zeroLong(cg)
  if (type.kind === 'decimal') return '0n'
  return type.kind === 'boolean' ? 'false' : '0'
}

/** A float or double of which NaN and the infinities are taken for null. */
export const nullUnlessFinite = (cg: CodeBuilder, value: Value): Value => {
  const isNull = cg.fresh('nul')
  cg.line(`const ${isNull} = ${value.isNull === 'false' ? '' : `${value.isNull} || `}!(Math.abs(${scalarCode(value)}) < Infinity)`)
  return { ...value, isNull }
}
