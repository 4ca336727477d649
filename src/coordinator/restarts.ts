import { asEngineError, EngineError } from '../base/errors.ts'
import type { RestartPolicy } from './query-options.ts'

/** Counts a query's failures against its restart policy. Pure but for its memory. */
export class Restarts {
  readonly #policy: RestartPolicy
  #failures: number[] = []

  constructor(policy: RestartPolicy) {
    this.#policy = policy
  }

  /** How long to wait before the next attempt, in millis. Throws the error if it is not of the kind that passes, or RESTART_LIMIT. */
  waitAfter(error: unknown, nowMillis: number): number {
    const { most, withinMillis, firstMillis, longestMillis } = this.#policy
    const known = asEngineError(error)
    if (most === 0 || known.fate === 'user') throw known
    this.#failures = [...this.#failures.filter(at => at > nowMillis - withinMillis), nowMillis]
    const count = this.#failures.length
    if (count > most)
      throw new EngineError('RESTART_LIMIT', { count, seconds: withinMillis / 1000, reason: known.message.replace(/\.$/, '') }, known)
    return Math.min(longestMillis, firstMillis * 2 ** (count - 1))
  }
}
