import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** The text of a file, '' if it cannot be read. */
type ReadText = (path: string) => string

const readText: ReadText = path => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** CPUs that a control group's `cpu.max` ("200000 100000", "max 100000") or v1 quota and period allow; Infinity without a limit. */
const quotaOf = (text: string): number => {
  const [quota, period] = text.trim().split(/\s+/).map(Number)
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY
}

/** A control group's path and those of the groups around it, whose limits bind it as well: '/a/b', '/a', ''. */
const withAncestors = (path: string): string[] => {
  const names = path.split('/').filter(name => name !== '')
  return Array.from({ length: names.length + 1 }, (_, i) =>
    names
      .slice(0, names.length - i)
      .map(name => `/${name}`)
      .join(''),
  )
}

/** CPUs that the control groups of this process allow it. In a container they look like roots: /proc/self/cgroup names '/'. */
export const cpuQuota = (read: ReadText = readText): number => {
  const limits = read('/proc/self/cgroup')
    .split('\n')
    .flatMap(line => {
      const [, controllers, path] = line.split(':')
      if (path === undefined) return []
      if (controllers === '') return withAncestors(path).map(each => quotaOf(read(`/sys/fs/cgroup${each}/cpu.max`)))
      if (!controllers.split(',').includes('cpu')) return []
      return withAncestors(path).map(each => {
        const folder = `/sys/fs/cgroup/cpu${each}`
        return quotaOf(`${read(`${folder}/cpu.cfs_quota_us`).trim()} ${read(`${folder}/cpu.cfs_period_us`)}`)
      })
    })
  return Math.min(Number.POSITIVE_INFINITY, ...limits)
}

/** Cores that this process may use: its affinity, and the quota of its control groups, which Node 20 does not look at. At least 1. */
export const usableCores = (): number => Math.max(1, Math.floor(Math.min(availableParallelism(), cpuQuota())))

/**
 * How threads of a query wait for rows when its user does not say. Where there are fewer cores than threads that spin, each would take the
 * core from the one that it waits for, or use up the quota for all: they sleep at once (`npm run bench -- ladder`).
 */
export const defaultIdle = (workers: number, cores: number): 'adaptive' | 'park' => (cores === 1 || workers > cores ? 'park' : 'adaptive')
