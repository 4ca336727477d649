import { expect, test } from 'vitest'
import { threadOptions, workerArguments } from '../../src/base/worker-arguments.ts'

test('a thread gets the options that load modules, and none that new Worker refuses', () => {
  expect(
    threadOptions([
      '--expose-gc',
      '--import',
      'tsx',
      '--max-old-space-size=500',
      '-r',
      './a.cjs',
      '--import=b',
      '--enable-source-maps',
      '--cpu-prof',
    ]),
  ).toEqual(['--import', 'tsx', '-r', './a.cjs', '--import=b', '--enable-source-maps'])
})

test('no thread requires an ES module', () => {
  expect(workerArguments()).toContain('--no-experimental-require-module')
})
