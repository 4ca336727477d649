import { type Holder, type SplitLimits, splitFunction } from './split-function.ts'
import { textFunction } from './text-function.ts'
import type { Value } from './value.ts'

/**
 * Text of one generated function, with fresh names and a table of constants. User text never enters the source: literals go through
 * `constant` or `JSON.stringify`.
 */
export class CodeBuilder {
  readonly constants: unknown[] = []
  readonly #names: string[] = []
  readonly #lines: string[] = []
  readonly #known = new Map<unknown, string>()
  readonly #holders = new Map<string, Holder>()
  readonly #limits: SplitLimits | undefined
  #depth = 0
  #serial = 0

  /** `limits`: from what size on a function is cut in parts; tests take small ones. */
  constructor(limits?: SplitLimits) {
    this.#limits = limits
  }

  /** How many blocks are open. An accessor caches a column only at the depth at which its row began. */
  get depth(): number {
    return this.#depth
  }

  /** Appends one statement or a piece of one. */
  line(text: string): void {
    this.#lines.push('  '.repeat(this.#depth) + text)
  }

  /** `open('if (x) {')` … `close()` or `close('} else {')` followed by another close. */
  open(text: string): void {
    this.line(text)
    this.#depth++
  }

  close(text = '}'): void {
    this.#depth--
    this.line(text)
    if (text.endsWith('{')) this.#depth++
  }

  /** A name that nothing else in this function has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#serial++}`
  }

  /** The name under which generated code finds a value that was made outside it. The same value gets the same name. */
  constant(value: unknown, prefix = 'k'): string {
    const known = this.#known.get(value)
    if (known !== undefined) return known
    const name = this.fresh(`${prefix}$`)
    this.constants.push(value)
    this.#names.push(name)
    this.#known.set(value, name)
    return name
  }

  /** Tells what kind of JS value a local holds. Only needed so that a function which is cut in parts moves it without an allocation. */
  holds(holder: Holder, ...locals: string[]): void {
    for (const local of locals) this.#holders.set(local, holder)
  }

  /** The same for the locals of a value. Returns the value. */
  note<V extends Value>(value: V): V {
    this.holds('boolean', value.isNull)
    if (value.form === 'struct') for (const field of value.fields) this.note(field)
    else if (value.form === 'bytes') this.holds('number', value.offset, value.length)
    else if (value.form === 'scalar') {
      const { kind } = value.type
      if (kind === 'boolean') this.holds('boolean', value.code)
      else if (kind === 'long') this.holds('long', value.code)
      // A decimal may be beyond 64 bits until it has been checked, which is in the next statement.
      else if (kind !== 'decimal') this.holds('number', value.code)
    }
    return value
  }

  /** The statements so far. */
  body(): string {
    return this.#lines.join('\n')
  }

  /** Compiles `(…parameters) => body`, its constants bound; a large one in parts. Throws EvalError where code generation is forbidden. */
  build(name: string, parameters: readonly string[]): GeneratedFunction {
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new Error(`${name} is no name for a function`)
    const whole = this.body()
    const split = splitFunction(whole, parameters, this.#holders, (value, prefix) => this.constant(value, prefix), this.#limits)
    // The constants are const, so that V8, which knows they never change, compiles them in rather than look them up.
    // In parentheses, V8 compiles it now and not when the first row comes, which would wait a fifth of a millisecond for it.
    const source = `${split?.around ?? ''}\nreturn (function ${name}(${parameters.join(', ')}) {\n${split?.body ?? whole}\n})`.trimStart()
    const make = textFunction(['constants'], `const [${this.#names.join(', ')}] = constants\n${source}`) as (
      constants: readonly unknown[],
    ) => (...args: never[]) => unknown
    return { source, call: make(this.constants) }
  }
}

export interface GeneratedFunction {
  readonly source: string
  readonly call: (...args: never[]) => unknown
}
