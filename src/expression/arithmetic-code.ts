import { EngineError } from '../base/errors.ts'
import { type DataType, typeName } from '../record/data-type.ts'
import type { CodeBuilder } from './code-builder.ts'
import { scalarCode } from './convert.ts'
import { emitLongWords, emitNumberOfLong } from './long-words.ts'
import { checkedUnlessNull, scalarUnlessNull, statementsUnlessNull } from './null-safe.ts'
import type { ScalarCode } from './scalar-code.ts'
import type { Value } from './value.ts'

/** Arithmetic as Spark's ANSI mode has it: overflow and division by zero are errors, never wrong numbers. */
export const failOverflow = (operation: string, type: DataType): never => {
  throw new EngineError('ARITHMETIC_OVERFLOW', { operation, type: typeName(type) })
}

const failDivide = (): never => {
  throw new EngineError('DIVIDE_BY_ZERO')
}

export const failDecimal = (type: DataType): never => {
  throw new EngineError('NUMERIC_VALUE_OUT_OF_RANGE', { type: typeName(type) })
}

const names: Readonly<Record<string, string>> = { '+': 'addition', '-': 'subtraction', '*': 'multiplication', '%': 'remainder' }

const overflowCall = (cg: CodeBuilder, operator: string, type: DataType): string =>
  `${cg.constant(failOverflow)}(${JSON.stringify(names[operator] ?? operator)}, ${cg.constant(type)})`

const binary =
  (operator: string): ScalarCode =>
  (cg, node, args) => {
    const { type } = node
    const [a, b] = args.map(scalarCode)
    switch (type.kind) {
      case 'byte':
      case 'short':
      case 'integer':
        return statementsUnlessNull(cg, type, args, v => {
          cg.line(`${v} = ${a} ${operator} ${b}`)
          const shift = type.kind === 'byte' ? 24 : type.kind === 'short' ? 16 : 0
          cg.line(`if (${shift === 0 ? `(${v} | 0)` : `(${v} << ${shift} >> ${shift})`} !== ${v}) ${overflowCall(cg, operator, type)}`)
          // −0, which `0 * -1` gives, is no integer.
          if (operator === '*') cg.line(`${v} = ${v} | 0`)
        })
      case 'long':
        return checkedUnlessNull(cg, type, args, `BigInt.asIntN(64, ${a} ${operator} ${b})`, v => {
          if (operator === '*') {
            // As doubles the factors are right to 16 digits: only near the limit must it be computed exactly.
            const [x, y] = [emitNumberOfLong(cg, a), emitNumberOfLong(cg, b)]
            const overflows = `!(Math.abs(${x} * ${y}) < ${SURELY_LONG}) && ${cg.constant(isProductTooLarge)}(${a}, ${b})`
            cg.line(`if (${overflows}) ${overflowCall(cg, operator, type)}`)
          } else {
            const second = operator === '+' ? `(${b} ^ ${v})` : `(${a} ^ ${b})`
            cg.line(`if (BigInt.asIntN(64, (${a} ^ ${v}) & ${second}) < 0n) ${overflowCall(cg, operator, type)}`)
          }
        })
      case 'decimal':
        return decimalArithmetic(cg, operator, type, args)
      case 'float':
        return scalarUnlessNull(cg, type, args, `Math.fround(${a} ${operator} ${b})`)
      default:
        return scalarUnlessNull(cg, type, args, `${a} ${operator} ${b}`)
    }
  }

const LEAST_LONG = -(2n ** 63n)
/** A product of doubles below it is below 2^63 exactly. */
const SURELY_LONG = '9.2e18'

const isProductTooLarge = (a: bigint, b: bigint): boolean => BigInt.asIntN(64, a * b) !== a * b

const scaleOf = (type: DataType): number => (type.kind === 'decimal' ? type.scale : 0)
const precisionOf = (type: DataType): number => (type.kind === 'decimal' ? type.precision : 38)

const power = (exponent: number): string => `${10n ** BigInt(exponent)}n`

/** Moves an unscaled decimal to another scale, rounding half up, away from zero. */
export const rescale = (code: string, from: number, to: number): string => {
  if (from === to) return code
  if (from < to) return `(${code} * ${power(to - from)})`
  const [divisor, half] = [power(from - to), `${10n ** BigInt(from - to) / 2n}n`]
  return `((${code} < 0n ? ${code} - ${half} : ${code} + ${half}) / ${divisor})`
}

/** Checks that an unscaled decimal has no more digits than its type. */
const emitDecimalCheck = (cg: CodeBuilder, value: string, type: DataType): void => {
  const limit = power(precisionOf(type))
  cg.line(`if (${value} >= ${limit} || ${value} <= -${limit}) ${cg.constant(failDecimal)}(${cg.constant(type)})`)
}

const decimalArithmetic = (cg: CodeBuilder, operator: string, type: DataType, args: readonly Value[]): Value => {
  const [a, b] = args.map(scalarCode)
  const [sa, sb] = args.map(arg => scaleOf(arg.type))
  const scale = scaleOf(type)
  return statementsUnlessNull(cg, type, args, v => {
    if (operator === '*') {
      const product = cg.fresh('p')
      cg.line(`const ${product} = ${a} * ${b}`)
      cg.line(`${v} = ${rescale(product, sa + sb, scale)}`)
    } else {
      const common = Math.max(sa, sb)
      const sum = cg.fresh('s')
      cg.line(`const ${sum} = ${rescale(a, sa, common)} ${operator} ${rescale(b, sb, common)}`)
      cg.line(`${v} = ${rescale(sum, common, scale)}`)
    }
    emitDecimalCheck(cg, v, type)
  })
}

const divide: ScalarCode = (cg, node, args) => {
  const { type } = node
  const [a, b] = args.map(scalarCode)
  if (type.kind !== 'decimal') {
    return statementsUnlessNull(cg, type, args, v => {
      cg.line(`if (${b} === 0) ${cg.constant(failDivide)}()`)
      cg.line(`${v} = ${a} / ${b}`)
    })
  }
  const [sa, sb] = args.map(arg => scaleOf(arg.type))
  return statementsUnlessNull(cg, type, args, v => {
    cg.line(`if (${b} === 0n) ${cg.constant(failDivide)}()`)
    // a/10^sa : b/10^sb at the result's scale, half up: twice the dividend, plus the divisor, through twice the divisor.
    const shift = type.scale - sa + sb
    const [dividend, divisor] = [cg.fresh('n'), cg.fresh('d')]
    cg.line(`const ${dividend} = ${a} * ${power(Math.max(0, shift))}, ${divisor} = ${b}${shift < 0 ? ` * ${power(-shift)}` : ''}`)
    cg.line(`${v} = ${cg.constant(divideHalfUp)}(${dividend}, ${divisor})`)
    emitDecimalCheck(cg, v, type)
  })
}

export const divideHalfUp = (dividend: bigint, divisor: bigint): bigint => {
  const [n, d] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor]
  const quotient = (2n * n + d) / (2n * d)
  return dividend < 0n === divisor < 0n ? quotient : -quotient
}

const remainder: ScalarCode = (cg, node, args) => {
  const { type } = node
  const [a, b] = args.map(scalarCode)
  if (type.kind === 'decimal') {
    const [sa, sb] = args.map(arg => scaleOf(arg.type))
    const common = Math.max(sa, sb)
    return statementsUnlessNull(cg, type, args, v => {
      cg.line(`if (${b} === 0n) ${cg.constant(failDivide)}()`)
      cg.line(`${v} = ${rescale(`(${rescale(a, sa, common)} % ${rescale(b, sb, common)})`, common, type.scale)}`)
      emitDecimalCheck(cg, v, type)
    })
  }
  return statementsUnlessNull(cg, type, args, v => {
    if (type.kind === 'long') {
      cg.line(`if (${b} === 0n) ${cg.constant(failDivide)}()`)
      cg.line(`${v} = BigInt.asIntN(64, ${a} % ${b})`)
      return
    }
    cg.line(`if (${b} === 0) ${cg.constant(failDivide)}()`)
    cg.line(`${v} = ${a} % ${b}${type.kind === 'double' || type.kind === 'float' ? '' : ' | 0'}`)
  })
}

const integerDivide: ScalarCode = (cg, node, args) => {
  const [a, b] = args.map(scalarCode)
  return statementsUnlessNull(cg, node.type, args, v => {
    cg.line(`if (${b} === 0n) ${cg.constant(failDivide)}()`)
    const [minusOne, least] = [cg.constant(-1n), cg.constant(LEAST_LONG)]
    cg.line(`if (${b} === ${minusOne} && ${a} === ${least}) ${overflowCall(cg, 'div', node.type)}`)
    cg.line(`${v} = BigInt.asIntN(64, ${a} / ${b})`)
  })
}

const negate = (cg: CodeBuilder, type: DataType, args: readonly Value[], onlyNegative: boolean): Value => {
  const a = scalarCode(args[0])
  const name = onlyNegative ? 'abs' : 'negation'
  switch (type.kind) {
    case 'byte':
    case 'short':
    case 'integer': {
      const least = type.kind === 'byte' ? -128 : type.kind === 'short' ? -32768 : -2147483648
      return statementsUnlessNull(cg, type, args, v => {
        cg.line(`if (${a} === ${least}) ${overflowCall(cg, name, type)}`)
        cg.line(`${v} = ${onlyNegative ? `${a} < 0 ? -${a} : ${a}` : `0 - ${a}`}`)
      })
    }
    case 'long':
      return checkedUnlessNull(cg, type, args, `BigInt.asIntN(64, ${onlyNegative ? `${a} < 0n ? -${a} : ${a}` : `-${a}`})`, () => {
        const { low, high } = emitLongWords(cg, a)
        cg.line(`if (${high} === -2147483648 && ${low} === 0) ${overflowCall(cg, name, type)}`)
      })
    case 'decimal':
      return scalarUnlessNull(cg, type, args, onlyNegative ? `(${a} < 0n ? -${a} : ${a})` : `-${a}`)
    default:
      return scalarUnlessNull(cg, type, args, onlyNegative ? `Math.abs(${a})` : `-${a}`)
  }
}

/** HALF_UP on the decimal digits that the number shows, as Spark does by way of BigDecimal. */
const roundDouble = (value: number, digits: number): number => {
  if (!Number.isFinite(value) || value === 0) return value
  const text = String(Math.abs(value))
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)
  if (match === null) return value
  const [, whole, fraction = '', exponent = '0'] = match
  const scale = fraction.length - Number(exponent)
  if (scale <= digits) return value
  const unscaled = divideHalfUp(BigInt(whole + fraction), 10n ** BigInt(scale - digits))
  const rounded = Number(`${unscaled}e${-digits}`)
  return value < 0 ? -rounded : rounded
}

const roundBigint = (value: bigint, digits: number): bigint => {
  const unit = 10n ** BigInt(-digits)
  return divideHalfUp(value, unit) * unit
}

const round: ScalarCode = (cg, node, args) => {
  const { type } = node
  const digits = node.args[1].kind === 'literal' ? Number(node.args[1].value) : 0
  const [value] = args
  const a = scalarCode(value)
  switch (type.kind) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      if (digits >= 0) return value
      return statementsUnlessNull(cg, type, [value], v => {
        const wide = cg.fresh('r')
        cg.line(`const ${wide} = ${cg.constant(roundBigint)}(BigInt(${a}), ${digits})`)
        const bits = type.kind === 'byte' ? 8 : type.kind === 'short' ? 16 : type.kind === 'integer' ? 32 : 64
        cg.line(`if (BigInt.asIntN(${bits}, ${wide}) !== ${wide}) ${overflowCall(cg, 'round', type)}`)
        cg.line(`${v} = ${type.kind === 'long' ? wide : `Number(${wide})`}`)
      })
    case 'decimal': {
      const from = scaleOf(value.type)
      return statementsUnlessNull(cg, type, [value], v => {
        if (digits >= 0) cg.line(`${v} = ${rescale(a, from, Math.min(from, digits))}`)
        else cg.line(`${v} = ${cg.constant(divideHalfUp)}(${a}, ${power(from - digits)}) * ${power(-digits)}`)
        emitDecimalCheck(cg, v, type)
      })
    }
    case 'float':
      return scalarUnlessNull(cg, type, [value], `Math.fround(${cg.constant(roundDouble)}(${a}, ${digits})) + 0`)
    default:
      // Spark rounds through BigDecimal, which has no -0.
      return scalarUnlessNull(cg, type, [value], `${cg.constant(roundDouble)}(${a}, ${digits}) + 0`)
  }
}

const toWhole =
  (up: boolean): ScalarCode =>
  (cg, node, args) => {
    const [value] = args
    const a = scalarCode(value)
    if (value.type.kind === 'long') return value
    if (value.type.kind === 'decimal') {
      const unit = power(scaleOf(value.type))
      const correct = up ? `(${a} > 0n && ${a} % ${unit} !== 0n ? 1n : 0n)` : `(${a} < 0n && ${a} % ${unit} !== 0n ? -1n : 0n)`
      return scalarUnlessNull(cg, node.type, args, `${a} / ${unit} + ${correct}`)
    }
    return scalarUnlessNull(cg, node.type, args, `${cg.constant(up ? ceilLong : floorLong)}(${a})`)
  }

/** Spark gives 0 for NaN here, and an error for everything else that is no long. */
const wholeLong = (value: number, name: string): bigint => {
  if (Number.isNaN(value)) return 0n
  if (value >= 2 ** 63 || value < -(2 ** 63)) {
    throw new EngineError('ARITHMETIC_OVERFLOW', { operation: `${name} of ${value}`, type: 'bigint' })
  }
  return BigInt(value)
}
const floorLong = (value: number): bigint => wholeLong(Math.floor(value), 'floor')
const ceilLong = (value: number): bigint => wholeLong(Math.ceil(value), 'ceil')

export const arithmeticCodes: Readonly<Record<string, ScalarCode>> = {
  '+': binary('+'),
  '-': binary('-'),
  '*': binary('*'),
  '/': divide,
  '%': remainder,
  div: integerDivide,
  negative: (cg, node, args) => negate(cg, node.type, args, false),
  abs: (cg, node, args) => negate(cg, node.type, args, true),
  round,
  floor: toWhole(false),
  ceil: toWhole(true),
}
