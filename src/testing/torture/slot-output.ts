import { objectReader } from '../../expression/object-codec.ts'
import type { ChainOutput } from '../../operator/chain-output.ts'
import type { ChainState } from '../../operator/chain-state.ts'
import type { StructType } from '../../record/data-type.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { TaskOutput } from '../../runtime/task-output.ts'

/**
 * A task's output with room for one row, which it passes on at every other call only; or one that takes everything. It holds the task to
 * its promise to pass no control on before the rows that came first.
 */
export class SlotOutput implements TaskOutput {
  readonly rows: UserRow[] = []
  readonly settled = true
  readonly chainOutput: ChainOutput
  readonly #state: ChainState
  readonly #oneSlot: boolean
  readonly #records: SlotRecords | null
  readonly #read: ReturnType<typeof objectReader>
  readonly #waiting: UserRow[] = []
  #calls = 0

  constructor(schema: StructType, kind: 'records' | 'objects', oneSlot: boolean, state: ChainState) {
    this.#state = state
    this.#oneSlot = oneSlot
    this.#read = objectReader(schema)
    const layout = RowLayout.of(schema)
    this.#records = kind === 'records' ? new SlotRecords(layout, () => this.#taken()) : null
    this.chainOutput =
      this.#records === null
        ? { kind: 'objects', schema, out: { push: row => this.#push(row) } }
        : { kind: 'records', layout, out: this.#records }
  }

  step(): boolean {
    const refuses = this.#oneSlot && this.#calls++ % 2 === 0
    const moved = !refuses && this.#move()
    this.#state.outputFull = this.#oneSlot && this.#isWaiting
    return moved
  }

  beginEpoch(): void {
    this.#controls()
  }

  watermark(): void {
    this.#controls()
  }

  barrier(): void {
    this.#controls()
  }

  takePrepared(): null {
    return null
  }

  end(): void {
    this.#controls()
  }

  close(): null {
    return null
  }

  get #isWaiting(): boolean {
    return this.#waiting.length > 0 || (this.#records?.hasNext() ?? false)
  }

  #controls(): void {
    if (this.#state.outputFull) throw new Error('the task passes control on while its output is full')
    while (this.#move()) {}
  }

  #push(row: UserRow): void {
    this.#waiting.push(row)
    this.#taken()
  }

  #taken(): void {
    if (this.#oneSlot) this.#state.outputFull = true
  }

  /** Passes on one row, or all. */
  #move(): boolean {
    const records = this.#records
    const before = this.rows.length
    do {
      if (records === null) {
        const row = this.#waiting.shift()
        if (row !== undefined) this.rows.push(row)
      } else {
        const p = records.next()
        if (p >= 0) this.rows.push(this.#read(records, p))
        if (!records.hasNext()) records.clear()
      }
    } while (!this.#oneSlot && this.#isWaiting)
    return this.rows.length > before
  }
}

class SlotRecords extends RecordBuffer {
  readonly #onRow: () => void

  constructor(layout: RowLayout, onRow: () => void) {
    super(layout)
    this.#onRow = onRow
  }

  override commit(kind: number, payloadBytes: number, hash: number): void {
    super.commit(kind, payloadBytes, hash)
    this.#onRow()
  }
}
