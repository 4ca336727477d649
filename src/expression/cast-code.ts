import { EngineError } from '../base/errors.ts'
import { type DataType, sameType, typeName } from '../record/data-type.ts'
import { Scratch } from '../record/strings.ts'
import { decimalText } from '../record/user-value.ts'
import { divideHalfUp, failDecimal, rescale } from './arithmetic-code.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, asText, scalarCode } from './convert.ts'
import { emitLongOfNumber, emitLongWords, emitNumberOfLong } from './long-words.ts'
import { bytesUnlessNull, nullUnlessFinite, scalarUnlessNull, statementsUnlessNull } from './null-safe.ts'
import { parseDigits, parsedDigits } from './parse-digits.ts'
import {
  dateText,
  doubleText,
  floatText,
  parseBoolean,
  parseDate,
  parseDouble,
  parseInteger,
  parseTimestamp,
  timestampText,
} from './text-format.ts'
import type { Value } from './value.ts'

const DAY_MICROS = 86_400_000_000

const failText = (value: string, to: DataType): never => {
  throw new EngineError('CAST_INVALID_INPUT', { value: JSON.stringify(value).slice(0, 100), from: 'string', to: typeName(to) })
}

const failRange = (value: number | bigint | string, from: DataType, to: DataType): never => {
  throw new EngineError('CAST_OVERFLOW', { value: String(value), from: typeName(from), to: typeName(to) })
}

/** Spark's ANSI cast: what does not fit is an error. `resolve.ts` has checked that the pair of types is possible. */
export const emitCast = (cg: CodeBuilder, value: Value, to: DataType): Value => {
  const from = value.type
  if (sameType(from, to)) return { ...value, type: to }
  if (from.kind === 'null') return nullAs(cg, to)
  if (to.kind === 'struct' && value.form === 'struct') {
    return { ...value, type: to, fields: value.fields.map((field, i) => emitCast(cg, field, to.fields[i].type)) }
  }
  if (from.kind === 'string') return fromText(cg, value, to)
  switch (to.kind) {
    case 'string':
      return toText(cg, value)
    case 'boolean':
      return scalarUnlessNull(cg, to, [value], `${scalarCode(value)} !== ${isBig(from) ? '0n' : '0'}`)
    case 'byte':
    case 'short':
    case 'integer':
      return toInt(cg, value, to)
    case 'long':
      return toLong(cg, value, to)
    case 'float':
      return scalarUnlessNull(cg, to, [value], `Math.fround(${asDouble(cg, value)})`)
    case 'double':
      return scalarUnlessNull(cg, to, [value], asDouble(cg, value))
    case 'decimal':
      return toDecimal(cg, value, to)
    case 'date':
      return scalarUnlessNull(cg, to, [value], `Math.floor(${scalarCode(value)} / ${DAY_MICROS})`)
    case 'timestamp':
      if (from.kind === 'date') return scalarUnlessNull(cg, to, [value], `${scalarCode(value)} * ${DAY_MICROS}`)
      if (from.kind === 'float' || from.kind === 'double') return secondsToTimestamp(cg, value, to)
      return longOrDecimalToTimestamp(cg, value, to)
    default:
      throw new Error(`no cast from ${typeName(from)} to ${typeName(to)}`)
  }
}

const secondsToTimestamp = (cg: CodeBuilder, value: Value, to: DataType): Value =>
  statementsUnlessNull(cg, to, [value], v => {
    const code = scalarCode(value)
    cg.line(`if (!(Math.abs(${code}) < Infinity)) ${cg.constant(failSeconds)}(${code}, ${cg.constant(value.type)})`)
    cg.line(`${v} = Math.trunc(${code} * 1000000)`)
    cg.line(
      `if (!(Math.abs(${v}) < 9223372036854775808)) ${cg.constant(failRange)}(${code}, ${cg.constant(value.type)}, ${cg.constant(to)})`,
    )
  })

const MICROS_MOST = 2 ** 63

/**
 * A whole number of seconds beyond what 64 bits of micros hold becomes the first or last moment, as Java's TimeUnit has it; a decimal is
 * refused.
 */
const longOrDecimalToTimestamp = (cg: CodeBuilder, value: Value, to: DataType): Value => {
  if (value.type.kind !== 'decimal') {
    return scalarUnlessNull(cg, to, [value], `Math.min(${MICROS_MOST}, Math.max(-${MICROS_MOST}, ${asDouble(cg, value)} * 1000000))`)
  }
  const { scale } = value.type
  return statementsUnlessNull(cg, to, [value], v => {
    const code = scalarCode(value)
    // Cut off, not rounded: by way of whole micros, which a double would miss.
    cg.line(`${v} = Number(${scale <= 6 ? `${code} * ${10n ** BigInt(6 - scale)}n` : `${code} / ${10n ** BigInt(scale - 6)}n`})`)
    cg.line(`if (!(Math.abs(${v}) < ${MICROS_MOST})) ${cg.constant(failRange)}(${code}, ${cg.constant(value.type)}, ${cg.constant(to)})`)
  })
}

const failSeconds = (value: number, from: DataType): never => {
  throw new EngineError('CAST_INVALID_INPUT', { value: String(value), from: typeName(from), to: 'timestamp' })
}

const isBig = (type: DataType): boolean => type.kind === 'long' || type.kind === 'decimal'

const nullAs = (cg: CodeBuilder, type: DataType): Value => {
  if (type.kind === 'struct') return { form: 'struct', type, isNull: 'true', fields: type.fields.map(f => nullAs(cg, f.type)) }
  if (['string', 'binary', 'array', 'map'].includes(type.kind)) {
    return { form: 'bytes', type, isNull: 'true', buffer: cg.constant(new Uint8Array(0)), offset: '0', length: '0' }
  }
  return { form: 'scalar', type, isNull: 'true', code: isBig(type) ? '0n' : type.kind === 'boolean' ? 'false' : '0' }
}

/** Any numeric, boolean or timestamp as a double: a decimal by its value, a timestamp in seconds. */
const asDouble = (cg: CodeBuilder, value: Value): string => {
  const code = scalarCode(value)
  switch (value.type.kind) {
    case 'boolean':
      return `(${code} ? 1 : 0)`
    case 'long':
      return emitNumberOfLong(cg, code)
    case 'decimal':
      // Through text for wide ones: dividing twice-rounded numbers would be off by one in the last place.
      return value.type.scale === 0 ? `Number(${code})` : `Number(${code} + 'e-${value.type.scale}')`
    case 'timestamp':
      return `(${code} / 1000000)`
    default:
      return code
  }
}

const bounds: Readonly<Record<string, readonly [number, number]>> = {
  byte: [-128, 127],
  short: [-32768, 32767],
  integer: [-2147483648, 2147483647],
}

const toInt = (cg: CodeBuilder, value: Value, to: DataType): Value => {
  const from = value.type
  const code = scalarCode(value)
  if (from.kind === 'boolean') return scalarUnlessNull(cg, to, [value], `(${code} ? 1 : 0)`)
  const [least, most] = bounds[to.kind]
  const rank = ['byte', 'short', 'integer']
  if (rank.includes(from.kind) && rank.indexOf(from.kind) < rank.indexOf(to.kind)) return { ...value, type: to }
  return statementsUnlessNull(cg, to, [value], v => {
    const fail = `${cg.constant(failRange)}(${code}, ${cg.constant(from)}, ${cg.constant(to)})`
    if (from.kind === 'long') {
      const { low, high } = emitLongWords(cg, code)
      cg.line(`if (${high} !== ${low} >> 31 || ${low} < ${least} || ${low} > ${most}) ${fail}`)
      cg.line(`${v} = ${low}`)
    } else if (isBig(from)) {
      const whole = cg.fresh('w')
      cg.line(`const ${whole} = ${from.kind === 'decimal' ? `${code} / ${10n ** BigInt(from.scale)}n` : code}`)
      cg.line(`if (${whole} < ${least}n || ${whole} > ${most}n) ${fail}`)
      cg.line(`${v} = Number(${whole}) | 0`)
    } else {
      const number = from.kind === 'timestamp' ? `Math.floor(${code} / 1000000)` : `Math.trunc(${code})`
      cg.line(`${v} = ${number}`)
      cg.line(`if (!(${v} >= ${least} && ${v} <= ${most})) ${fail}`)
      cg.line(`${v} = ${v} | 0`)
    }
  })
}

const toLong = (cg: CodeBuilder, value: Value, to: DataType): Value => {
  const from = value.type
  const code = scalarCode(value)
  switch (from.kind) {
    case 'boolean':
      return scalarUnlessNull(cg, to, [value], `(${code} ? 1n : 0n)`)
    case 'byte':
    case 'short':
    case 'integer':
      return scalarUnlessNull(cg, to, [value], `BigInt(${code})`)
    case 'timestamp':
      return scalarUnlessNull(cg, to, [value], `BigInt(Math.floor(${code} / 1000000))`)
    case 'decimal':
      return statementsUnlessNull(cg, to, [value], v => {
        cg.line(`${v} = ${code} / ${10n ** BigInt(from.scale)}n`)
        if (from.precision - from.scale > 18) {
          cg.line(`if (BigInt.asIntN(64, ${v}) !== ${v}) ${cg.constant(failRange)}(${code}, ${cg.constant(from)}, ${cg.constant(to)})`)
        }
      })
    default:
      return statementsUnlessNull(cg, to, [value], v => {
        const number = cg.fresh('d')
        cg.line(`const ${number} = Math.trunc(${code})`)
        cg.line(
          `if (!(${number} >= -9223372036854775808 && ${number} <= 9223372036854775807)) ${cg.constant(failRange)}(${code}, ${cg.constant(from)}, ${cg.constant(to)})`,
        )
        // 2^63 itself passes the test above, as it does in Java, and becomes the largest long.
        cg.line(`${v} = ${number} === 9223372036854775807 ? 9223372036854775807n : BigInt(${number})`)
      })
  }
}

const toDecimal = (cg: CodeBuilder, given: Value, to: Extract<DataType, { kind: 'decimal' }>): Value => {
  const from = given.type
  const code = scalarCode(given)
  const value = from.kind === 'float' || from.kind === 'double' ? nullUnlessFinite(cg, given) : given
  const limit = `${10n ** BigInt(to.precision)}n`
  return statementsUnlessNull(cg, to, [value], v => {
    if (from.kind === 'decimal') cg.line(`${v} = ${rescale(code, from.scale, to.scale)}`)
    else if (from.kind === 'long') cg.line(`${v} = ${rescale(code, 0, to.scale)}`)
    else if (from.kind === 'boolean') cg.line(`${v} = ${rescale(`(${code} ? 1n : 0n)`, 0, to.scale)}`)
    else if (from.kind === 'timestamp') cg.line(`${v} = ${rescale(`BigInt(${code})`, 6, to.scale)}`)
    else if (from.kind === 'float' || from.kind === 'double') {
      cg.line(`${v} = ${cg.constant(doubleToDecimal)}(${code}, ${to.scale}, ${cg.constant(from)}, ${cg.constant(to)})`)
    } else cg.line(`${v} = ${rescale(`BigInt(${code})`, 0, to.scale)}`)
    cg.line(`if (${v} >= ${limit} || ${v} <= -${limit}) ${cg.constant(failDecimal)}(${cg.constant(to)})`)
  })
}

const doubleToDecimal = (value: number, scale: number, from: DataType, to: DataType): bigint =>
  textToDecimal(String(value), scale) ?? failRange(value, from, to)

/** The unscaled value of a decimal text, rounded half up; undefined if it is none. */
export const textToDecimal = (text: string, scale: number): bigint | undefined => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim())
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return undefined
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const shift = scale - fraction.length + Number(exponent)
  if (Math.abs(shift) > 400) return shift < 0 ? 0n : undefined
  const digits = BigInt(whole + fraction)
  const unscaled = shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfUp(digits, 10n ** BigInt(-shift))
  return sign === '-' ? -unscaled : unscaled
}

const fromText = (cg: CodeBuilder, value: Value, to: DataType): Value => {
  if (to.kind === 'binary') return { ...asBytes(cg, value), type: to }
  const text = cg.fresh('text')
  const bytes = value.form === 'bytes' && isInteger.has(to.kind) ? value : null
  return statementsUnlessNull(cg, to, [value], v => {
    if (bytes !== null) {
      const [digits, fits] = [`${cg.constant(parsedDigits)}[0]`, cg.fresh('ok')]
      cg.line(`const ${fits} = ${cg.constant(parseDigits)}(${bytes.buffer}, ${bytes.offset}, ${bytes.length})`)
      const range = bounds[to.kind]
      cg.open(range === undefined ? `if (${fits}) {` : `if (${fits} && ${digits} >= ${range[0]} && ${digits} <= ${range[1]}) {`)
      cg.line(`${v} = ${to.kind === 'long' ? emitLongOfNumber(cg, digits) : `${digits} | 0`}`)
      cg.close('} else {')
    }
    parseText(v)
    if (bytes !== null) cg.close()
  })
  function parseText(v: string): void {
    cg.line(`const ${text} = ${asText(cg, value)}`)
    const fail = `${cg.constant(failText)}(${text}, ${cg.constant(to)})`
    const parse = (fn: unknown): string => `${cg.constant(fn)}(${text})`
    const parsed = cg.fresh('parsed')
    switch (to.kind) {
      case 'boolean':
        cg.line(`const ${parsed} = ${parse(parseBoolean)}; if (${parsed} === undefined) ${fail}`)
        cg.line(`${v} = ${parsed}`)
        return
      case 'byte':
      case 'short':
      case 'integer': {
        const [least, most] = bounds[to.kind]
        cg.line(
          `const ${parsed} = ${parse(parseInteger)}; if (${parsed} === undefined || ${parsed} < ${least}n || ${parsed} > ${most}n) ${fail}`,
        )
        cg.line(`${v} = Number(${parsed})`)
        return
      }
      case 'long':
        cg.line(
          `const ${parsed} = ${parse(parseInteger)}; if (${parsed} === undefined || BigInt.asIntN(64, ${parsed}) !== ${parsed}) ${fail}`,
        )
        cg.line(`${v} = BigInt.asIntN(64, ${parsed})`)
        return
      case 'float':
      case 'double':
        cg.line(`const ${parsed} = ${parse(parseDouble)}; if (${parsed} === undefined) ${fail}`)
        cg.line(`${v} = ${to.kind === 'float' ? `Math.fround(${parsed})` : parsed}`)
        return
      case 'decimal':
        cg.line(`const ${parsed} = ${cg.constant(textToDecimal)}(${text}, ${to.scale}); if (${parsed} === undefined) ${fail}`)
        cg.line(`${v} = ${parsed}`)
        cg.line(
          `if (${v} >= ${10n ** BigInt(to.precision)}n || ${v} <= -${10n ** BigInt(to.precision)}n) ${cg.constant(failDecimal)}(${cg.constant(to)})`,
        )
        return
      case 'date':
      case 'timestamp':
        cg.line(`${v} = ${parse(to.kind === 'date' ? parseDate : parseTimestamp)}; if (${v} !== ${v}) ${fail}`)
        return
      default:
        throw new Error(`no cast from string to ${typeName(to)}`)
    }
  }
}

/** Targets that are integers. */
const isInteger = new Set(['byte', 'short', 'integer', 'long'])

const toText = (cg: CodeBuilder, value: Value): Value => {
  const to = { kind: 'string' } as const
  if (value.type.kind === 'binary') return { ...asBytes(cg, value), type: to }
  const code = scalarCode(value)
  const scratch = cg.constant(new Scratch())
  const format = (): string => {
    const { type } = value
    switch (type.kind) {
      case 'float':
        return `${cg.constant(floatText)}(${code})`
      case 'double':
        return `${cg.constant(doubleText)}(${code})`
      case 'decimal':
        return `${cg.constant(decimalText)}(${code}, ${type.scale})`
      case 'date':
        return `${cg.constant(dateText)}(${code})`
      case 'timestamp':
        return `${cg.constant(timestampText)}(${code})`
      default:
        return `String(${code})`
    }
  }
  return bytesUnlessNull(cg, to, [value], scratch, `${scratch}.encode(${format()})`)
}
