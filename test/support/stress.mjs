/**
 * `npm run stress`: the random tests, large. All test files that take seeds run with many of them, and what runs by the clock or by number
 * of faults runs long. Everything can be given by the environment; what was chosen is printed, so that a failure can be run again. Paths
 * after `--` choose among the tests.
 */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TEST_TIMEOUT_MILLIS = 3_600_000

const {
  WALKWAY_SEEDS = '30',
  WALKWAY_FIRST_SEED = String(Math.floor(Math.random() * 1e6) * 1000),
  WALKWAY_SOAK_SECONDS = '60',
  WALKWAY_KILLS = '20',
  WALKWAY_EPOCHS = '10000',
  WALKWAY_RESTARTS = '1000',
  WALKWAY_QUERIES = '1000',
  WALKWAY_STATE_KEYS = '1600000',
  WALKWAY_SWITCHES = '1000',
  WALKWAY_TRANSFERS = '10000000',
  WALKWAY_FLAT_SECONDS = '600',
  WALKWAY_FLAT_RATE = '500000',
} = process.env
const settings = {
  WALKWAY_SEEDS,
  WALKWAY_FIRST_SEED,
  WALKWAY_SOAK_SECONDS,
  WALKWAY_KILLS,
  WALKWAY_EPOCHS,
  WALKWAY_RESTARTS,
  WALKWAY_QUERIES,
  WALKWAY_STATE_KEYS,
  WALKWAY_SWITCHES,
  WALKWAY_TRANSFERS,
  WALKWAY_FLAT_SECONDS,
  WALKWAY_FLAT_RATE,
}

const files = execFileSync('git', ['ls-files', 'test'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter(path => path.endsWith('.test.ts') && /\b(seeds\(|anySeed\(|WALKWAY_)/.test(readFileSync(`${ROOT}/${path}`, 'utf8')))
const wanted = process.argv.slice(2)
const chosen = files.filter(path => wanted.length === 0 || wanted.some(part => path.includes(part)))

const describeSettings = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
const command = `npm run stress${wanted.length === 0 ? '' : ` -- ${wanted.join(' ')}`}`
process.stdout.write(`${describeSettings.join(' ')} ${command}\n  ${chosen.join('\n  ')}\n`)
if (chosen.length === 0) process.exit(2)

const vitest = fileURLToPath(new URL('node_modules/vitest/vitest.mjs', `file://${ROOT}/`))
const options = ['run', '--config', 'test/vitest.config.ts', `--testTimeout=${TEST_TIMEOUT_MILLIS}`, `--hookTimeout=${TEST_TIMEOUT_MILLIS}`]
const child = spawn(process.execPath, [vitest, ...options, ...chosen], {
  cwd: ROOT,
  env: { ...process.env, ...settings },
  stdio: 'inherit',
})
child.on('close', code => {
  process.exitCode = code ?? 1
})
