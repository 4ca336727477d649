// count.mjs FOLDER STEPS: adds up what tests and conformance cases found, prints one line of counts, and fails if anything did, or if so
// many steps did.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, failedSteps] = process.argv.slice(2)
const counts = { passed: 0, failed: 0, skipped: 0 }
const tests = join(folder, 'tests.json')
if (existsSync(tests)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(tests, 'utf8'))
  counts.passed += numPassedTests
  counts.failed += numFailedTests
  counts.skipped += numPendingTests + numTodoTests
}
for (const name of readdirSync(folder).filter(name => name.startsWith('conformance-'))) {
  const [, passed = 0, failed = 0, skipped = 0] =
    /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(readFileSync(join(folder, name), 'utf8')) ?? []
  counts.passed += Number(passed)
  counts.failed += Number(failed)
  counts.skipped += Number(skipped)
}
// A step may fail without a test that does: a build, a lint, a file that could not be loaded.
if (Number(failedSteps) > 0 && counts.failed === 0) counts.failed = Number(failedSteps)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || Number(failedSteps) > 0 || counts.passed === 0 ? 1 : 0
