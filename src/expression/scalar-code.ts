import { compareBytes, compareText, equalBytes } from '../record/strings.ts'
import { arithmeticCodes } from './arithmetic-code.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { hashCodes } from './hash-code.ts'
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
  in: (cg, _node, [value, ...list]) => {
    const found = cg.fresh('v')
    cg.line(
      `let ${found} = ${list.map(item => (item.isNull === 'true' ? 'false' : `(!${item.isNull} && ${compare(cg, '=', value, item)})`)).join(' || ') || 'false'}`,
    )
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
