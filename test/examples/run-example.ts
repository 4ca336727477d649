import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Running {
  /** Everything printed so far, both streams. */
  output(): string
  /** Resolves with the output when a text has been printed; rejects with the output if the program ends before. */
  printed(text: string): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Resolves when the program has ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** Starts a built example as a user would. It does not outlive its test. */
export const startExample = (path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Running => {
  const child = spawn(process.execPath, [`dist-examples/${path}`, ...args], { cwd: ROOT, env: { ...process.env, ...env }, stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  const listeners = new Set<() => void>()
  const hear = (chunk: Buffer): void => {
    output += chunk
    for (const listener of listeners) listener()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => child.on('close', (code, signal) => resolve(signal ?? code)))
  return {
    output: () => output,
    printed: text =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!output.includes(text)) return
          listeners.delete(look)
          resolve(output)
        }
        listeners.add(look)
        look()
        void ended.then(how => reject(new Error(`ended (${how}) without printing ${JSON.stringify(text)}:\n${output}`)))
      }),
    signal: name => child.kill(name),
    ended,
  }
}
