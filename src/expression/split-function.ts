import { parse } from 'acorn'
import { type AnyNode, children, declare, isNode } from './syntax-tree.ts'

/**
 * V8 optimises no function of more than 60 KB of bytecode, which is some 100,000 characters of ours, and runs it some 50 times slower. A
 * body above `SPLIT_FROM` is cut: runs of statements become functions of their own, of about `PART_CHARACTERS`.
 */
const SPLIT_FROM = 40_000
const PART_CHARACTERS = 8_000
/** A call, and moving what crosses it, costs more than a few statements. */
const PART_LEAST = 1_000

/** What kind of JS value a local holds. A double or a bigint that crosses functions as itself would be an allocation. */
export type Holder = 'number' | 'long' | 'boolean'

export interface SplitLimits {
  readonly from: number
  readonly part: number
  readonly least: number
}

export interface SplitFunction {
  /** The body, with calls in the place of what was cut out. */
  readonly body: string
  /** Variables and functions to stand around the function. */
  readonly around: string
}

/**
 * Cuts the body of a generated function. Names are what ties the parts together: a local that crosses from one into another goes through a
 * typed array if its holder is known, as an argument if it only goes in, else through a variable around the functions. A `continue`, `break`
 * or `return` that leaves a part becomes a number that the part returns. Returns null if the body is small, or is one piece.
 * `constant` gives the name of an object that is made here.
 */
export const splitFunction = (
  body: string,
  parameters: readonly string[],
  holders: ReadonlyMap<string, Holder>,
  constant: (value: unknown, prefix: string) => string,
  limits: SplitLimits = { from: SPLIT_FROM, part: PART_CHARACTERS, least: PART_LEAST },
): SplitFunction | null => {
  if (body.length < limits.from) return null
  const head = `(${parameters.join(', ')}) => {\n`
  const text = `${head}${body}\n}`
  const program = parse(text, { ecmaVersion: 'latest' }) as unknown as AnyNode
  const arrow = ((program.body as AnyNode[])[0].expression as AnyNode).body as AnyNode
  const names = new NameTable(arrow, parameters)
  const parts: Part[] = []
  cut(arrow.body as AnyNode[], names, limits, parts)
  if (parts.length === 0) return null
  return new Assembly(text, arrow, parameters, names, parts, holders, constant).finish(head.length)
}

/** Statements that become a function. In the order of the text, which is that of their ids. */
interface Part {
  readonly id: number
  readonly statements: readonly AnyNode[]
  readonly start: number
  readonly end: number
  readonly jumps: readonly AnyNode[]
}

/** Which names the function declares. One that is declared twice means different things at different places, and does not cross. */
class NameTable {
  readonly #declared = new Map<string, number>()

  constructor(root: AnyNode, parameters: readonly string[]) {
    for (const parameter of parameters) this.#add(parameter)
    this.#collect(root)
  }

  has(name: string): boolean {
    return this.#declared.has(name)
  }

  isAmbiguous(name: string): boolean {
    return (this.#declared.get(name) ?? 0) > 1
  }

  #add(name: string): void {
    this.#declared.set(name, (this.#declared.get(name) ?? 0) + 1)
  }

  #collect(node: AnyNode): void {
    if (isDeclaring(node)) for (const name of declaredBy(node)) this.#add(name)
    for (const child of children(node)) this.#collect(child)
  }
}

const isDeclaring = ({ type }: AnyNode): boolean => type === 'VariableDeclarator' || type === 'CatchClause'

const declaredBy = (node: AnyNode): Set<string> => {
  const names = new Set<string>()
  if (node.type === 'VariableDeclarator') declare(node.id as AnyNode, names)
  if (node.type === 'CatchClause' && isNode(node.param)) declare(node.param, names)
  return names
}

/** What a statement does with names and jumps. */
interface Use {
  /** Declared anywhere in it. */
  readonly declared: Set<string>
  readonly used: Set<string>
  readonly assigned: Set<string>
  /** Jumps to places outside. */
  readonly jumps: AnyNode[]
  /** It has to stay where it is. */
  stays: boolean
}

const loops = new Set(['WhileStatement', 'DoWhileStatement', 'ForStatement', 'ForOfStatement', 'ForInStatement'])

const useOf = (statements: readonly AnyNode[]): Use => {
  const use: Use = { declared: new Set(), used: new Set(), assigned: new Set(), jumps: [], stays: false }
  const visit = (node: AnyNode, inLoop: boolean, inSwitch: boolean, labels: readonly string[]): void => {
    if (isDeclaring(node)) for (const name of declaredBy(node)) use.declared.add(name)
    switch (node.type) {
      case 'Identifier':
        use.used.add(String(node.name))
        return
      case 'MemberExpression':
        visit(node.object as AnyNode, inLoop, inSwitch, labels)
        if (node.computed === true) visit(node.property as AnyNode, inLoop, inSwitch, labels)
        return
      case 'Property':
        if (node.computed === true) visit(node.key as AnyNode, inLoop, inSwitch, labels)
        visit(node.value as AnyNode, inLoop, inSwitch, labels)
        return
      case 'AssignmentExpression':
        declare(node.left as AnyNode, use.assigned)
        break
      case 'UpdateExpression':
        declare(node.argument as AnyNode, use.assigned)
        break
      case 'LabeledStatement':
        visit(node.body as AnyNode, inLoop, inSwitch, [...labels, String((node.label as AnyNode).name)])
        return
      case 'ContinueStatement':
      case 'BreakStatement': {
        const stops = node.type === 'BreakStatement' && inSwitch
        const inside = isNode(node.label) ? labels.includes(String(node.label.name)) : inLoop || stops
        if (!inside) use.jumps.push(node)
        return
      }
      case 'ReturnStatement':
        if (node.argument === null) use.jumps.push(node)
        else use.stays = true
        break
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
      case 'FunctionDeclaration':
      case 'ThisExpression':
        use.stays = true
        return
      default:
    }
    const isLoop = loops.has(node.type)
    for (const child of children(node)) visit(child, inLoop || isLoop, isLoop ? false : inSwitch || node.type === 'SwitchStatement', labels)
  }
  for (const statement of statements) visit(statement, false, false, [])
  return use
}

/** Finds what to cut out of a list of statements. One that is too large stays, and is cut inside. */
const cut = (statements: readonly AnyNode[], names: NameTable, limits: SplitLimits, parts: Part[]): void => {
  const uses = statements.map(statement => useOf([statement]))
  const lastUse = new Map<string, number>()
  for (const [i, { used, declared }] of uses.entries()) for (const name of [...used, ...declared]) lastUse.set(name, i)
  const live = liveBehind(uses, lastUse)
  const foreign = ({ used, declared }: Use): boolean => [...used].some(name => names.isAmbiguous(name) && !declared.has(name))
  const open = ({ declared }: Use, i: number): boolean =>
    [...declared].some(name => names.isAmbiguous(name) && (lastUse.get(name) ?? i) > i)
  let from = 0
  const close = (to: number): void => {
    while (from < to) {
      const end = choosePart(statements, from, to, live, limits.part)
      const list = statements.slice(from, end)
      const [start, stop] = [list[0].start, list[list.length - 1].end]
      if (stop - start >= limits.least) parts.push({ id: parts.length, statements: list, start, end: stop, jumps: useOf(list).jumps })
      from = end
    }
  }
  for (const [i, statement] of statements.entries()) {
    const use = uses[i]
    const isLarge = statement.end - statement.start > limits.part
    if (!isLarge && !use.stays && !foreign(use) && !open(use, i)) continue
    close(i)
    from = i + 1
    if (isLarge) for (const list of listsIn(statement)) cut(list, names, limits, parts)
  }
  close(statements.length)
}

/** How many locals are needed behind each statement that were declared before. */
const liveBehind = (uses: readonly Use[], lastUse: ReadonlyMap<string, number>): number[] => {
  const ending = new Map<number, number>()
  let count = 0
  return uses.map(({ declared }, i) => {
    for (const name of declared) {
      const last = lastUse.get(name) ?? i
      if (last <= i) continue
      count++
      ending.set(last, (ending.get(last) ?? 0) + 1)
    }
    count -= ending.get(i) ?? 0
    return count
  })
}

/** Where a part that begins at `from` ends: of the possible places, that across which the fewest locals are needed. */
const choosePart = (statements: readonly AnyNode[], from: number, to: number, live: readonly number[], most: number): number => {
  const { start } = statements[from]
  if (statements[to - 1].end - start <= most) return to
  let best = from + 1
  for (let i = from; i < to && statements[i].end - start <= most; i++) {
    if (statements[i].end - start < 0.6 * most || live[i] <= live[best - 1]) best = i + 1
  }
  return best
}

/** The lists of statements inside a statement. */
const listsIn = (node: AnyNode): AnyNode[][] => {
  if (node.type === 'BlockStatement') return [node.body as AnyNode[]]
  if (node.type === 'SwitchCase') return [node.consequent as AnyNode[]]
  return children(node).flatMap(listsIn)
}

/** An edit of the text: what stands from `start` to `end` is replaced. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const MAIN = -1

class Assembly {
  readonly #text: string
  readonly #names: NameTable
  readonly #parts: readonly Part[]
  readonly #uses: readonly Use[]
  readonly #holders: ReadonlyMap<string, Holder>
  readonly #constant: (value: unknown, prefix: string) => string
  /** The functions in which a name is used, or declared. */
  readonly #places = new Map<string, Set<number>>()
  readonly #slots = new Map<string, { read: string; write: string }>()
  readonly #around: string[] = []
  readonly #arrays: Readonly<Record<Holder, string[]>> = { number: [], long: [], boolean: [] }
  readonly #arrayNames: Readonly<Record<Holder, string>>

  constructor(
    text: string,
    root: AnyNode,
    parameters: readonly string[],
    names: NameTable,
    parts: readonly Part[],
    holders: ReadonlyMap<string, Holder>,
    constant: (value: unknown, prefix: string) => string,
  ) {
    this.#text = text
    this.#names = names
    this.#parts = parts
    this.#holders = holders
    this.#constant = constant
    this.#uses = parts.map(({ statements }) => useOf(statements))
    // Constants of their own, which are made when it is known how many slots there are.
    this.#arrayNames = { number: 'crossF', long: 'crossL', boolean: 'crossB' }
    for (const parameter of parameters) this.#note(parameter, MAIN)
    const visit = (node: AnyNode): void => {
      // Properties are noted with the rest: a name that only seems to cross costs little.
      if (node.type === 'Identifier') this.#note(String(node.name), this.#placeOf(node))
      for (const child of children(node)) visit(child)
    }
    visit(root)
  }

  finish(skipCharacters: number): SplitFunction {
    const edits: Edit[] = []
    const functions: string[] = []
    for (const part of this.#parts) {
      const { call, source } = this.#compose(part)
      edits.push({ start: part.start, end: part.end, text: call })
      functions.push(source)
    }
    const body = applyEdits(this.#text, 0, this.#text.length, edits).slice(skipCharacters, -2)
    return { body, around: [...this.#declareSlots(), ...functions].join('\n') }
  }

  #placeOf({ start }: AnyNode): number {
    let [low, high] = [0, this.#parts.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#parts[middle].end <= start) low = middle + 1
      else high = middle
    }
    return low < this.#parts.length && this.#parts[low].start <= start ? low : MAIN
  }

  #note(name: string, place: number): void {
    if (!this.#names.has(name)) return
    let places = this.#places.get(name)
    if (places === undefined) {
      places = new Set()
      this.#places.set(name, places)
    }
    places.add(place)
  }

  #compose(part: Part): { call: string; source: string } {
    const use = this.#uses[part.id]
    const isIn = (name: string): boolean => this.#names.has(name) && !use.declared.has(name)
    const inputs = [...use.used].filter(isIn)
    const changed = inputs.filter(name => use.assigned.has(name))
    const outputs = [...use.declared].filter(name => !this.#names.isAmbiguous(name) && (this.#places.get(name)?.size ?? 0) > 1)
    const inMain = (name: string): boolean => this.#places.get(name)?.has(MAIN) === true
    // What the function around holds goes in as an argument, unless that would make V8 box it.
    const isArgument = (name: string): boolean => inMain(name) && (this.#holders.get(name) ?? 'boolean') === 'boolean'
    const slotOf = (name: string) => this.#slot(name)
    const args = inputs.filter(isArgument)
    const stored = inputs.filter(name => !isArgument(name))
    const jumpTexts = [...new Set(part.jumps.map(jump => this.#slice(jump.start, jump.end)))]
    const saveChanged = changed.map(name => slotOf(name).write)
    const edits = part.jumps.map(jump => {
      const code = jumpTexts.indexOf(this.#slice(jump.start, jump.end)) + 1
      return { start: jump.start, end: jump.end, text: `{ ${[...saveChanged, `return ${code}`].join('; ')} }` }
    })
    const name = `part${part.id}`
    const lines = [
      `function ${name}(${args.join(', ')}) {`,
      ...(stored.length > 0 ? [`let ${stored.map(input => `${input} = ${slotOf(input).read}`).join(', ')}`] : []),
      applyEdits(this.#text, part.start, part.end, edits),
      ...[...saveChanged, ...outputs.map(output => slotOf(output).write)],
      ...(jumpTexts.length > 0 ? ['return 0'] : []),
      '}',
    ]
    const result = `${name}Jump`
    const call = [
      ...stored.filter(inMain).map(input => slotOf(input).write),
      jumpTexts.length > 0 ? `const ${result} = ${name}(${args.join(', ')})` : `${name}(${args.join(', ')})`,
      ...changed.filter(inMain).map(input => `${input} = ${slotOf(input).read}`),
      ...jumpTexts.map((jump, i) => `if (${result} === ${i + 1}) ${jump}`),
      ...outputs.filter(inMain).map(output => `let ${output} = ${slotOf(output).read}`),
    ]
    return { call: `${call.join('\n')}\n`, source: lines.join('\n') }
  }

  /** Where a local lives while it crosses. */
  #slot(name: string): { read: string; write: string } {
    const known = this.#slots.get(name)
    if (known !== undefined) return known
    const holder = this.#holders.get(name)
    let slot: { read: string; write: string }
    if (holder === undefined) {
      const outer = `cross_${name}`
      this.#around.push(outer)
      slot = { read: outer, write: `${outer} = ${name}` }
    } else {
      const cells = this.#arrays[holder]
      const cell = `${this.#arrayNames[holder]}[${cells.length}]`
      cells.push(name)
      slot =
        holder === 'boolean' ? { read: `${cell} === 1`, write: `${cell} = ${name} ? 1 : 0` } : { read: cell, write: `${cell} = ${name}` }
    }
    this.#slots.set(name, slot)
    return slot
  }

  #declareSlots(): string[] {
    const { number, long, boolean } = this.#arrays
    const declared = (name: string, value: unknown): string => `const ${name} = ${this.#constant(value, name)}`
    return [
      ...(number.length > 0 ? [declared(this.#arrayNames.number, new Float64Array(number.length))] : []),
      ...(long.length > 0 ? [declared(this.#arrayNames.long, new BigInt64Array(long.length))] : []),
      ...(boolean.length > 0 ? [declared(this.#arrayNames.boolean, new Uint8Array(boolean.length))] : []),
      ...(this.#around.length > 0 ? [`let ${this.#around.join(', ')}`] : []),
    ]
  }

  #slice(start: number, end: number): string {
    return this.#text.slice(start, end)
  }
}

const applyEdits = (text: string, from: number, to: number, edits: readonly Edit[]): string => {
  const pieces: string[] = []
  let at = from
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    pieces.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  pieces.push(text.slice(at, to))
  return pieces.join('')
}
