import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of other engines: beside this repository, or where `WALKWAY_PEERS` says. */
export const PEERS = process.env.WALKWAY_PEERS ?? fileURLToPath(new URL('../../../shared/peers', import.meta.url))

/** Why they cannot run; null if they can. */
export const missingPeers = (): string | null => {
  if (!existsSync(PEERS)) return `there is no folder ${PEERS}`
  for (const [command, argument] of [
    ['java', '-version'],
    ['mvn', '-version'],
  ]) {
    try {
      execFileSync(command, [argument], { stdio: 'ignore' })
    } catch {
      return `${command} is not there`
    }
  }
  return null
}
