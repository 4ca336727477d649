/**
 * Text of one generated function, with fresh names and a table of constants. User text never enters the source: literals go through
 * `constant` or `JSON.stringify`.
 */
export class CodeBuilder {
  readonly constants: unknown[] = []
  readonly #names: string[] = []
  readonly #lines: string[] = []
  readonly #known = new Map<unknown, string>()
  #depth = 0
  #serial = 0

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

  /** The statements so far. */
  body(): string {
    return this.#lines.join('\n')
  }

  /** Compiles `(…parameters) => body`, its constants bound. Throws EvalError where code generation is forbidden. */
  build(name: string, parameters: readonly string[]): GeneratedFunction {
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new Error(`${name} is no name for a function`)
    const source = `return function ${name}(${parameters.join(', ')}) {\n${this.body()}\n}`
    const make = new Function(...this.#names, source) as (...values: unknown[]) => (...args: never[]) => unknown
    return { source, call: make(...this.constants) }
  }
}

export interface GeneratedFunction {
  readonly source: string
  readonly call: (...args: never[]) => unknown
}
