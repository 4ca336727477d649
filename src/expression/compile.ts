import { EngineError } from '../base/errors.ts'
import type { DataType } from '../record/data-type.ts'
import { emitCast } from './cast-code.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asText, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { compileFromJson } from './json-code.ts'
import { compileToJson } from './json-encode.ts'
import { zeroLong } from './long-words.ts'
import { mayFail } from './may-fail.ts'
import { eitherNull } from './null-safe.ts'
import { scalarCodes } from './scalar-code.ts'
import { compileUdf } from './user-function-code.ts'
import type { RowAccessor, Value } from './value.ts'

/** What an expression may ask of the place in which it runs. */
export interface CompileContext {
  /** A call that gives `current_timestamp` in micros. */
  readonly nowMicros: string
  /** The name of a generator object, made for this seed (null: any), with `nextDouble()`. */
  readonly random: (seed: number | null) => string
}

/**
 * Generates code that computes an expression for the row at hand. The statements go to `cg`; the result says in which locals the value is.
 */
export const compileExpression = (cg: CodeBuilder, expression: Bound, row: RowAccessor, context: CompileContext): Value =>
  cg.note(compileNode(cg, expression, row, context))

const compileNode = (cg: CodeBuilder, expression: Bound, row: RowAccessor, context: CompileContext): Value => {
  const compile = (e: Bound): Value => compileExpression(cg, e, row, context)
  switch (expression.kind) {
    case 'input':
      return row.column(expression.ordinal)
    case 'literal':
      return literal(cg, expression)
    case 'cast': {
      const child = compile(expression.child)
      return expression.isTry === true ? compileTryCast(cg, child, expression.type) : emitCast(cg, child, expression.type)
    }
    case 'field': {
      const child = compile(expression.child)
      if (child.form !== 'struct') throw new Error('a field of no struct')
      const value = child.fields[expression.index]
      return { ...value, isNull: eitherNull(child.isNull, value.isNull) }
    }
    case 'struct':
      return { form: 'struct', type: expression.type, isNull: 'false', fields: expression.fields.map(compile) }
    case 'case':
      return compileCase(cg, expression, row, context)
    case 'fromJson':
      return compileFromJson(cg, compile(expression.child), expression)
    case 'toJson':
      return compileToJson(cg, compile(expression.child), expression)
    case 'udf':
      return compileUdf(cg, expression, expression.args.map(compile))
    case 'call':
      return compileCall(cg, expression, row, context)
    default:
      return expression satisfies never
  }
}

/** Generates a test: a JS expression that is true when the value is true, and false when it is false or null. */
export const compilePredicate = (cg: CodeBuilder, expression: Bound, row: RowAccessor, context: CompileContext): string => {
  if (expression.kind === 'call' && (expression.name === 'and' || expression.name === 'or')) {
    const [left, right] = expression.args
    const result = cg.fresh('ok')
    cg.line(`let ${result} = ${compilePredicate(cg, left, row, context)}`)
    cg.open(`if (${expression.name === 'and' ? '' : '!'}${result}) {`)
    cg.line(`${result} = ${compilePredicate(cg, right, row, context)}`)
    cg.close()
    return result
  }
  const value = compileExpression(cg, expression, row, context)
  return value.isNull === 'false' ? scalarCode(value) : `(!${value.isNull} && ${scalarCode(value)})`
}

const literal = (cg: CodeBuilder, { value, type }: Extract<Bound, { kind: 'literal' }>): Value => {
  if (value === null) return nullValue(cg, type)
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
    return { form: 'bytes', type, isNull: 'false', buffer: cg.constant(bytes, 's'), offset: '0', length: String(bytes.length) }
  }
  if (type.kind === 'long' || type.kind === 'decimal')
    return { form: 'scalar', type, isNull: 'false', code: bigintLiteral(cg, BigInt(value)) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { form: 'scalar', type, isNull: 'false', code: cg.constant(value) }
  return {
    form: 'scalar',
    type,
    isNull: 'false',
    code: Object.is(value, -0) ? '(-0)' : Number(value) < 0 ? `(${String(value)})` : String(value),
  }
}

/** A negative one is a negation in JavaScript, which allocates each time that it is computed. */
const bigintLiteral = (cg: CodeBuilder, value: bigint): string => (value < 0n ? cg.constant(value) : `${value}n`)

/** A null of some type, with locals that are safe to compute with. */
export const nullValue = (cg: CodeBuilder, type: DataType): Value => {
  switch (type.kind) {
    case 'struct':
      return { form: 'struct', type, isNull: 'true', fields: type.fields.map(f => nullValue(cg, f.type)) }
    case 'string':
    case 'binary':
    case 'array':
    case 'map':
      return { form: 'bytes', type, isNull: 'true', buffer: cg.constant(NOTHING), offset: '0', length: '0' }
    default:
      return { form: 'scalar', type, isNull: 'true', code: zero(type) }
  }
}

const NOTHING = new Uint8Array(0)

/** What an unset local of a type holds. */
export const zero = (type: DataType): string => {
  if (type.kind === 'long' || type.kind === 'decimal') return '0n'
  return type.kind === 'boolean' ? 'false' : '0'
}

/**
 * Locals that branches assign to, declared where the value is wanted. Strings are joined as text if any branch has text, else as bytes.
 */
class Target {
  readonly #cg: CodeBuilder
  readonly type: DataType
  readonly isNull: string
  readonly #names: string[]
  readonly #fields: Target[]

  constructor(cg: CodeBuilder, type: DataType) {
    this.#cg = cg
    this.type = type
    this.isNull = cg.fresh('nul')
    cg.line(`let ${this.isNull} = true`)
    this.#fields = type.kind === 'struct' ? type.fields.map(f => new Target(cg, f.type)) : []
    if (type.kind === 'struct') this.#names = []
    else if (isBytesType(type)) {
      this.#names = [cg.fresh('b'), cg.fresh('o'), cg.fresh('l')]
      cg.line(`let ${this.#names[0]} = ${cg.constant(NOTHING)}, ${this.#names[1]} = 0, ${this.#names[2]} = 0`)
    } else {
      this.#names = [cg.fresh('v')]
      cg.line(`let ${this.#names[0]} = ${type.kind === 'long' ? zeroLong(cg) : zero(type)}`)
    }
  }

  assign(value: Value): void {
    const cg = this.#cg
    cg.line(`${this.isNull} = ${value.isNull}`)
    if (value.form === 'struct') {
      for (const [i, field] of value.fields.entries()) this.#fields[i].assign(field)
    } else if (value.form === 'scalar') {
      cg.line(`${this.#names[0]} = ${value.code}`)
    } else {
      const bytes = value.form === 'bytes' ? value : encodeText(cg, value)
      cg.line(`${this.#names[0]} = ${bytes.buffer}; ${this.#names[1]} = ${bytes.offset}; ${this.#names[2]} = ${bytes.length}`)
    }
  }

  value(): Value {
    const { type, isNull } = this
    if (type.kind === 'struct') return { form: 'struct', type, isNull, fields: this.#fields.map(field => field.value()) }
    const [first, offset, length] = this.#names
    if (isBytesType(type)) return { form: 'bytes', type, isNull, buffer: first, offset, length }
    return { form: 'scalar', type, isNull, code: first }
  }
}

/** A cast that gives null where `cast` fails. Only the cast itself is tried: what its argument throws is thrown. */
const compileTryCast = (cg: CodeBuilder, child: Value, type: DataType): Value => {
  const target = new Target(cg, type)
  cg.open('try {')
  target.assign(emitCast(cg, child, type))
  cg.close('} catch (error) {')
  cg.line(`${cg.constant(rethrowUnlessUser)}(error)`)
  cg.line(`${target.isNull} = true`)
  cg.close()
  return target.value()
}

const rethrowUnlessUser = (error: unknown): void => {
  if (!(error instanceof EngineError)) throw error
}

const encodeText = (cg: CodeBuilder, value: Value): { buffer: string; offset: string; length: string } => {
  const scratch = cg.constant({ encode: (text: string) => new TextEncoder().encode(text) })
  const bytes = cg.fresh('b')
  cg.line(`const ${bytes} = ${scratch}.encode(${asText(cg, value)})`)
  return { buffer: bytes, offset: '0', length: `${bytes}.length` }
}

const isBytesType = (type: DataType): boolean =>
  type.kind === 'string' || type.kind === 'binary' || type.kind === 'array' || type.kind === 'map'

const compileCase = (cg: CodeBuilder, expression: Extract<Bound, { kind: 'case' }>, row: RowAccessor, context: CompileContext): Value => {
  const target = new Target(cg, expression.type)
  // One after the other and not one in the other: any number of branches nests no deeper, and can be cut in parts.
  const label = cg.fresh('case')
  cg.open(`${label}: {`)
  for (const { when, then } of expression.branches) {
    cg.open(`if (${compilePredicate(cg, when, row, context)}) {`)
    target.assign(compileExpression(cg, then, row, context))
    cg.line(`break ${label}`)
    cg.close()
  }
  if (expression.otherwise !== null) target.assign(compileExpression(cg, expression.otherwise, row, context))
  cg.close()
  return target.value()
}

const compileCall = (cg: CodeBuilder, expression: Extract<Bound, { kind: 'call' }>, row: RowAccessor, context: CompileContext): Value => {
  const { name, args, type } = expression
  const compile = (e: Bound): Value => compileExpression(cg, e, row, context)
  switch (name) {
    case 'and':
    case 'or':
      return compileLogical(cg, name, args, row, context)
    case 'coalesce': {
      const target = new Target(cg, type)
      for (const [i, arg] of args.entries()) {
        if (i > 0) cg.open(`if (${target.isNull}) {`)
        target.assign(compile(arg))
        if (i > 0) cg.close()
      }
      return target.value()
    }
    case 'least':
    case 'greatest': {
      // Nulls are left out: the value replaces what is there if nothing is there, or if it is better.
      const target = new Target(cg, type)
      for (const arg of args) {
        const value = compile(arg)
        if (value.isNull !== 'false') cg.open(`if (!${value.isNull}) {`)
        const better = scalarCodes[name === 'least' ? '<' : '>'](cg, { ...expression, args: [arg, arg] }, [
          { ...value, isNull: 'false' },
          { ...target.value(), isNull: 'false' },
        ])
        cg.open(`if (${target.isNull} || ${scalarCode(better)}) {`)
        target.assign(value)
        cg.close()
        if (value.isNull !== 'false') cg.close()
      }
      return target.value()
    }
    case 'currentTimestamp': {
      const now = cg.fresh('now')
      cg.line(`const ${now} = ${context.nowMicros}`)
      return { form: 'scalar', type, isNull: 'false', code: now }
    }
    case 'rand': {
      const [seed] = args
      const value = cg.fresh('r')
      const fixed = seed.kind === 'literal' && seed.value !== null ? Number(seed.value) : null
      cg.line(`const ${value} = ${context.random(fixed)}.nextDouble()`)
      return { form: 'scalar', type, isNull: 'false', code: value }
    }
    default: {
      const emit = scalarCodes[name]
      if (emit === undefined) throw new Error(`no code for ${name}`)
      if (name === 'in' && args.some((arg, i) => i > 0 && mayFail(arg))) return compileLazyIn(cg, expression, compile)
      if (dividing.has(name)) return emit(cg, expression, compileInTurn(cg, [...args].reverse(), compile).reverse())
      if (allOrNull.has(name)) return emit(cg, expression, compileInTurn(cg, args, compile))
      return emit(cg, expression, args.map(compile))
    }
  }
}

/** Calls that are null as soon as an argument is, looked at in turn: then the others are not computed, and so cannot fail. */
const allOrNull = new Set('= < <= > >= + - * contains startswith endswith like substring'.split(' '))

/** These look at the right side first. */
const dividing = new Set(['/', '%', 'div'])

const compileInTurn = (cg: CodeBuilder, args: readonly Bound[], compile: (e: Bound) => Value): Value[] => {
  let isNull = 'false'
  return args.map(arg => {
    let value: Value
    if (isNull === 'false' || !mayFail(arg)) value = compile(arg)
    else {
      const target = new Target(cg, arg.type)
      cg.open(`if (!${isNull}) {`)
      target.assign(compile(arg))
      cg.close()
      value = target.value()
    }
    isNull = eitherNull(isNull, value.isNull)
    return value
  })
}

/** The list of an `in` is computed up to what equals the value, if something in it may fail. */
const compileLazyIn = (cg: CodeBuilder, expression: Extract<Bound, { kind: 'call' }>, compile: (e: Bound) => Value): Value => {
  const { type, args } = expression
  const value = compile(args[0])
  const [found, listNull, isNull] = [cg.fresh('v'), cg.fresh('nul'), cg.fresh('nul')]
  cg.line(`let ${found} = false, ${listNull} = false`)
  for (const [i, arg] of args.slice(1).entries()) {
    cg.open(`if (${i === 0 ? `!${value.isNull}` : `!${value.isNull} && !${found}`}) {`)
    const item = compile(arg)
    const equal = scalarCodes['='](cg, { ...expression, name: '=', args: [args[0], arg] }, [{ ...value, isNull: 'false' }, item])
    cg.line(`if (${equal.isNull}) ${listNull} = true`)
    cg.line(`else ${found} = ${scalarCode(equal)}`)
    cg.close()
  }
  cg.line(`const ${isNull} = ${value.isNull} || (!${found} && ${listNull})`)
  return { form: 'scalar', type, isNull, code: found }
}

/**
 * Three-valued: false and anything is false, true or anything is true, else null counts. The right side runs only if the left does not
 * decide.
 */
const compileLogical = (cg: CodeBuilder, name: 'and' | 'or', args: readonly Bound[], row: RowAccessor, context: CompileContext): Value => {
  const [value, isNull] = [cg.fresh('v'), cg.fresh('nul')]
  const decides = name === 'and' ? '!' : ''
  const left = compileExpression(cg, args[0], row, context)
  const type = left.type
  cg.line(`let ${value} = ${scalarCode(left)}, ${isNull} = ${left.isNull}`)
  cg.open(`if (${isNull} || !(${decides}${value})) {`)
  const right = compileExpression(cg, args[1], row, context)
  const rightDecides = `(!${right.isNull} && ${decides}${scalarCode(right)})`
  cg.line(`if (${rightDecides}) { ${value} = ${name === 'or'}; ${isNull} = false }`)
  cg.line(`else if (!${isNull}) { ${value} = ${scalarCode(right)}; ${isNull} = ${right.isNull} }`)
  cg.close()
  return { form: 'scalar', type, isNull, code: value }
}
