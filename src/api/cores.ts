import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** CPUs that a cgroup's `cpu.max` ("200000 100000", "max 100000") or v1 quota and period allow; Infinity without a limit. */
const quotaOf = (text: string): number => {
  const [quota, period] = text.trim().split(/\s+/).map(Number)
  return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Cores that this process may use: its affinity, and the cgroup's quota, which Node 20 does not look at. At least 1. */
export const usableCores = (): number => {
  const v2 = quotaOf(read('/sys/fs/cgroup/cpu.max'))
  const v1 = quotaOf(`${read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')} ${read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')}`)
  return Math.max(1, Math.floor(Math.min(availableParallelism(), v2, v1)))
}
