import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

/** Where a figure was measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  /** The load average before the run: how busy others kept the machine. */
  readonly loadAverage: number
}

export const describeMachine = (loadAverage: number): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${process.arch}`,
  node: process.version,
  loadAverage: Math.round(loadAverage * 100) / 100,
})

/** The commit, with a `+` if files differ from it, other than the results that are stored; `unknown` outside a repository. */
export const describeCommit = (folder: string): string => {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--untracked-files=no', '--', ':/', ':(top,exclude)bench/results') === '' ? '' : '+')
    )
  } catch {
    return 'unknown'
  }
}

/** A command line's beginning that keeps a process on one core; empty where there is no `taskset`. */
export const oneCorePrefix = (): readonly string[] => {
  try {
    const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (allowed === null) return []
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return ['taskset', '-c', allowed[1]]
  } catch {
    return []
  }
}
