import type { SplitLimits } from '../expression/split-function.ts'
import type { OutputMode } from '../plan/logical-plan.ts'
import type { ChainOp } from '../plan/physical-plan.ts'
import type { ColumnBatch } from '../record/column-batch.ts'
import type { StructType } from '../record/data-type.ts'
import type { RowLayout } from '../record/row-layout.ts'
import type { ChainOutput } from './chain-output.ts'
import type { ChainState } from './chain-state.ts'
import type { StaticTable } from './static-table.ts'

export type ChainInput =
  | { readonly kind: 'records'; readonly layout: RowLayout }
  | { readonly kind: 'objects'; readonly schema: StructType; readonly columns: readonly number[] }
  /** The code is made for this one batch. */
  | { readonly kind: 'columns'; readonly batch: ColumnBatch }

/** Ends of a chain whose rows go several ways: what each takes, and the index of the operator whose rows they are, -1 for the input. */
export interface ChainEnds {
  readonly kind: 'ends'
  readonly ends: readonly { readonly after: number; readonly output: ChainOutput }[]
}

/** What a chain is compiled from. */
export interface ChainSpec {
  readonly name: string
  readonly input: ChainInput
  readonly inputSchema: StructType
  readonly ops: readonly ChainOp[]
  /** One output is the last operator's. */
  readonly output: ChainOutput | ChainEnds
  readonly outputMode: OutputMode
  readonly state: ChainState
  readonly tables: ReadonlyMap<number, StaticTable>
  /** True while the output holds rows that it could not pass on. */
  readonly isFull: () => boolean
  /** From what size on functions are cut in parts, where it is not the usual one. */
  readonly splitLimits?: SplitLimits
}
