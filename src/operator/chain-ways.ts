import { inputsOf } from '../plan/bound-inputs.ts'
import { upstreamOf } from '../plan/physical-plan.ts'
import type { ChainOutput } from './chain-output.ts'
import type { ChainSpec } from './chain-spec.ts'

/** One way on for the rows of an operator: the next operator, by its index, or an output. */
export type Way = number | ChainOutput

/** Where the rows of an operator go; -1 for those that come in. */
export const waysFrom = ({ ops, output }: ChainSpec, after: number): readonly Way[] => {
  const ends = output.kind === 'ends' ? output.ends : [{ after: ops.length - 1, output }]
  const next = [...ops.keys()].filter(i => upstreamOf(ops, i) === after)
  return [...next, ...ends.filter(end => end.after === after).map(end => end.output)]
}

/** The columns that more than one way reads. A way that does not begin by choosing columns may read all. */
export const readTwice = ({ ops }: ChainSpec, ways: readonly Way[]): number[] => {
  const reads = ways.map(way => {
    const op = typeof way === 'number' ? ops[way] : null
    return op?.kind === 'project' ? new Set(op.columns.flatMap(inputsOf)) : null
  })
  const chosen = new Set(reads.flatMap(read => (read === null ? [] : [...read])))
  return [...chosen].filter(ordinal => reads.filter(read => read === null || read.has(ordinal)).length > 1)
}

/** How many columns a row may have to be put out by two places in the code: right behind the aggregate's row, and in its `emit`. */
const SHORT_COLUMNS = 16

/** True if all that is left of a chain is to choose columns. Nothing in it may remember anything, as a `rand()` would. */
export const isShort = (spec: ChainSpec, after: number): boolean => {
  const ways = waysFrom(spec, after)
  const [way] = ways
  if (ways.length !== 1 || spec.ops[after].schema.fields.length > SHORT_COLUMNS) return false
  if (typeof way !== 'number') return way.kind !== 'roundRobin' && (way.kind !== 'hash' || way.keys.every(({ kind }) => kind === 'input'))
  const op = spec.ops[way]
  return op.kind === 'project' && op.columns.every(({ kind }) => kind === 'input') && isShort(spec, way)
}

/** The how-manieth watermark of its chain an operator is: its place in the registers. */
export const watermarkIndex = (spec: Pick<ChainSpec, 'ops'>, index: number): number =>
  spec.ops.slice(0, index).filter(op => op.kind === 'watermark').length
