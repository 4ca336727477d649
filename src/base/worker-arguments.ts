const FLAG = '--no-experimental-require-module'

/**
 * Options that say how modules are found and loaded: a thread needs them too. Those of V8 and of the process are refused by `new Worker`,
 * and hold for it anyway.
 */
const LOADING =
  /^(--import|--require|-r|--loader|--experimental-loader|--conditions|-C|--enable-source-maps|--experimental-strip-types)(=|$)/
const WITHOUT_VALUE = /^(--enable-source-maps|--experimental-strip-types)$|=/

/** The options of `execArgv` that are a thread's as well. */
export const threadOptions = (execArgv: readonly string[]): string[] => {
  const kept: string[] = []
  for (let i = 0; i < execArgv.length; i++) {
    if (!LOADING.test(execArgv[i])) continue
    kept.push(execArgv[i])
    if (!WITHOUT_VALUE.test(execArgv[i]) && i + 1 < execArgv.length) kept.push(execArgv[++i])
  }
  return kept
}

/**
 * Node's options for the threads of a Piscina pool: this process's own, and no `require` of ES modules. Piscina tries that before `import`,
 * and a thread that is ended while it is in the middle takes the whole process down with it (Node 20: `IsGraphAsync must be used on an
 * instantiated module`).
 */
export const workerArguments = (): string[] => [
  ...threadOptions(process.execArgv),
  ...(process.allowedNodeEnvironmentFlags.has(FLAG) ? [FLAG] : []),
]
