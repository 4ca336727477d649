import { objectToColumns } from '../../expression/column-codec.ts'
import type { CompiledChain } from '../../operator/chain.ts'
import type { ChainInput } from '../../operator/chain-spec.ts'
import { ColumnBatch } from '../../record/column-batch.ts'
import type { StructType } from '../../record/data-type.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { RowFeed } from '../row-feed.ts'

/** All rows by columns in one batch, filled beforehand, so that no pass over them measures the filling: that is the work of a source. */
export class PreparedColumns implements RowFeed {
  readonly batch: ColumnBatch
  readonly chainInput: ChainInput
  next = 0
  readonly #write: ReturnType<typeof objectToColumns>

  /** `capacity`: how many rows it is ever given at once. */
  constructor(schema: StructType, capacity: number) {
    this.batch = new ColumnBatch(RowLayout.of(schema), capacity)
    this.chainInput = { kind: 'columns', batch: this.batch }
    this.#write = objectToColumns(this.batch)
  }

  set(rows: readonly UserRow[]): void {
    this.batch.clear()
    for (let i = 0; i < rows.length; i++) this.#write(rows[i], i)
    this.next = 0
  }

  rewind(): void {
    this.next = 0
  }

  run(chain: CompiledChain, budget: number, until: number): number {
    const from = this.next
    this.next = chain.runColumns(from, Math.min(from + budget, until))
    return this.next - from
  }
}
