import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { oneCorePrefix } from './machine.ts'

/** A way to give a command line one CPU. `how`: by a quota of a control group, as containers do, or pinned to one core. */
export interface OneCpu {
  readonly how: 'quota' | 'pinned'
  readonly prefix: readonly string[]
  /** Lets go of what it took, when the commands have ended. */
  close(): void
}

const PERIOD_MICROS = 100_000

/** A quota where this process may make control groups (root, Linux); else one core; null where neither is possible. */
export const oneCpu = (): OneCpu | null => {
  const groups: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    [`/sys/fs/cgroup/walkway-bench-${process.pid}`, { 'cpu.max': `${PERIOD_MICROS} ${PERIOD_MICROS}` }],
    [
      `/sys/fs/cgroup/cpu/walkway-bench-${process.pid}`,
      { 'cpu.cfs_period_us': String(PERIOD_MICROS), 'cpu.cfs_quota_us': String(PERIOD_MICROS) },
    ],
  ]
  for (const [group, limits] of groups) {
    if (!limit(group, limits)) continue
    return {
      how: 'quota',
      prefix: ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'],
      close: () => rmdirSync(group),
    }
  }
  const prefix = oneCorePrefix()
  return prefix.length === 0 ? null : { how: 'pinned', prefix, close: () => {} }
}

/** The files are there at once in a control group; in a plain folder they are not, and must not be made. */
const limit = (group: string, limits: Readonly<Record<string, string>>): boolean => {
  try {
    mkdirSync(group)
  } catch {
    return false
  }
  try {
    for (const [file, value] of Object.entries(limits)) writeFileSync(`${group}/${file}`, value, { flag: 'r+' })
    return true
  } catch {
    rmdirSync(group)
    return false
  }
}
