import type { Bound } from '../expression/expression.ts'
import type { StructType } from '../record/data-type.ts'
import type { UserRow } from '../record/user-value.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import type { OutputMode, SourceNode } from './logical-plan.ts'
import { watermarkLag } from './watermark-lag.ts'
import { type WindowSlices, windowSlices } from './window-slices.ts'

type NodeOf<K extends AnalyzedPlan['kind']> = Extract<AnalyzedPlan, { kind: K }>
type WithoutChild<T> = Omit<T, 'child' | 'table'>

/** What all operators with state have. */
interface Stateful {
  readonly operatorId: number
  /** How far behind the watermark its rows may come. */
  readonly lagMillis: number
}

/** Of those that stand above an aggregation in complete mode, whose whole result comes again each epoch: theirs begins anew with it. */
interface PerEpoch {
  readonly perEpoch: boolean
}

/** One operator of a chain: a node of the plan without its input. `schema` is that of its output. */
export type ChainOp =
  | WithoutChild<NodeOf<'filter'>>
  | WithoutChild<NodeOf<'project'>>
  | (WithoutChild<NodeOf<'watermark'>> & { readonly watermarkId: number })
  | WithoutChild<NodeOf<'expandWindow'>>
  | (WithoutChild<NodeOf<'tableJoin'>> & { readonly tableId: number })
  | (WithoutChild<NodeOf<'aggregate'>> & Stateful & PerEpoch & { readonly slices: WindowSlices | null })
  | (WithoutChild<NodeOf<'markDistinct'>> & Stateful & PerEpoch)
  | (WithoutChild<NodeOf<'deduplicate'>> & Stateful & PerEpoch)
  | (WithoutChild<NodeOf<'streamJoin'>> & Stateful)
  | (WithoutChild<NodeOf<'sort'>> & { readonly operatorId: number })
  | (WithoutChild<NodeOf<'limit'>> & PerEpoch & { readonly operatorId: number })

/** How rows are spread over the tasks of the next stage. */
export type Exchange =
  | { readonly kind: 'hash'; readonly keys: readonly Bound[] }
  | { readonly kind: 'roundRobin' }
  | { readonly kind: 'single' }

export type StageInput =
  | { readonly kind: 'source'; readonly source: SourceNode; readonly columns: readonly number[] }
  | { readonly kind: 'local'; readonly rows: readonly UserRow[] }
  | { readonly kind: 'stages'; readonly from: readonly number[] }

/** What runs without an exchange in between: one chain of operators, in as many tasks as `parallelism` says. */
export interface Stage {
  readonly id: number
  readonly input: StageInput
  readonly inputSchema: StructType
  readonly ops: readonly ChainOp[]
  readonly outputSchema: StructType
  readonly parallelism: number
  /** How its rows go to the next stage; null for the last, which feeds the sink. */
  readonly output: { readonly to: number; readonly exchange: Exchange } | null
}

/** A static table that must be collected before the query starts. */
export interface TablePlan {
  readonly tableId: number
  readonly plan: AnalyzedPlan
  readonly keys: readonly Bound[]
}

export interface PhysicalPlan {
  /** Sources first, the sink's stage last. */
  readonly stages: readonly Stage[]
  readonly tables: readonly TablePlan[]
}

interface Draft {
  input: StageInput
  inputSchema: StructType
  ops: ChainOp[]
  parallelism: number
  output: Stage['output']
}

/**
 * Splits a plan into stages at exchanges. With a parallelism of 1 there are none: only a union has more than one stage. Ids are given from
 * the leaves up.
 */
export const planPhysical = (plan: AnalyzedPlan, parallelism: number, outputMode: OutputMode): PhysicalPlan => {
  const drafts: Draft[] = []
  const tables: TablePlan[] = []
  let operatorId = 0
  let watermarkId = 0

  const exchange = (from: number, spread: Exchange, width: number, schema: StructType): number => {
    const id = drafts.push({ input: { kind: 'stages', from: [from] }, inputSchema: schema, ops: [], parallelism: width, output: null }) - 1
    drafts[from].output = { to: id, exchange: spread }
    return id
  }

  const single = (stage: number, schema: StructType): number =>
    drafts[stage].parallelism === 1 ? stage : exchange(stage, { kind: 'single' }, 1, schema)

  const keyed = (stage: number, keys: readonly Bound[], schema: StructType): number => {
    if (parallelism === 1 && drafts[stage].parallelism === 1) return stage
    return keys.length === 0 ? exchange(stage, { kind: 'single' }, 1, schema) : exchange(stage, { kind: 'hash', keys }, parallelism, schema)
  }

  /** True if rows come as a whole result, again in each epoch. */
  const isWhole = (below: AnalyzedPlan): boolean => outputMode === 'complete' && aggregates(below)

  /** Rows by group. Below a mark they are already. */
  const grouped = (below: AnalyzedPlan, keys: readonly Bound[]): number =>
    below.kind === 'markDistinct' ? build(below) : keyed(build(below), keys, below.schema)

  /** Builds what a node needs; returns the stage to whose end its rows come. */
  const build = (node: AnalyzedPlan): number => {
    switch (node.kind) {
      case 'source':
        return (
          drafts.push({
            input: { kind: 'source', source: node.source, columns: node.columns },
            inputSchema: node.schema,
            ops: [],
            parallelism: 1,
            output: null,
          }) - 1
        )
      case 'localRelation':
        return (
          drafts.push({ input: { kind: 'local', rows: node.rows }, inputSchema: node.schema, ops: [], parallelism: 1, output: null }) - 1
        )
      case 'union': {
        const from = node.inputs.map(build)
        const width = Math.max(...from.map(id => drafts[id].parallelism))
        const id = drafts.push({ input: { kind: 'stages', from }, inputSchema: node.schema, ops: [], parallelism: width, output: null }) - 1
        for (const input of from) drafts[input].output = { to: id, exchange: width === 1 ? { kind: 'single' } : { kind: 'roundRobin' } }
        return id
      }
      case 'repartition': {
        const stage = build(node.child)
        const width = Math.min(node.partitions ?? parallelism, parallelism)
        if (width === 1 && drafts[stage].parallelism === 1) return stage
        const spread: Exchange =
          node.keys.length > 0 ? { kind: 'hash', keys: node.keys } : width === 1 ? { kind: 'single' } : { kind: 'roundRobin' }
        return exchange(stage, spread, width, node.schema)
      }
      case 'aggregate': {
        const slices = windowSlices(node, outputMode)
        const { child: _, ...op } = node
        // Slices are kept under the other keys, of rows that have not been multiplied.
        const below = slices !== null && node.child.kind === 'expandWindow' ? node.child.child : node.child
        const keys = slices === null ? node.keys : node.keys.filter((_, i) => i !== slices.key)
        const stage = grouped(below, keys)
        drafts[stage].ops.push({ ...op, operatorId: operatorId++, lagMillis: watermarkLag(below), perEpoch: isWhole(below), slices })
        return stage
      }
      case 'markDistinct': {
        const stage = grouped(node.child, node.keys)
        const { child, ...op } = node
        drafts[stage].ops.push({ ...op, operatorId: operatorId++, lagMillis: watermarkLag(child), perEpoch: isWhole(child) })
        return stage
      }
      case 'deduplicate': {
        const stage = keyed(build(node.child), node.keys, node.child.schema)
        const { child, ...op } = node
        const perEpoch = isWhole(child)
        // What is forgotten with the epoch needs no time to be forgotten at; and nothing is late in complete mode.
        const forgets = perEpoch ? { eventTimeKey: null, expiry: null } : {}
        drafts[stage].ops.push({ ...op, ...forgets, operatorId: operatorId++, lagMillis: watermarkLag(child), perEpoch })
        return stage
      }
      case 'streamJoin': {
        // Both sides hand their rows over by key at once, without a stage in between that only brings them together.
        const from = (node.child.kind === 'union' ? node.child.inputs : [node.child]).map(build)
        const width = Math.max(parallelism, ...from.map(id => drafts[id].parallelism))
        const { child, ...op } = node
        const exchange: Exchange = width === 1 ? { kind: 'single' } : { kind: 'hash', keys: node.keys }
        const input: StageInput = { kind: 'stages', from }
        const id = drafts.push({ input, inputSchema: child.schema, ops: [], parallelism: width, output: null }) - 1
        for (const side of from) drafts[side].output = { to: id, exchange }
        drafts[id].ops.push({ ...op, operatorId: operatorId++, lagMillis: watermarkLag(child) })
        return id
      }
      case 'sort': {
        const stage = single(build(node.child), node.child.schema)
        const { child: _, ...op } = node
        drafts[stage].ops.push({ ...op, operatorId: operatorId++ })
        return stage
      }
      case 'limit': {
        const stage = single(build(node.child), node.child.schema)
        const { child: _, ...op } = node
        drafts[stage].ops.push({ ...op, operatorId: operatorId++, perEpoch: isWhole(node.child) })
        return stage
      }
      case 'watermark': {
        const stage = build(node.child)
        const { child: _, ...op } = node
        drafts[stage].ops.push({ ...op, watermarkId: watermarkId++ })
        return stage
      }
      case 'tableJoin': {
        const stage = build(node.child)
        const tableId = tables.push({ tableId: tables.length, plan: node.table, keys: node.tableKeys }) - 1
        const { child: _, table: __, ...op } = node
        drafts[stage].ops.push({ ...op, tableId })
        return stage
      }
      default: {
        const stage = build(node.child)
        const { child: _, ...op } = node
        drafts[stage].ops.push(op)
        return stage
      }
    }
  }

  build(plan)
  const stages = drafts.map((draft, id): Stage => ({ id, ...draft, outputSchema: draft.ops.at(-1)?.schema ?? draft.inputSchema }))
  return { stages, tables }
}

/** True if some of a plan's rows are totals. */
const aggregates = (plan: AnalyzedPlan): boolean => {
  switch (plan.kind) {
    case 'aggregate':
      return true
    case 'source':
    case 'localRelation':
      return false
    case 'union':
      return plan.inputs.some(aggregates)
    default:
      return aggregates(plan.child)
  }
}
