import { objectToColumns } from '../expression/column-codec.ts'
import { objectWriter } from '../expression/object-codec.ts'
import type { CompiledChain } from '../operator/chain.ts'
import type { ChainInput } from '../operator/chain-spec.ts'
import { ColumnBatch } from '../record/column-batch.ts'
import type { StructType } from '../record/data-type.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import type { UserRow } from '../record/user-value.ts'

/** In what form a kit hands its rows to a chain. */
export type RowForm = ChainInput['kind']

/** Gives a list of rows to a chain, in any form, a bounded number at a time. */
export interface RowFeed {
  readonly chainInput: ChainInput
  /** How many rows have been run. */
  readonly next: number
  /** Takes other rows, none of which has been run. */
  set(rows: readonly UserRow[]): void
  /** The same rows from the first one on. */
  rewind(): void
  /** Runs up to `budget` rows, fewer when the output is full, none from `until` on. Returns how many. */
  run(chain: CompiledChain, budget: number, until: number): number
}

/** `batchRows`: how many rows a batch of columns has room for. */
export const rowFeed = (schema: StructType, form: RowForm, batchRows: number): RowFeed => {
  switch (form) {
    case 'objects':
      return new ObjectFeed(schema)
    case 'records':
      return new RecordFeed(schema)
    case 'columns':
      return new ColumnFeed(schema, batchRows)
  }
}

class ObjectFeed implements RowFeed {
  readonly chainInput: ChainInput
  next = 0
  #rows: readonly UserRow[] = []

  constructor(schema: StructType) {
    this.chainInput = { kind: 'objects', schema, columns: schema.fields.map((_, i) => i) }
  }

  set(rows: readonly UserRow[]): void {
    this.#rows = rows
    this.next = 0
  }

  rewind(): void {
    this.next = 0
  }

  run(chain: CompiledChain, budget: number, until: number): number {
    const from = this.next
    this.next = chain.runObjects(this.#rows, from, Math.min(from + budget, until))
    return this.next - from
  }
}

/** All rows are encoded beforehand. */
class RecordFeed implements RowFeed {
  readonly chainInput: ChainInput
  next = 0
  readonly #buffer: RecordBuffer
  readonly #write: ReturnType<typeof objectWriter>

  constructor(schema: StructType) {
    const layout = RowLayout.of(schema)
    this.chainInput = { kind: 'records', layout }
    this.#buffer = new RecordBuffer(layout)
    this.#write = objectWriter(schema)
  }

  set(rows: readonly UserRow[]): void {
    this.#buffer.clear()
    for (const row of rows) this.#write(row, this.#buffer)
    this.next = 0
  }

  rewind(): void {
    this.#buffer.rewind()
    this.next = 0
  }

  run(chain: CompiledChain, budget: number, until: number): number {
    const count = chain.runRecords(this.#buffer, Math.min(budget, until - this.next))
    this.next += count
    return count
  }
}

/** A batch is filled when the one before has been run, as a source does it. */
class ColumnFeed implements RowFeed {
  readonly chainInput: ChainInput
  readonly #batch: ColumnBatch
  readonly #write: ReturnType<typeof objectToColumns>
  #rows: readonly UserRow[] = []
  /** The row at which the batch begins, those in it, and the next of them. */
  #first = 0
  #count = 0
  #at = 0

  constructor(schema: StructType, batchRows: number) {
    this.#batch = new ColumnBatch(RowLayout.of(schema), batchRows)
    this.chainInput = { kind: 'columns', batch: this.#batch }
    this.#write = objectToColumns(this.#batch)
  }

  get next(): number {
    return this.#first + this.#at
  }

  set(rows: readonly UserRow[]): void {
    this.#rows = rows
    this.rewind()
  }

  rewind(): void {
    this.#first = this.#count = this.#at = 0
  }

  run(chain: CompiledChain, budget: number, until: number): number {
    if (this.#at === this.#count) this.#fill(until)
    const from = this.#at
    this.#at = chain.runColumns(from, Math.min(from + budget, this.#count))
    return this.#at - from
  }

  #fill(until: number): void {
    this.#first = this.next
    this.#at = 0
    this.#count = Math.min(this.#batch.capacity, until - this.#first)
    this.#batch.clear()
    for (let i = 0; i < this.#count; i++) this.#write(this.#rows[this.#first + i], i)
  }
}
