import type { Ticket } from '../../connector/connector.ts'
import type { UserRow } from '../../record/user-value.ts'
import { rowText } from '../torture/torture.ts'

/** What a connector does otherwise than `SourceConnector` or `SinkConnector` promise. The message says what, and with which numbers. */
export class ContractViolation extends Error {
  override readonly name = 'ContractViolation'
}

/** Throws ContractViolation unless the promise is kept. */
export const hold = (isKept: boolean, violation: string): void => {
  if (!isKept) throw new ContractViolation(violation)
}

/** Lets the event loop turn, as a task's host does between two steps. */
export const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** For those who want to wake an engine: here somebody looks all the time. */
export const nothing = (): void => {}

/** How long things that must come about are waited for. */
export class Patience {
  readonly #millis: number

  constructor(millis = 10_000) {
    this.#millis = millis
  }

  /** Steps until it is so; one that never is ends with a violation. */
  async until(isSo: () => boolean, what: string): Promise<void> {
    const begun = performance.now()
    while (!isSo()) {
      hold(performance.now() - begun < this.#millis, `${what}: not within ${this.#millis} ms`)
      await turn()
    }
  }

  /** The value of a ticket; throws its error. `step` is called while it is open. */
  async settle<T>(ticket: Ticket<T>, what: string, step: () => void = () => {}): Promise<T> {
    const isDone = (): boolean => {
      if (!ticket.done) step()
      return ticket.done
    }
    await this.until(isDone, `${what} does not complete`)
    if (ticket.error !== undefined) throw ticket.error
    return ticket.value as T
  }
}

/** The same rows, each as often, in any order. */
export const holdSameRows = (found: readonly UserRow[], wanted: readonly UserRow[], what: string): void => {
  const rest = new Map<string, number>()
  for (const row of wanted) rest.set(rowText(row), (rest.get(rowText(row)) ?? 0) + 1)
  const extra: string[] = []
  for (const text of found.map(rowText)) {
    const count = rest.get(text) ?? 0
    if (count === 0) extra.push(text)
    else rest.set(text, count - 1)
  }
  const missing = [...rest].filter(([, count]) => count > 0).map(([text]) => text)
  const shown = (texts: readonly string[]): string => `${texts.length} (${texts.slice(0, 3).join(' ')})`
  hold(
    extra.length === 0 && missing.length === 0,
    `${what}: ${found.length} rows instead of ${wanted.length}; missing ${shown(missing)}, beyond those ${shown(extra)}`,
  )
}
