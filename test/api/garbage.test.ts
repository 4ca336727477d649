import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { masters } from '../support/masters.ts'

// Goal: a program that starts queries for months does not grow, and one that has stopped its session ends. Method: programs of their own;
// one counts by weak references what of its own is still alive after many queries, the other has to come to its end.

const run = (program: string, ...args: string[]): Promise<{ code: number | null; out: string; millis: number }> => {
  const path = fileURLToPath(new URL(`./programs/${program}`, import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  let stoppedAt = Number.NaN
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    stoppedAt = performance.now()
  })
  const killer = setTimeout(() => child.kill('SIGKILL'), 150_000)
  return new Promise(resolve =>
    child.on('close', code => {
      clearTimeout(killer)
      resolve({ code, out, millis: performance.now() - stoppedAt })
    }),
  )
}

test.each(['inline', 'local[1]'])('%s: streams, functions, tables and queries that are over are garbage', async master => {
  const { code, out } = await run('garbage.mjs', master, master === 'inline' ? '10' : '2')
  expect(code).toBe(0)
  const { kept, alive, entries } = JSON.parse(out) as { kept: number; alive: string[]; entries: number }
  expect(kept).toBeGreaterThan(40)
  // The last one may still stand in a register of the program.
  expect(alive.length).toBeLessThanOrEqual(2)
  expect(entries).toBeLessThanOrEqual(3)
})

test.each(masters.flatMap(master => [[master, 'stop'] as const, [master, 'fail'] as const]))(
  '%s, %s: the process ends by itself',
  async (master, how) => {
    const { code, out, millis } = await run('ends.mjs', master, how)
    expect(out).toBe('stopped\n')
    expect(code).toBe(0)
    expect(millis).toBeLessThan(10_000)
  },
)
