import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Outcome } from './kit/benchmark.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const npm = (folder: string, ...args: readonly string[]): string =>
  execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })

interface Packed {
  readonly filename: string
  readonly size: number
}

/**
 * What somebody gets who installs the packages: their size as npm packs them, how long the installation into an empty folder takes with a
 * warm npm cache, and what it leaves there. A program must find them then. At small size they are only weighed.
 */
export const packages: Benchmark = {
  name: 'package',
  question: 'How large are the packages, and how long does their installation take?',
  rounds: 3,
  warmups: 1,
  run: async (size): Promise<Outcome> => {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-package-'))
    try {
      const pack = (from: string): Packed => {
        const dry = size === 'small' ? ['--dry-run'] : []
        return (JSON.parse(npm(from, 'pack', '--json', '--pack-destination', folder, ...dry)) as Packed[])[0]
      }
      const [walkway, buffers] = [pack(ROOT), pack(join(ROOT, 'native-free-buffers'))]
      const packed = { walkwayKilobytes: walkway.size / 1000, nativeFreeBuffersKilobytes: buffers.size / 1000 }
      if (size === 'small') return { wrong: null, figures: packed }
      writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
      const begun = performance.now()
      npm(folder, 'install', '--no-audit', '--no-fund', `./${walkway.filename}`, `./${buffers.filename}`)
      const installSeconds = (performance.now() - begun) / 1000
      const program = "import { WalkwaySession } from 'walkway'; console.log(typeof WalkwaySession)"
      const found = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: folder, encoding: 'utf8' }).trim()
      const modules = join(folder, 'node_modules')
      const files = readdirSync(modules, { recursive: true, encoding: 'utf8' })
      const installed = files.filter(name => /(^|node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(name))
      const bytes = files.reduce((sum, name) => sum + (statSync(join(modules, name)).isFile() ? statSync(join(modules, name)).size : 0), 0)
      return {
        wrong: found === 'function' ? null : `a program found ${found || 'nothing'}`,
        figures: { ...packed, installSeconds, installedPackages: installed.length, installedMegabytes: bytes / 1e6 },
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
