import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKey } from '../expression/key-emitter.ts'
import { emitObject } from '../expression/object-emitter.ts'
import { emitRecord } from '../expression/record-emitter.ts'
import type { RowAccessor } from '../expression/value.ts'
import type { StructType } from '../record/data-type.ts'
import type { RowLayout } from '../record/row-layout.ts'
import { ARRIVAL, ROWS_OUT, RUN_COUNT, RUN_START } from './chain-state.ts'
import type { OpContext } from './op-context.ts'
import { partitionCode } from './partition.ts'

/**
 * Takes encoded rows and never refuses: a full ring spills into memory of the task's own, and the task then reads nothing until that is
 * gone.
 */
export interface RecordOutput {
  readonly u8: Uint8Array
  arrivalMicros: number
  claim(payloadBytes: number): number
  commit(kind: number, payloadBytes: number, hash: number): void
}

export interface ObjectOutput {
  push(row: Record<string, unknown>, arrivalMicros: number): void
}

export type ChainOutput =
  | { readonly kind: 'records'; readonly layout: RowLayout; readonly out: RecordOutput }
  | { readonly kind: 'hash'; readonly layout: RowLayout; readonly outs: readonly RecordOutput[]; readonly keys: readonly Bound[] }
  | { readonly kind: 'roundRobin'; readonly layout: RowLayout; readonly outs: readonly RecordOutput[] }
  | { readonly kind: 'objects'; readonly schema: StructType; readonly out: ObjectOutput }

/** Generates how a row leaves the chain. */
export const emitOutput = (c: OpContext, output: ChainOutput, row: RowAccessor): void => {
  const { cg, registers } = c
  const arrival = `${registers}[${ARRIVAL}]`
  cg.line(`${registers}[${ROWS_OUT}]++`)
  // Latency is kept by runs of rows with one arrival.
  cg.line(`if (${arrival} !== ${registers}[${RUN_START}]) { ${cg.constant(c.state)}.onRun(); ${registers}[${RUN_START}] = ${arrival} }`)
  cg.line(`${registers}[${RUN_COUNT}]++`)
  if (output.kind === 'objects') {
    cg.line(`${cg.constant(output.out)}.push(${emitObject(cg, output.schema, row)}, ${arrival})`)
    return
  }
  const values = output.layout.schema.fields.map((_, i) => row.column(i))
  if (output.kind === 'records') {
    const out = cg.constant(output.out)
    cg.line(`${out}.arrivalMicros = ${arrival}`)
    emitRecord(cg, output.layout, values, out)
    return
  }
  const out = cg.fresh('out')
  const outs = cg.constant(output.outs)
  let hash = '0'
  if (output.kind === 'hash') {
    const keys = output.keys.map(key => compileExpression(cg, key, row, c.compile))
    hash = emitKey(cg, keys, output.keys).hash
    cg.line(`const ${out} = ${outs}[${partitionCode(hash, output.outs.length)}]`)
  } else {
    const turn = cg.constant({ turn: 0 })
    cg.line(`const ${out} = ${outs}[${turn}.turn = (${turn}.turn + 1) % ${output.outs.length}]`)
  }
  cg.line(`${out}.arrivalMicros = ${arrival}`)
  emitRecord(cg, output.layout, values, out, hash)
}
