import type { BoundAggregate } from '../expression/expression.ts'
import type { ChainOp, PhysicalPlan } from '../plan/physical-plan.ts'
import { type DataType, typeName } from '../record/data-type.ts'

/** What must not change between two runs on one checkpoint: the sources, and what the state of each operator looks like. */
export interface PlanSignature {
  readonly sources: readonly string[]
  readonly operators: readonly { readonly operatorId: number; readonly kind: string; readonly keys: string; readonly values: string }[]
}

export const planSignature = (plan: PhysicalPlan): PlanSignature => ({
  sources: plan.stages.flatMap(({ input }) => (input.kind === 'source' ? [`${input.source.id}:${input.source.format}`] : [])),
  operators: plan.stages.flatMap(({ ops }) =>
    ops.flatMap(op => {
      if ('perEpoch' in op && op.perEpoch) return []
      if (op.kind === 'limit') return [{ operatorId: op.operatorId, kind: 'limit', keys: '', values: 'count' }]
      if (op.kind === 'streamJoin') return [joinSignature(op)]
      if (op.kind !== 'aggregate' && op.kind !== 'deduplicate' && op.kind !== 'markDistinct') return []
      const all = op.kind === 'markDistinct' ? [...op.keys, ...op.values] : op.keys
      const keys = all.map(key => `${typeName(key.type)}${key.nullable ? '?' : ''}`).join(', ')
      const values = op.kind === 'aggregate' ? describeTotals(op) : op.kind === 'markDistinct' || op.expiry === null ? '' : 'expiry'
      return [{ operatorId: op.operatorId, kind: op.kind, keys, values }]
    }),
  ),
})

/** Windows kept as slices look different from those kept one by one. */
const describeTotals = ({ aggregates, slices }: Extract<ChainOp, { kind: 'aggregate' }>): string => {
  const totals = aggregates.map(describe).join(', ')
  if (slices === null) return totals
  const { sizeMicros, slideMicros, startMicros } = slices
  return `${totals} in slices of windows of ${sizeMicros} µs by ${slideMicros} µs, from ${startMicros} µs`
}

const joinSignature = (op: Extract<ChainOp, { kind: 'streamJoin' }>): PlanSignature['operators'][number] => {
  const text = (fields: readonly { readonly type: DataType; readonly nullable: boolean }[]): string =>
    fields.map(({ type, nullable }) => `${typeName(type)}${nullable ? '?' : ''}`).join(', ')
  const values = [op.left, op.right].map(({ schema }) => `(${text(schema.fields)})`).join(' ')
  return { operatorId: op.operatorId, kind: `${op.type} join`, keys: text(op.keys), values }
}

const describe = (aggregate: BoundAggregate): string =>
  `${aggregate.name}(${aggregate.arg === null ? '' : typeName(aggregate.arg.type)}) ${typeName(aggregate.type)}`

/** The first thing that does not fit, or null. Filters and projections may change as they like. */
export const compareSignatures = (before: PlanSignature, now: PlanSignature): { what: string; before: string; now: string } | null => {
  if (before.sources.join() !== now.sources.join())
    return { what: 'the list of sources', before: before.sources.join(', '), now: now.sources.join(', ') }
  if (before.operators.length !== now.operators.length) {
    return { what: 'the number of stateful operators', before: String(before.operators.length), now: String(now.operators.length) }
  }
  for (const [i, old] of before.operators.entries()) {
    const other = now.operators[i]
    if (old.kind !== other.kind) return { what: `stateful operator ${i}`, before: old.kind, now: other.kind }
    if (old.keys !== other.keys) return { what: `the keys of ${old.kind} ${i}`, before: old.keys, now: other.keys }
    if (old.values !== other.values)
      return { what: `the values of ${old.kind} ${i}`, before: old.values || 'none', now: other.values || 'none' }
  }
  return null
}
