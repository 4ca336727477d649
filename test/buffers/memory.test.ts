import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// Goal: memory that was dropped goes back to the system also from a thread that never returns to its event loop. Method: a process that
// prints its memory before and after.

const run = (): { readonly full: number; readonly empty: number } => {
  const program = fileURLToPath(new URL('./programs/give-back.mjs', import.meta.url))
  return JSON.parse(execFileSync(process.execPath, [program, import.meta.resolve('native-free-buffers')]).toString())
}

test('a thread without an event loop gives dropped memory back', () => {
  const { full, empty } = run()
  expect(full - empty).toBeGreaterThan(60)
})
