import type { CodeBuilder } from '../expression/code-builder.ts'
import type { CompileContext } from '../expression/compile.ts'
import type { ChainState } from './chain-state.ts'

/** What expressions may ask of the chain that they stand in. */
export const makeContext = (cg: CodeBuilder, state: ChainState): CompileContext => ({
  nowMicros: `${cg.constant(state)}.nowMicros()`,
  random: seed => cg.constant(state.random(seed)),
})
