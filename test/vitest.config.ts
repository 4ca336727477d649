import { defineConfig } from 'vitest/config'

// Worker threads load the built `dist`; the tests themselves import `src`. Both come from the same sources, because `npm test` builds
// first.
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // For a machine that does much else: a deadline is there to end what hangs, and tells nothing of speed.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
