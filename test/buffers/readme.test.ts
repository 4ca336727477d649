import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(new URL('../../native-free-buffers/README.md', import.meta.url), 'utf8')
const blocks = [...text.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code)

const run = (code: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 })

test('the first program of the package prints what it says', () => expect(run(blocks[0])).toBe('42\n'))

test('the loop that sleeps handles what comes, and sleeps', () => {
  const setting = `
    import { DOORBELL_BYTES, initRing, RingReader, RingWriter, ringBytes } from 'native-free-buffers'
    const buffer = new SharedArrayBuffer(ringBytes(256) + DOORBELL_BYTES)
    initRing(buffer, 0, { capacity: 256 })
    const [writer, reader] = [new RingWriter(buffer, 0), new RingReader(buffer, 0)]
    const bell = { park: (millis, hasWork) => { console.log(millis, hasWork()); process.exit() } }
    const handle = p => { console.log(reader.f64[p >> 3]); return 1 }
    writer.f64[writer.claim(8) >> 3] = 7
    writer.commit(1, 8, 0)
    writer.publish()
`
  expect(run(setting + blocks[1].replace('{ Doorbell, IdleStrategy }', '{ IdleStrategy }'))).toBe('7\n20 false\n')
})
