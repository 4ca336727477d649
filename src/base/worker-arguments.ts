const FLAG = '--no-experimental-require-module'

/**
 * Node's options for worker threads of a Piscina pool: this process's own, and no `require` of ES modules. Piscina tries that before `import`, and a thread that is ended
 * while it is in the middle takes the whole process down with it (Node 20: `IsGraphAsync must be used on an instantiated module`).
 */
export const workerArguments = (): string[] => [...process.execArgv, ...(process.allowedNodeEnvironmentFlags.has(FLAG) ? [FLAG] : [])]
