import type { CompiledChain } from '../../operator/chain.ts'
import type { ChainInput } from '../../operator/chain-spec.ts'
import type { ChainState } from '../../operator/chain-state.ts'
import type { EpochPolicy } from '../../operator/epoch-policy.ts'
import type { StructType } from '../../record/data-type.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { InputEvents, TaskInput } from '../../runtime/task-input.ts'
import { type RowFeed, type RowForm, rowFeed } from '../row-feed.ts'

type Item =
  | { readonly kind: 'begin'; readonly policy: EpochPolicy }
  | { readonly kind: 'rows'; readonly until: number }
  | { readonly kind: 'watermark'; readonly millis: number }
  | { readonly kind: 'barrier' }

/** Few, so that batches end in the midst of an epoch. */
const BATCH_ROWS = 3

/** Rows, and the watermark that comes behind them, as it does from another task; null: none. */
export interface ScriptPart {
  readonly rows: readonly UserRow[]
  readonly watermark: number | null
}

/** A task's input that follows a script. It holds the task to its promise to read nothing while the output is full. */
export class ScriptInput implements TaskInput {
  readonly #items: Item[] = []
  readonly #state: ChainState
  readonly #feed: RowFeed
  #rowCount = 0
  #awaitingRelease = false

  constructor(schema: StructType, form: RowForm, state: ChainState) {
    this.#state = state
    this.#feed = rowFeed(schema, form, BATCH_ROWS)
  }

  get chainInput(): ChainInput {
    return this.#feed.chainInput
  }

  /** Queues an epoch. The one before must be over. */
  epoch(policy: EpochPolicy, parts: readonly ScriptPart[]): void {
    const rows = parts.flatMap(part => part.rows)
    this.#items.push({ kind: 'begin', policy })
    let until = 0
    for (const part of parts) {
      until += part.rows.length
      this.#items.push({ kind: 'rows', until })
      if (part.watermark !== null) this.#items.push({ kind: 'watermark', millis: part.watermark })
    }
    this.#items.push({ kind: 'barrier' })
    this.#rowCount = rows.length
    this.#feed.set(rows)
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    if (this.#state.outputFull) throw new Error('the task reads while its output is full')
    const item = this.#items[0]
    if (this.#awaitingRelease || item === undefined) return 0
    if (item.kind === 'rows') {
      const count = this.#feed.run(chain, budget, item.until)
      if (this.#feed.next === item.until) this.#items.shift()
      return count
    }
    this.#items.shift()
    if (item.kind === 'begin') {
      events.onBegin(item.policy)
    } else if (item.kind === 'watermark') {
      events.onWatermark(item.millis)
    } else {
      this.#awaitingRelease = true
      events.onBarrier()
    }
    return 1
  }

  release(): void {
    this.#awaitingRelease = false
  }

  position(): null {
    return null
  }

  ended(): boolean {
    return false
  }

  backlog(): number {
    return this.#rowCount - this.#feed.next
  }

  takeCounts(): null {
    return null
  }

  close(): null {
    return null
  }
}
