import { dirname, join, normalize } from 'node:path'

/** Rules of the house, as pure functions of the files' texts, by path from the repository's top. Each answers with what breaks it. */
export type Files = ReadonlyMap<string, string>

/** Each imports only from itself and those before it. `src/index.ts` and `src/testing` stand above all of them. */
const LAYERS = ['base', 'record', 'expression', 'plan', 'state', 'operator', 'connector', 'runtime', 'coordinator', 'api', 'cli'] as const

const BUFFERS = 'native-free-buffers/'
const isCode = (path: string): boolean => /\.(ts|js|mjs)$/.test(path)

const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
const withoutComments = (text: string): string => text.replace(TOKENS, token => (token.startsWith('/') ? ' ' : token))
/** Code without comments and without what stands in quotes. */
const bareCode = (text: string): string =>
  text.replace(TOKENS, token => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : `''${token.replace(/[^\n]/g, '')}`))

/** Modules that a file names: imports, exports from, dynamic imports, and files that are started by `new URL`. */
const importsOf = (text: string): string[] => {
  const code = withoutComments(text)
  const patterns = [
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /\bnew URL\(\s*['"]([^'"]+)['"]\s*,\s*import\.meta\.url/g,
  ]
  return patterns.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[1]))
}

/** The file behind a relative import. Workers are named as the `.js` that they become. */
const targetOf = (path: string, module: string): string => normalize(join(dirname(path), module)).replace(/\.js$/, '.ts')

const layerOf = (path: string): number => {
  const match = /^src\/([\w-]+)\//.exec(path)
  return match === null || match[1] === 'testing' ? LAYERS.length : (LAYERS as readonly string[]).indexOf(match[1])
}

/** Imports that go upward, and folders that are no layer. */
export const upwardImports = (files: Files): string[] => {
  const wrong: string[] = []
  for (const [path, text] of files) {
    if (!path.startsWith('src/')) continue
    const layer = layerOf(path)
    if (layer < 0) wrong.push(`${path}: its folder is no layer`)
    for (const module of importsOf(text)) {
      const target = targetOf(path, module)
      if (module.startsWith('.') && target.startsWith('src/') && layerOf(target) > layer)
        wrong.push(`${path}: imports ${target}, a layer above`)
    }
  }
  return wrong
}

/** `native-free-buffers` is reached by its package name alone, and reaches nothing outside itself but Node. */
export const leakyPackages = (files: Files): string[] => {
  const wrong: string[] = []
  for (const [path, text] of files) {
    if (!isCode(path)) continue
    const inside = path.startsWith(BUFFERS)
    for (const module of importsOf(text)) {
      const target = module.startsWith('.') ? targetOf(path, module) : null
      if (inside) {
        const isOwn = target === null ? module.startsWith('node:') : target.startsWith(BUFFERS)
        if (!isOwn) wrong.push(`${path}: imports ${module} from outside its package`)
      } else if (path.startsWith('src/')) {
        if (target?.startsWith(BUFFERS) || module.startsWith('native-free-buffers/'))
          wrong.push(`${path}: imports ${module}, not the package native-free-buffers`)
        if (target !== null && !target.startsWith('src/') && !target.startsWith('dist/'))
          wrong.push(`${path}: imports ${module} from outside src`)
      }
    }
  }
  return wrong
}

/** Files of `src` that no entry leads to, and files of `src/testing` that not even a test leads to. */
export const deadFiles = (files: Files, entries: readonly string[]): string[] => {
  const reach = (from: readonly string[]): Set<string> => {
    const seen = new Set(from)
    for (const path of seen) {
      for (const module of importsOf(files.get(path) ?? '')) {
        const target = targetOf(path, module)
        if (module.startsWith('.') && files.has(target)) seen.add(target)
      }
    }
    return seen
  }
  const used = reach(entries)
  const tested = reach([...entries, ...[...files.keys()].filter(path => /^(test|bench)\//.test(path))])
  return [...files.keys()]
    .filter(path => path.startsWith('src/') && !(path.startsWith('src/testing/') ? tested : used).has(path))
    .map(path => `${path}: nothing leads to it`)
}

/** Functions, classes and constants that are exported for nobody, and types that nothing names, not even their own file. */
export const idleExports = (files: Files): string[] => {
  const users = new Map<string, Set<string>>()
  for (const [path, text] of files) {
    if (!isCode(path)) continue
    for (const [word] of text.matchAll(/[\w$]+/g)) users.set(word, (users.get(word) ?? new Set()).add(path))
  }
  const wrong: string[] = []
  for (const [path, text] of files) {
    for (const [, kind, name] of text.matchAll(/^export (?:abstract |async )*(const|let|function|class|interface|type) ([\w$]+)/gm)) {
      const isAlone = users.get(name)?.size === 1
      const isType = kind === 'interface' || kind === 'type'
      // An exported function may speak of a type of its own file.
      const isNamed = isType && text.replace(TOKENS, ' ').split(new RegExp(`\\b${name.replaceAll('$', '\\$')}\\b`)).length > 2
      if (isAlone && !isNamed) wrong.push(`${path}: exports ${name} for nobody`)
    }
  }
  return wrong
}

/** Comments with a line that ends in mid-sentence long before the margin, as searching and replacing leaves them. */
export const raggedComments = (files: Files): string[] =>
  [...files].flatMap(([path, text]) => {
    const lines = isCode(path) ? text.split('\n') : []
    return lines.flatMap((line, i) => {
      const isInMidSentence = /^\s*(\/\/|\*) [^|│└┌]*[\p{L}\d,)`]$/u.test(line) && !/ {2}/.test(line.trim())
      const [, next] = /^\s*(?:\/\/|\*) (\p{Ll}\S*)/u.exec(lines[i + 1] ?? '') ?? []
      return isInMidSentence && next !== undefined && line.length + next.length < RAGGED_WIDTH ? [`${path}:${i + 1}: ${line.trim()}`] : []
    })
  })

/** What was left lying about: notes to oneself, prints, tests that keep others from running. */
export const leftovers = (files: Files, mayPrint: readonly RegExp[]): string[] => {
  const wrong: string[] = []
  for (const [path, text] of files) {
    if (!isCode(path)) continue
    const report = (code: string, pattern: RegExp): void => {
      code.split('\n').forEach((line, i) => {
        const match = pattern.exec(line)
        if (match !== null) wrong.push(`${path}:${i + 1}: ${match[0]}`)
      })
    }
    // In two halves, so that this file does not report itself.
    report(text, new RegExp(`\\b(${'TO'}${'DO'}|${'FIX'}${'ME'}|${'XX'}X|${'HA'}CK)\\b`))
    const code = bareCode(text)
    report(code, /\bdebugger\b/)
    if (!mayPrint.some(pattern => pattern.test(path))) report(code, /\bconsole\.\w+/)
    if (/\.test\.ts$/.test(path)) report(code, /\b(test|it|describe)\.(only|todo|skip)\b(?=\()/)
  }
  return wrong
}

const LINE_WIDTH = 140
/** Well below the width of a line: where a comment is broken is a matter of taste, but for lines like stumps. */
const RAGGED_WIDTH = 110

/** Texts, which the formatter does not break either. */
const TEXTS = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g

/** Lines of code that are too long to be read beside another file; texts do not count. */
export const longLines = (files: Files, mayBeLong: readonly RegExp[]): string[] =>
  [...files].flatMap(([path, text]) =>
    isCode(path) && !mayBeLong.some(pattern => pattern.test(path))
      ? text
          .split('\n')
          .flatMap((line, i) => (line.replace(TEXTS, '').length > LINE_WIDTH ? [`${path}:${i + 1}: ${line.length} characters`] : []))
      : [],
  )

/** Links and file names in the documents that lead nowhere. `exists` also answers for folders. */
export const brokenLinks = (files: Files, exists: (path: string) => boolean): string[] => {
  const wrong: string[] = []
  for (const [path, text] of files) {
    if (!path.endsWith('.md')) continue
    const prose = text.replace(/^```[\s\S]*?^```/gm, '')
    for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:|#)/.test(link)) continue
      const [file, anchor] = link.split('#')
      const target = normalize(join(dirname(path), file)).replace(/\/$/, '')
      if (!exists(target)) wrong.push(`${path}: there is no ${link}`)
      else if (anchor !== undefined && !anchorsOf(files.get(target) ?? '').has(anchor)) wrong.push(`${path}: there is no heading ${link}`)
    }
    for (const [, name] of prose.matchAll(/`((?:src|test|bench|docs|examples|native-free-buffers)\/[\w./-]+)`/g)) {
      // From the top, or from the package that the document belongs to.
      if (![name, join(dirname(path), name)].some(named => exists(named.replace(/\/$/, '')))) wrong.push(`${path}: there is no ${name}`)
    }
  }
  return wrong
}

/** Headings as GitHub makes anchors of them. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replace(/ /g, '-'),
    ),
  )

/** Where a word of the code may stand: by path, with the reason. */
export type Allowance = Readonly<Record<string, string>>

/**
 * Words that stand in code of `src` outside the files allowed, and files allowed for nothing. `describe` of a connector is called by the
 * coordinator and may wait.
 */
export const misplaced = (files: Files, word: RegExp, allowed: Allowance): string[] => {
  const wrong: string[] = []
  const isAllowed = (path: string): boolean =>
    Object.keys(allowed).some(known => (known.endsWith('/') ? path.startsWith(known) : path === known))
  const used = new Set<string>()
  for (const [path, text] of files) {
    if (!path.startsWith('src/')) continue
    const code = bareCode(text).replace(/\bdescribe(: async\b|\([^)]*\): Promise\b)/g, '')
    code.split('\n').forEach((line, i) => {
      const match = word.exec(line)
      if (match === null) return
      used.add(path)
      if (!isAllowed(path)) wrong.push(`${path}:${i + 1}: ${match[0]}`)
    })
  }
  for (const known of Object.keys(allowed)) {
    if (![...used].some(path => path.startsWith(known))) wrong.push(`${known}: allowed, but not needed`)
  }
  return wrong
}

/** Error codes that nothing throws. */
export const idleCodes = (files: Files, codes: readonly string[], table: string): string[] => {
  const source = [...files].filter(([path]) => path.startsWith('src/') && path !== table).map(([, text]) => withoutComments(text))
  return codes.filter(code => !source.some(text => text.includes(`'${code}'`)))
}

/** Names of a table that do not stand in order within their block; a comment line begins a block. */
export const unsortedCodes = (text: string): string[] => {
  const wrong: string[] = []
  let last = ''
  for (const line of text.split('\n')) {
    if (/^ {2}\/\//.test(line)) last = ''
    const [, code] = /^ {2}([A-Z][A-Z_0-9]+): \{/.exec(line) ?? []
    if (code === undefined) continue
    if (code < last) wrong.push(`${code} stands after ${last}`)
    last = code
  }
  return wrong
}

/** Dependencies that no file of `src` names, and packages that a file names and `package.json` does not. */
export const dependencyGaps = (files: Files, dependencies: readonly string[]): string[] => {
  const sources = [...files].filter(([path]) => path.startsWith('src/'))
  const named = new Set(sources.flatMap(([, text]) => importsOf(text).filter(module => !/^(\.|node:)/.test(module))))
  const isNamed = (name: string): boolean => named.has(name) || sources.some(([, text]) => withoutComments(text).includes(`'${name}'`))
  return [
    ...dependencies.filter(name => !isNamed(name)).map(name => `${name}: a dependency that nothing uses`),
    ...[...named].filter(name => !dependencies.includes(name)).map(name => `${name}: used, but no dependency`),
  ]
}
