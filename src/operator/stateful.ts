import type { KeyedStore } from '../state/keyed-store.ts'
import type { EpochPolicy } from './epoch-policy.ts'

/**
 * An operator with state, as its task sees it. Rows reach it through the chain's generated function; here is the rest: what it does when
 * the watermark moves and when an epoch ends, and its state. All work that can be long is a cursor: `false` means "call again", because the
 * output is full or the budget is spent.
 */
export interface StatefulOperator {
  readonly operatorId: number
  readonly name: string
  readonly store: KeyedStore
  /** Memory beside the store's. */
  readonly ownBytes?: number
  /** Where this operator's late watermark and flags stand for generated code; see `OperatorFlags`. */
  readonly flags: OperatorFlags
  /** True if nothing of it outlives an epoch: then it is no state, and progress does not show it. */
  readonly isTransient?: boolean
  /** From here on the epoch's policy holds. */
  beginEpoch(policy: EpochPolicy): void
  /** Real time: the watermark has reached `millis`. Emits and evicts what is due. */
  advance(millis: number, budget: number): boolean
  /** All rows of the epoch are in: emits what the policy wants at a barrier. */
  finishEpoch(policy: EpochPolicy, budget: number): boolean
  /**
   * The hash by which rows of a checkpoint's entry are spread over tasks, where it is not the entry's own; null: the entry belongs to each
   * task.
   */
  homeHash?(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, valueOffset: number): number | null
  /** Puts one entry of a checkpoint back. */
  restore(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void
}

/** What a burst of generated code reads when it starts. */
export class OperatorFlags {
  /** Rows that end at or below are late and dropped. -Infinity: none. */
  lateMillis = Number.NEGATIVE_INFINITY
  /** How far behind the watermark rows come to this operator: a join below may hold a row back that long. */
  lagMillis = 0
  /** How much further behind it its own rows come out, since it holds them back. */
  waitMillis = 0
  /** Emit after each row. */
  perRow = false
  /**
   * Rows dropped as late in this epoch; of an aggregation in a micro-batch groups, as Spark counts them after it has combined the batch's
   * rows.
   */
  readonly dropped = new Float64Array(1)
  /** Hashes of the late groups of this micro-batch; null where rows are counted. */
  #lateGroups: Set<number> | null = null

  countGroups(yes: boolean): void {
    this.#lateGroups = yes ? new Set() : null
  }

  /** Called for a late row of an aggregation, out of the hot path. */
  dropLate(hash: number): void {
    if (this.#lateGroups !== null) {
      if (this.#lateGroups.has(hash)) return
      this.#lateGroups.add(hash)
    }
    this.dropped[0]++
  }

  /** What was late stays late, whatever the mode: a window that has been emitted and forgotten never opens again. */
  raiseLate(millis: number): void {
    if (millis > this.lateMillis) this.lateMillis = millis
  }
}

/** An epoch's policy as an operator sees it to which rows come behind the watermark. */
export const lagged = (policy: EpochPolicy, { flags: { lagMillis } }: StatefulOperator): EpochPolicy =>
  lagMillis === 0 ? policy : { ...policy, lateMillis: policy.lateMillis - lagMillis, evictMillis: policy.evictMillis - lagMillis }
