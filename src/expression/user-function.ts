import { parseExpressionAt } from 'acorn'
import { EngineError } from '../base/errors.ts'
import type { FunctionRef } from './expression.ts'
import { type AnyNode, children, declare, isNode } from './syntax-tree.ts'
import { textFunction } from './text-function.ts'

/** A user function as the engine calls it. */
export type UserFunction = (...args: unknown[]) => unknown

/** Names that a function may use although they come from outside: they mean the same on every thread. */
const globals = new Set(
  (
    'undefined NaN Infinity globalThis Object Array Number String Boolean BigInt Symbol Math JSON Date RegExp Map Set WeakMap WeakSet Error TypeError RangeError ' +
    'SyntaxError parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI Intl Uint8Array Int8Array Uint16Array Int16Array ' +
    'Uint32Array Int32Array Float32Array Float64Array BigInt64Array BigUint64Array ArrayBuffer DataView Buffer TextEncoder TextDecoder URL URLSearchParams console ' +
    'structuredClone arguments performance Reflect Proxy'
  ).split(' '),
)

/**
 * Turns a function into plain data that any thread can load: its source, checked by a parser to use nothing from around it but globals and
 * `bindings`. Throws UDF_FREE_VARIABLE (names the variables), UDF_UNSUPPORTED (async, generator, native, uses this or super).
 */
export const captureFunction = (
  fn: UserFunction,
  bindings: Readonly<Record<string, unknown>> = {},
  name = fn.name || 'anonymous',
): FunctionRef => {
  const text = asExpression(sourceOf(fn, name))
  const tree = parse(text, name)
  const free = freeVariables(tree)
  // What bundlers and coverage tools put into function text is harmless; `loadFunction` supplies it.
  const unknown = [...free].filter(variable => !(variable in bindings) && !globals.has(variable) && !isToolHelper(variable))
  if (unknown.length > 0) throw new EngineError('UDF_FREE_VARIABLE', { name, variables: unknown.join(', ') })
  return { kind: 'source', text, bindings }
}

/** Makes the function of a captured one. Module functions are loaded by `preloadFunctions` before. */
export const loadFunction = (ref: FunctionRef): UserFunction => {
  if (ref.kind === 'module') {
    const loaded = modules.get(moduleKey(ref.url, ref.name))
    if (loaded === undefined) throw new EngineError('UDF_NOT_FOUND', { name: ref.name, url: ref.url })
    return loaded
  }
  const names = Object.keys(ref.bindings)
  const helpers = [...freeVariables(parse(ref.text, 'user function'))].filter(isToolHelper).filter(helper => !names.includes(helper))
  const make = textFunction([...names, ...helpers], `return (${ref.text})`) as (...values: unknown[]) => UserFunction
  return make(...names.map(binding => ref.bindings[binding]), ...helpers.map(helperValue))
}

const modules = new Map<string, UserFunction>()
const moduleKey = (url: string, name: string): string => `${url}#${name}`

/**
 * Puts exports of modules where `loadFunction` finds them, on this thread. Called by whoever may wait, before tasks are built. Rejects with
 * UDF_NOT_FOUND.
 */
export const loadModuleFunctions = async (functions: readonly { readonly url: string; readonly name: string }[]): Promise<void> => {
  for (const { url, name } of functions) {
    const fn = (await load(url, name))[name]
    if (typeof fn !== 'function') throw new EngineError('UDF_NOT_FOUND', { name, url })
    modules.set(moduleKey(url, name), fn as UserFunction)
  }
}

const isToolHelper = (name: string): boolean => /^__name\d*$/.test(name) || /^(__)?cov_\w+$/.test(name)

/** esbuild's `__name(fn, 'x')` gives back the function; istanbul's `cov_x()` gives back counters, which count nothing here. */
const helperValue = (name: string): unknown => {
  if (name.startsWith('__name')) return (value: unknown) => value
  const counters: unknown = new Proxy(() => counters, {
    get: (_target, key) => (key === Symbol.toPrimitive ? () => 0 : counters),
    set: () => true,
  })
  return counters
}

const sourceOf = (fn: UserFunction, name: string): string => {
  const text = Function.prototype.toString.call(fn)
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) {
    throw new EngineError('UDF_UNSUPPORTED', { name, reason: 'it is a native or bound function, which has no source' })
  }
  return text
}

const parse = (text: string, name: string): AnyNode => {
  const tree = expressionOf(text)
  if (tree === null || (tree.type !== 'ArrowFunctionExpression' && tree.type !== 'FunctionExpression')) {
    throw new EngineError('UDF_UNSUPPORTED', {
      name,
      reason: 'only arrow functions, function expressions and methods can be sent to other threads',
    })
  }
  if (tree.async === true || tree.generator === true)
    throw new EngineError('UDF_UNSUPPORTED', { name, reason: 'it is async or a generator' })
  return tree
}

const expressionOf = (text: string): AnyNode | null => {
  try {
    return parseExpressionAt(text, 0, { ecmaVersion: 'latest', sourceType: 'module' }) as unknown as AnyNode
  } catch {
    return null
  }
}

/** A method, whose text `twice(x) { … }` is no expression by itself, as a function expression. */
const asExpression = (text: string): string => {
  const inObject = `({ ${text} })`
  const tree =
    text.startsWith('function') || expressionOf(text)?.type.endsWith('FunctionExpression') === true ? null : expressionOf(inObject)
  if (tree === null || tree.type !== 'ObjectExpression') return text
  const [property] = tree.properties as AnyNode[]
  const value = property.value as AnyNode | undefined
  if (property.type !== 'Property' || value?.type !== 'FunctionExpression' || value.async === true || value.generator === true) return text
  // The function of a method begins at its parameters.
  return `function ${inObject.slice(value.start, value.end)}`
}

/** Names that are used but not declared in the function. Blocks share their function's scope, which at worst lets a shadowed name pass. */
const freeVariables = (fn: AnyNode): Set<string> => {
  const free = new Set<string>()
  // Functions of the function, but not its arrows, and classes have a `this` of their own.
  let ownThis = 0
  const visitFunction = (node: AnyNode, outer: ReadonlySet<string>): void => {
    const scope = new Set(outer)
    if (isNode(node.id)) scope.add(String((node.id as AnyNode).name))
    for (const param of node.params as AnyNode[]) declare(param, scope)
    collect(node.body as AnyNode, scope)
    for (const param of node.params as AnyNode[]) visitPattern(param, scope)
    visit(node.body as AnyNode, scope)
  }
  const visitPattern = (pattern: AnyNode, scope: ReadonlySet<string>): void => {
    if (pattern.type === 'AssignmentPattern') visit(pattern.right as AnyNode, scope)
    else if (pattern.type !== 'Identifier') visit(pattern, scope)
  }
  const visit = (node: AnyNode, scope: ReadonlySet<string>): void => {
    switch (node.type) {
      case 'Identifier':
        if (!scope.has(String(node.name))) free.add(String(node.name))
        return
      case 'ThisExpression':
      case 'Super':
        if (ownThis === 0) free.add(node.type === 'Super' ? 'super' : 'this')
        return
      case 'ClassBody':
        ownThis++
        for (const child of children(node)) visit(child, scope)
        ownThis--
        return
      case 'ArrowFunctionExpression':
        visitFunction(node, scope)
        return
      case 'FunctionExpression':
      case 'FunctionDeclaration':
        ownThis++
        visitFunction(node, scope)
        ownThis--
        return
      case 'MemberExpression':
        visit(node.object as AnyNode, scope)
        if (node.computed === true) visit(node.property as AnyNode, scope)
        return
      case 'Property':
      case 'PropertyDefinition':
      case 'MethodDefinition':
        if (node.computed === true) visit(node.key as AnyNode, scope)
        if (isNode(node.value)) visit(node.value, scope)
        return
      case 'LabeledStatement':
        visit(node.body as AnyNode, scope)
        return
      case 'BreakStatement':
      case 'ContinueStatement':
        return
      default:
        for (const child of children(node)) visit(child, scope)
    }
  }
  visitFunction(fn, new Set())
  return free
}

/** Adds the names that statements declare, not going into nested functions. */
const collect = (node: AnyNode, scope: Set<string>): void => {
  if (node.type === 'VariableDeclarator') declare(node.id as AnyNode, scope)
  if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') declare(node.id as AnyNode, scope)
  if (node.type === 'CatchClause' && isNode(node.param)) declare(node.param, scope)
  if (node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression') return
  for (const child of children(node)) collect(child, scope)
}

/** What a module exports. One that is not there, or that throws as it is loaded, has no function either; the cause says which. */
const load = async (url: string, name: string): Promise<Record<string, unknown>> => {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    throw new EngineError('UDF_NOT_FOUND', { name, url }, error)
  }
}
