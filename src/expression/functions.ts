import { EngineError } from '../base/errors.ts'
import {
  binaryType,
  booleanType,
  type DataType,
  decimalType,
  doubleType,
  integerType,
  longType,
  stringType,
  timestampType,
  typeName,
} from '../record/data-type.ts'
import type { Bound } from './expression.ts'
import { commonType, decimalFor, decimalResult, isFractional, isIntegral, isNumeric } from './type-rules.ts'

/** What a function is to the resolver: how its arguments are cast and what comes out. Code for it stands in `scalar-code.ts`. */
export interface FunctionTyping {
  readonly arity: readonly [number, number]
  /** Throws DATATYPE_MISMATCH. */
  bind(name: string, args: readonly Bound[]): Bound
}

export const castTo = (value: Bound, type: DataType): Bound => {
  if (typeName(value.type) === typeName(type)) return value
  return { kind: 'cast', child: value, type, nullable: value.nullable || value.type.kind === 'null' }
}

const mismatch = (name: string, expected: string, argument: number, actual: DataType): never => {
  throw new EngineError('DATATYPE_MISMATCH', { expression: name, expected, argument: `argument ${argument + 1}`, actual: typeName(actual) })
}

const call = (name: string, args: readonly Bound[], type: DataType, nullable = args.some(arg => arg.nullable)): Bound => ({
  kind: 'call',
  name,
  args,
  type,
  nullable,
})

/** Casts all arguments to the type that they have in common. */
const unify = (name: string, args: readonly Bound[]): { args: Bound[]; type: DataType } => {
  let type = args[0].type
  for (const [i, arg] of args.entries())
    type = commonType(type, arg.type) ?? mismatch(name, `something like ${typeName(type)}`, i, arg.type)
  return { args: args.map(arg => castTo(arg, type)), type }
}

const comparison: FunctionTyping = {
  arity: [2, 2],
  bind: (name, args) => {
    const unified = unify(name, args)
    return call(name, unified.args, booleanType, name === '<=>' ? false : undefined)
  },
}

const logical: FunctionTyping = {
  arity: [2, 2],
  bind: (name, args) =>
    call(
      name,
      args.map((arg, i) =>
        arg.type.kind === 'null' ? castTo(arg, booleanType) : arg.type.kind === 'boolean' ? arg : mismatch(name, 'boolean', i, arg.type),
      ),
      booleanType,
    ),
}

const arithmetic: FunctionTyping = {
  arity: [2, 2],
  bind: (name, args) => {
    // A string beside a number becomes that number's kind; alone it becomes a double.
    let [left, right] = args.map(arg => (arg.type.kind === 'null' ? castTo(arg, doubleType) : arg))
    if (left.type.kind === 'string') left = castTo(left, isIntegral(right.type) ? longType : doubleType)
    if (right.type.kind === 'string') right = castTo(right, isIntegral(left.type) ? longType : doubleType)
    for (const [i, { type }] of [left, right].entries()) if (!isNumeric(type)) mismatch(name, 'a number', i, type)
    const decimals = left.type.kind === 'decimal' || right.type.kind === 'decimal'
    if (decimals && !isFractional(left.type) && !isFractional(right.type)) {
      const [a, b] = [left, right].map(side => castTo(side, literalDecimal(side)))
      return call(name, [a, b], decimalResult(name, a.type, b.type))
    }
    if (name === '/') return call(name, [castTo(left, doubleType), castTo(right, doubleType)], doubleType)
    const type = commonType(left.type, right.type) ?? doubleType
    return call(name, [castTo(left, type), castTo(right, type)], type)
  },
}

/** An integral literal beside a decimal takes only the digits that it has. */
const literalDecimal = (side: Bound): DataType => {
  if (side.kind === 'literal' && isIntegral(side.type) && side.value !== null) {
    return decimalType(Math.max(1, String(side.value).replace('-', '').length), 0)
  }
  return decimalFor(side.type)
}

const same = (accepts: (type: DataType) => boolean, expected: string): FunctionTyping => ({
  arity: [1, 1],
  bind: (name, args) => (accepts(args[0].type) ? call(name, args, args[0].type) : mismatch(name, expected, 0, args[0].type)),
})

const strings = (arity: readonly [number, number], type: DataType): FunctionTyping => ({
  arity,
  bind: (name, args) =>
    call(
      name,
      args.map(arg => castTo(arg, stringType)),
      type,
    ),
})

const never = (): Bound => {
  throw new Error('bound by the resolver')
}

const extreme: FunctionTyping = {
  arity: [2, 255],
  bind: (name, args) => {
    // Here, unlike in a comparison, a string is not taken for a number.
    const kinds = args.map(arg => arg.type.kind).filter(kind => kind !== 'null')
    const text = kinds.indexOf('string')
    if (text >= 0 && kinds.some(kind => kind !== 'string'))
      mismatch(name, `something other than a string beside ${kinds.join(', ')}`, text, args[text].type)
    const unified = unify(name, args)
    return call(
      name,
      unified.args,
      unified.type,
      unified.args.every(arg => arg.nullable),
    )
  },
}

const fixed = (arity: readonly [number, number], types: readonly DataType[], result: DataType): FunctionTyping => ({
  arity,
  bind: (name, args) =>
    call(
      name,
      args.map((arg, i) => castTo(arg, types[Math.min(i, types.length - 1)])),
      result,
    ),
})

/** Text is taken as its bytes; a number is not. */
const toBase64 = (name: string, [value]: readonly Bound[]): Bound =>
  ['binary', 'string', 'null'].includes(value.type.kind)
    ? call(name, [castTo(value, binaryType)], stringType)
    : mismatch(name, 'a binary', 0, value.type)

const rounding = (name: string, args: readonly Bound[]): Bound => {
  const [value, scale] = args
  const digits =
    scale === undefined ? 0 : scale.kind === 'literal' ? Number(scale.value) : mismatch(name, 'a constant scale', 1, scale.type)
  const scaleArg: Bound = { kind: 'literal', value: digits, type: integerType, nullable: false }
  const { type } = value
  if (type.kind === 'decimal') {
    const whole = type.precision - type.scale + 1
    const kept = Math.min(type.scale, Math.max(0, digits))
    return call(name, [value, scaleArg], decimalType(Math.min(38, Math.max(whole + kept, 1 - Math.min(0, digits))), kept))
  }
  if (type.kind === 'string' || type.kind === 'null') return call(name, [castTo(value, doubleType), scaleArg], doubleType)
  return isNumeric(type) ? call(name, [value, scaleArg], type) : mismatch(name, 'a number', 0, type)
}

const toWhole: FunctionTyping = {
  arity: [1, 1],
  bind: (name, [value]) => {
    if (value.type.kind === 'decimal') {
      const { precision, scale } = value.type
      return call(name, [value], decimalType(Math.min(38, precision - scale + (scale > 0 ? 1 : 0)), 0))
    }
    if (isIntegral(value.type)) return call(name, [castTo(value, longType)], longType)
    return isFractional(value.type) || value.type.kind === 'string'
      ? call(name, [castTo(value, doubleType)], longType)
      : mismatch(name, 'a number', 0, value.type)
  },
}

/** The scalar functions, by Spark's names. */
export const functions: Readonly<Record<string, FunctionTyping>> = {
  '=': comparison,
  '<=>': comparison,
  '<': comparison,
  '<=': comparison,
  '>': comparison,
  '>=': comparison,
  and: logical,
  or: logical,
  not: {
    arity: [1, 1],
    bind: (name, args) =>
      args[0].type.kind === 'boolean' || args[0].type.kind === 'null'
        ? call(name, [castTo(args[0], booleanType)], booleanType)
        : mismatch(name, 'boolean', 0, args[0].type),
  },
  '+': arithmetic,
  '-': arithmetic,
  '*': arithmetic,
  '/': arithmetic,
  '%': arithmetic,
  div: {
    arity: [2, 2],
    bind: (name, args) =>
      call(
        name,
        args.map((arg, i) =>
          isIntegral(arg.type) || arg.type.kind === 'null' ? castTo(arg, longType) : mismatch(name, 'an integer', i, arg.type),
        ),
        longType,
      ),
  },
  negative: same(isNumeric, 'a number'),
  abs: same(isNumeric, 'a number'),
  isNull: { arity: [1, 1], bind: (name, args) => call(name, args, booleanType, false) },
  isNotNull: { arity: [1, 1], bind: (name, args) => call(name, args, booleanType, false) },
  isnan: fixed([1, 1], [doubleType], booleanType),
  in: {
    arity: [1, 10_000],
    bind: (name, args) => {
      const unified = unify(name, args)
      return call(name, unified.args, booleanType)
    },
  },
  coalesce: {
    arity: [1, 255],
    bind: (name, args) => {
      const unified = unify(name, args)
      return call(
        name,
        unified.args,
        unified.type,
        unified.args.every(arg => arg.nullable),
      )
    },
  },
  nullif: {
    arity: [2, 2],
    bind: (_name, args) => {
      const equal = comparison.bind('=', args)
      return {
        kind: 'case',
        branches: [{ when: equal, then: { kind: 'literal', value: null, type: args[0].type, nullable: true } }],
        otherwise: args[0],
        type: args[0].type,
        nullable: true,
      }
    },
  },
  like: { arity: [2, 3], bind: strings([2, 3], booleanType).bind },
  contains: strings([2, 2], booleanType),
  startswith: strings([2, 2], booleanType),
  endswith: strings([2, 2], booleanType),
  concat: {
    arity: [1, 255],
    bind: (name, args) =>
      args.every(arg => arg.type.kind === 'binary')
        ? call(name, args, binaryType)
        : call(
            name,
            args.map(arg => castTo(arg, stringType)),
            stringType,
          ),
  },
  substring: {
    arity: [2, 3],
    bind: (name, [value, from, length]) => {
      const text = value.type.kind === 'binary' ? value : castTo(value, stringType)
      const most: Bound = { kind: 'literal', value: 2147483647, type: integerType, nullable: false }
      return call(name, [text, castTo(from, integerType), length === undefined ? most : castTo(length, integerType)], text.type)
    },
  },
  length: {
    arity: [1, 1],
    bind: (name, [value]) => call(name, [value.type.kind === 'binary' ? value : castTo(value, stringType)], integerType),
  },
  upper: strings([1, 1], stringType),
  lower: strings([1, 1], stringType),
  trim: strings([1, 1], stringType),
  base64: { arity: [1, 1], bind: toBase64 },
  // With the setting chunkBase64String off.
  base64Unbroken: { arity: [1, 1], bind: toBase64 },
  unbase64: fixed([1, 1], [stringType], binaryType),
  hash: { arity: [1, 255], bind: (name, args) => call(name, args, integerType, false) },
  xxhash64: { arity: [1, 255], bind: (name, args) => call(name, args, longType, false) },
  least: extreme,
  greatest: extreme,
  round: { arity: [1, 2], bind: rounding },
  floor: toWhole,
  ceil: toWhole,
  currentTimestamp: { arity: [0, 0], bind: name => call(name, [], timestampType, false) },
  rand: {
    arity: [0, 1],
    bind: (name, [seed]) => {
      const isConstant = seed === undefined || (seed.kind === 'literal' && (isIntegral(seed.type) || seed.type.kind === 'null'))
      if (!isConstant) mismatch(name, 'a constant integer', 0, seed.type)
      const value = seed?.kind === 'literal' ? seed.value : null
      return call(name, [{ kind: 'literal', value, type: longType, nullable: value === null }], doubleType, false)
    },
  },
  timestampSeconds: {
    arity: [1, 1],
    bind: (name, [value]) =>
      isNumeric(value.type)
        ? call(name, [castTo(value, isFractional(value.type) || value.type.kind === 'decimal' ? doubleType : longType)], timestampType)
        : mismatch(name, 'a number', 0, value.type),
  },
  timestampMillis: fixed([1, 1], [longType], timestampType),
  timestampMicros: fixed([1, 1], [longType], timestampType),
  unixSeconds: fixed([1, 1], [timestampType], longType),
  unixMillis: fixed([1, 1], [timestampType], longType),
  unixMicros: fixed([1, 1], [timestampType], longType),
  timestampAdd: {
    arity: [2, 2],
    bind: (name, [time, micros]) => call(name, [castTo(time, timestampType), castTo(micros, doubleType)], timestampType),
  },
  windowTime: { arity: [1, 1], bind: never },
}
