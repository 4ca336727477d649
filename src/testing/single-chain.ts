import { type CompiledChain, compileChain } from '../operator/chain.ts'
import type { ChainOutput } from '../operator/chain-output.ts'
import type { ChainInput } from '../operator/chain-spec.ts'
import type { ChainState } from '../operator/chain-state.ts'
import type { StaticTable } from '../operator/static-table.ts'
import type { OutputMode } from '../plan/logical-plan.ts'
import type { PhysicalPlan, Stage } from '../plan/physical-plan.ts'

/** The one stage of a plan that is a chain of operators over one source. */
export const onlyStage = (physical: PhysicalPlan): Stage => {
  const [stage] = physical.stages
  if (physical.stages.length !== 1) throw new Error(`it must be one chain of operators, this plan has ${physical.stages.length}`)
  return stage
}

/** That chain, between ends of the kit's own. */
export const compileSingle = (
  name: string,
  stage: Stage,
  tables: ReadonlyMap<number, StaticTable>,
  outputMode: OutputMode,
  ends: { readonly input: ChainInput; readonly output: ChainOutput; readonly state: ChainState },
): CompiledChain => {
  const { inputSchema, ops } = stage
  const { input, output, state } = ends
  return compileChain({
    name,
    input,
    inputSchema,
    ops,
    output,
    outputMode,
    state,
    tables,
    isFull: () => state.outputFull,
  })
}
