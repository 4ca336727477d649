import { compareBytes, compareText, equalBytes } from '../record/strings.ts'
import { arithmeticCodes } from './arithmetic-code.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { hashCodes } from './hash-code.ts'
import { BytesSet, IntegerSet } from './literal-set.ts'
import { anyNull, scalarUnlessNull } from './null-safe.ts'
import { stringCodes } from './string-code.ts'
import { timeCodes } from './time-code.ts'
import type { Value } from './value.ts'

/** Generates the code of one call, its arguments computed. */
export type ScalarCode = (cg: CodeBuilder, node: Extract<Bound, { kind: 'call' }>, args: readonly Value[]) => Value

const boolean = { kind: 'boolean' } as const

/** A JS expression that compares two non-null values of one type. */
const compare = (cg: CodeBuilder, operator: string, left: Value, right: Value): string => {
  const js = operator === '=' ? '===' : operator
  if (left.form === 'struct' && right.form === 'struct') return compareStructs(cg, operator, left, right)
  if (left.form === 'text' && right.form === 'text') {
    return operator === '=' ? `${left.code} === ${right.code}` : `${cg.constant(compareText)}(${left.code}, ${right.code}) ${js} 0`
  }
  if (left.form !== 'scalar' || right.form !== 'scalar') {
    const [a, b] = [asBytes(cg, left), asBytes(cg, right)]
    const all = `${a.buffer}, ${a.offset}, ${a.length}, ${b.buffer}, ${b.offset}, ${b.length}`
    if (operator === '=') return `(${a.length} === ${b.length} && ${cg.constant(equalBytes)}(${all}))`
    return `${cg.constant(compareBytes)}(${all}) ${js} 0`
  }
  const [a, b] = [left.code, right.code]
  if (left.type.kind === 'float' || left.type.kind === 'double') {
    // NaN equals itself and is above all other numbers.
    switch (operator) {
      case '=':
        return `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`
      case '<':
        return `(${a} < ${b} || (${a} === ${a} && ${b} !== ${b}))`
      case '<=':
        return `(${a} <= ${b} || ${b} !== ${b})`
      case '>':
        return `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`
      default:
        return `(${a} >= ${b} || ${a} !== ${a})`
    }
  }
  return `${a} ${js} ${b}`
}

const compareStructs = (
  cg: CodeBuilder,
  operator: string,
  left: Extract<Value, { form: 'struct' }>,
  right: Extract<Value, { form: 'struct' }>,
): string => {
  const equal = left.fields.map((field, i) => nullSafeEqual(cg, field, right.fields[i]))
  if (operator === '=') return `(${equal.join(' && ')})`
  // The first field that differs decides; nulls come first.
  let code = operator.endsWith('=') ? 'true' : 'false'
  for (let i = left.fields.length - 1; i >= 0; i--) {
    const [a, b] = [left.fields[i], right.fields[i]]
    const strict = compare(cg, operator[0], a, b)
    const nulls = operator.startsWith('<') ? `${a.isNull} && !${b.isNull}` : `!${a.isNull} && ${b.isNull}`
    code = `(${equal[i]} ? ${code} : (${nulls} || (!${a.isNull} && !${b.isNull} && ${strict})))`
  }
  return code
}

const nullSafeEqual = (cg: CodeBuilder, left: Value, right: Value): string =>
  `(${left.isNull} ? ${right.isNull} : (!${right.isNull} && ${compare(cg, '=', left, right)}))`

const comparisons = Object.fromEntries(
  ['=', '<', '<=', '>', '>='].map(operator => [
    operator,
    ((cg, _node, args) => scalarUnlessNull(cg, boolean, args, compare(cg, operator, args[0], args[1]))) satisfies ScalarCode,
  ]),
)

const IN_TESTS_MOST = 32

/** From here on a hash table is sooner than comparing with each. */
const HASHED_LEAST = 12

/** A look-up in a table of literals, if the list is long and nothing else; null otherwise. */
const inLiterals = (cg: CodeBuilder, list: readonly Bound[], value: Value): string | null => {
  if (list.length < HASHED_LEAST) return null
  const values: unknown[] = []
  for (const item of list) {
    if (item.kind !== 'literal') return null
    if (item.value !== null) values.push(item.value)
  }
  switch (value.type.kind) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return `${cg.constant(new IntegerSet(values.map(Number)))}.has(${scalarCode(value)})`
    case 'string':
    case 'binary': {
      const { buffer, offset, length } = asBytes(cg, value)
      const known = values.map(each => (each instanceof Uint8Array ? each : new TextEncoder().encode(String(each))))
      return `${cg.constant(new BytesSet(known))}.has(${buffer}, ${offset}, ${length})`
    }
    default:
      return null
  }
}

const local = (cg: CodeBuilder, code: string): Value => {
  const value = cg.fresh('v')
  cg.line(`const ${value} = ${code}`)
  return { form: 'scalar', type: boolean, isNull: 'false', code: value }
}

export const scalarCodes: Readonly<Record<string, ScalarCode>> = {
  ...comparisons,
  '<=>': (cg, _node, [left, right]) => local(cg, nullSafeEqual(cg, left, right)),
  not: (cg, _node, args) => scalarUnlessNull(cg, boolean, args, `!${scalarCode(args[0])}`),
  isNull: (_cg, _node, [value]) => ({ form: 'scalar', type: boolean, isNull: 'false', code: value.isNull }),
  isNotNull: (_cg, _node, [value]) => ({
    form: 'scalar',
    type: boolean,
    isNull: 'false',
    code: value.isNull === 'false' ? 'true' : value.isNull === 'true' ? 'false' : `!${value.isNull}`,
  }),
  isnan: (_cg, _node, [value]) => ({
    form: 'scalar',
    type: boolean,
    isNull: 'false',
    code: `(!${value.isNull} && ${scalarCode(value)} !== ${scalarCode(value)})`,
  }),
  // Null if the value is null, or if it equals nothing but the list holds a null.
  in: (cg, node, [value, ...list]) => {
    const found = cg.fresh('v')
    const known = inLiterals(cg, node.args.slice(1), value)
    if (known !== null) {
      cg.line(`const ${found} = !${value.isNull} && ${known}`)
    } else {
      const tests = list.map(item => (item.isNull === 'true' ? 'false' : `(!${item.isNull} && ${compare(cg, '=', value, item)})`))
      // A few at a time: what is one statement stays in one function, however large.
      cg.line(`let ${found} = ${tests.slice(0, IN_TESTS_MOST).join(' || ') || 'false'}`)
      for (let i = IN_TESTS_MOST; i < tests.length; i += IN_TESTS_MOST) {
        cg.line(`${found} = ${found} || ${tests.slice(i, i + IN_TESTS_MOST).join(' || ')}`)
      }
    }
    const listNull = anyNull(list)
    const isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${value.isNull} || (!${found} && ${listNull})`)
    return { form: 'scalar', type: boolean, isNull, code: found }
  },
  ...arithmeticCodes,
  ...stringCodes,
  ...hashCodes,
  ...timeCodes,
}
