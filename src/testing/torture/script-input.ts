import { objectWriter } from '../../expression/object-codec.ts'
import type { CompiledChain } from '../../operator/chain.ts'
import type { ChainState } from '../../operator/chain-state.ts'
import type { EpochPolicy } from '../../operator/epoch-policy.ts'
import type { StructType } from '../../record/data-type.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { InputEvents, TaskInput } from '../../runtime/task-input.ts'

type Item =
  | { readonly kind: 'begin'; readonly policy: EpochPolicy }
  | { readonly kind: 'rows'; readonly until: number }
  | { readonly kind: 'watermark'; readonly millis: number }
  | { readonly kind: 'barrier' }

/** Rows, and the watermark that comes behind them, as it does from another task; null: none. */
export interface ScriptPart {
  readonly rows: readonly UserRow[]
  readonly watermark: number | null
}

/** A task's input that follows a script. It holds the task to its promise to read nothing while the output is full. */
export class ScriptInput implements TaskInput {
  readonly #items: Item[] = []
  readonly #state: ChainState
  readonly #buffer: RecordBuffer | null
  readonly #write: (row: UserRow, buffer: RecordBuffer) => void
  #rows: readonly UserRow[] = []
  #next = 0
  #awaitingRelease = false

  constructor(schema: StructType, kind: 'records' | 'objects', state: ChainState) {
    this.#state = state
    this.#buffer = kind === 'records' ? new RecordBuffer(RowLayout.of(schema)) : null
    this.#write = objectWriter(schema)
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
    this.#rows = rows
    this.#next = 0
    for (const row of rows) if (this.#buffer !== null) this.#write(row, this.#buffer)
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    if (this.#state.outputFull) throw new Error('the task reads while its output is full')
    const item = this.#items[0]
    if (this.#awaitingRelease || item === undefined) return 0
    if (item.kind === 'rows') {
      const count = this.#run(chain, Math.min(budget, item.until - this.#next))
      if (this.#next === item.until) this.#items.shift()
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
    return this.#rows.length - this.#next
  }

  takeCounts(): null {
    return null
  }

  close(): null {
    return null
  }

  #run(chain: CompiledChain, budget: number): number {
    const from = this.#next
    if (this.#buffer === null) {
      this.#next = chain.runObjects(this.#rows, from, Math.min(from + budget, this.#rows.length))
    } else {
      this.#next = from + chain.runRecords(this.#buffer, budget)
      if (!this.#buffer.hasNext()) this.#buffer.clear()
    }
    return this.#next - from
  }
}
