import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { cpuQuota, defaultIdle, usableCores } from '../../src/api/cores.ts'

// Goal: a container's quota is seen wherever the system shows it. Method: the files of systems as they are in the field.

const quotaWith = (files: Readonly<Record<string, string>>): number => cpuQuota(path => files[path] ?? '')

const systems: readonly { readonly system: string; readonly files: Readonly<Record<string, string>>; readonly cpus: number }[] = [
  { system: 'a container, version 2', files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' }, cpus: 1.5 },
  {
    system: 'no limit',
    files: { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
    cpus: Number.POSITIVE_INFINITY,
  },
  {
    system: 'a service, whose slice has the lower limit',
    files: {
      '/proc/self/cgroup': '0::/jobs.slice/walkway.service\n',
      '/sys/fs/cgroup/jobs.slice/walkway.service/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/jobs.slice/cpu.max': '200000 100000\n',
    },
    cpus: 2,
  },
  {
    system: 'version 1, beside a version 2 that limits nothing',
    files: {
      '/proc/self/cgroup': '5:memory:/m\n1:cpu,cpuacct:/docker/12\n0::/\n',
      '/sys/fs/cgroup/cpu/docker/12/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu/docker/12/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    cpus: 0.5,
  },
  { system: 'no Linux', files: {}, cpus: Number.POSITIVE_INFINITY },
]

test.each(systems)('$system', ({ files, cpus }) => {
  expect(quotaWith(files)).toBe(cpus)
})

test('no more cores than there are, and at least one', () => {
  expect(usableCores()).toBeGreaterThanOrEqual(1)
  expect(usableCores()).toBeLessThanOrEqual(availableParallelism())
})

test('threads spin only where each has a core', () => {
  expect([defaultIdle(0, 4), defaultIdle(2, 4), defaultIdle(4, 4), defaultIdle(5, 4)]).toEqual(['adaptive', 'adaptive', 'adaptive', 'park'])
  expect([defaultIdle(1, 1), defaultIdle(2, 1)]).toEqual(['park', 'park'])
})
