import type { CompiledChain } from '../operator/chain.ts'
import type { ChangeChannel } from './change-channel.ts'
import { ChangeWriter } from './change-writer.ts'
import type { TaskReport } from './control-protocol.ts'

/**
 * What a task's operators changed in an epoch, on its way to the checkpoint: frozen at the barrier, written slice by slice while rows of
 * the next epoch flow, reported when all is written. At most one epoch is being sealed.
 */
export class EpochSeal {
  readonly #operators: CompiledChain['operators']
  readonly #changes: ChangeChannel | null
  readonly #report: (report: TaskReport) => void
  readonly #sliceRows: number
  #sealing: TaskReport | null = null
  /** The change logs of the epoch at hand and of the one that is being sealed, one an operator; they take turns. */
  #current: readonly ChangeWriter[]
  #sealed: readonly ChangeWriter[]
  #logs = false

  /** `changes` is null if the state is not kept; `sliceRows` is how many entries of an operator a slice has at most. */
  constructor(
    operators: CompiledChain['operators'],
    changes: ChangeChannel | null,
    report: (report: TaskReport) => void,
    sliceRows: number,
  ) {
    this.#operators = operators
    this.#changes = changes
    this.#report = report
    this.#sliceRows = sliceRows
    const writers = (): ChangeWriter[] => (changes === null ? [] : operators.map(({ operatorId }) => new ChangeWriter(changes, operatorId)))
    this.#current = writers()
    this.#sealed = writers()
  }

  get isUnderWay(): boolean {
    return this.#sealing !== null
  }

  /** The first epoch begins; from then on each barrier sets the next one's logs. */
  begin(epoch: number): void {
    if (this.#logs) return
    this.#logs = true
    for (const [i, writer] of this.#current.entries()) {
      writer.begin(epoch)
      const operator = this.#operators[i]
      if (operator.isTransient !== true) operator.store.log = writer
    }
  }

  /** The barrier: what comes from now on belongs to the next epoch. The report goes out when all is written. */
  freeze(epoch: number, report: TaskReport): void {
    const next = this.#sealed
    this.#sealed = this.#current
    this.#current = next
    for (const writer of next) writer.begin(epoch + 1)
    for (const [i, { store, isTransient }] of this.#operators.entries())
      store.beginSeal(isTransient === true ? null : (this.#current[i] ?? null))
    this.#sealing = report
  }

  /** A cursor: true once the epoch before is written. */
  finish(): boolean {
    if (this.#sealing === null) return true
    this.slice(this.#sliceRows)
    return false
  }

  /** Writes a slice of what changed. False if there is nothing to write, or the disk is behind: then the epoch waits, the rows do not. */
  slice(rows: number): boolean {
    const report = this.#sealing
    if (report === null) return false
    const changes = this.#changes
    if (changes !== null && !changes.flush()) return false
    const budget = Math.min(rows, this.#sliceRows)
    for (const { store } of this.#operators) if (!store.sealSlice(budget)) return true
    for (const writer of this.#sealed) writer.finish()
    if (changes !== null && !changes.flush()) return false
    this.#sealing = null
    this.#report(report)
    return true
  }
}
