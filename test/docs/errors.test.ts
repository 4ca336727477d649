import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { EngineError, type ErrorCode, type Fate } from '../../src/base/errors.ts'

// Goal: the page of error codes tells what the code does. Method: it is made from the table. `npx vitest run --config test/vitest.config.ts
// test/docs -u` writes it anew.

const fates: Readonly<Record<Fate, string>> = {
  user: 'stops',
  retry: 'tries again',
  restart: 'restarts',
}

/** Blocks of the table and the codes in each, in order. */
const blocks = (): { title: string; codes: ErrorCode[] }[] => {
  const text = readFileSync(fileURLToPath(new URL('../../src/base/errors.ts', import.meta.url)), 'utf8')
  const found: { title: string; codes: ErrorCode[] }[] = []
  for (const [, title, code] of text.matchAll(/^ {2}(?:\/\/ (.+)|([A-Z][A-Z_0-9]+): \{.*)$/gm)) {
    if (title !== undefined) found.push({ title, codes: [] })
    else found.at(-1)?.codes.push(code as ErrorCode)
  }
  return found
}

const render = (): string => {
  const page = [
    '# Errors',
    '',
    'Everything that goes wrong in a way that you can do something about is an `EngineError`: `error.code` is one of these and never changes, `error.details`',
    'holds the values that stand in braces here, `error.message` is the sentence with the values in it, and `error.cause` what lay beneath.',
    '',
    '`error.fate` says what becomes of a running query. **stops**: it ends, `query.exception` holds the error and `awaitTermination()` rejects with it.',
    '**restarts**: with a checkpoint, it goes back to the last one by itself and goes on, after a growing wait and at most `maxRestarts` times a minute; without',
    'one it stops. **tries again**: the same, for things that may mend themselves, such as a full disk.',
  ]
  for (const { title, codes } of blocks()) {
    page.push('', `## ${title}`, '', '| code | the query | message |', '|---|---|---|')
    for (const code of codes) {
      const error = new EngineError(code)
      const message = error.message
        .slice(code.length + 3)
        .replace(/\|/g, '\\|')
        .replace(/</g, '&lt;')
      page.push(`| \`${code}\` | ${fates[error.fate]} | ${message} |`)
    }
  }
  return `${page.join('\n')}\n`
}

test('docs/ERRORS.md lists every code with its message and fate', async () => {
  await expect(render()).toMatchFileSnapshot('../../docs/ERRORS.md')
})
