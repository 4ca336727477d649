import type { Bound } from '../expression/expression.ts'
import type { StructType } from '../record/data-type.ts'
import type { UserRow } from '../record/user-value.ts'
import { type AnalyzedPlan, childrenOf } from './analyzed-plan.ts'
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

/**
 * One operator of a chain: a node of the plan without its input. `schema` is that of its output. `after`: the index of the operator whose
 * rows it takes, -1 for what comes into the chain, where that is not the operator before it in the list: a chain whose rows go several ways
 * is a tree.
 */
export type ChainOp = { readonly after?: number } & ChainOpKind

type ChainOpKind =
  | WithoutChild<NodeOf<'filter'>>
  | WithoutChild<NodeOf<'project'>>
  | (WithoutChild<NodeOf<'watermark'>> & { readonly watermarkId: number })
  | WithoutChild<NodeOf<'expandWindow'>>
  | (WithoutChild<NodeOf<'tableJoin'>> & { readonly tableId: number })
  | (WithoutChild<NodeOf<'aggregate'>> & Stateful & PerEpoch & { readonly slices: WindowSlices | null })
  | (WithoutChild<NodeOf<'markDistinct'>> & Stateful & PerEpoch)
  | (WithoutChild<NodeOf<'deduplicate'>> & Stateful & PerEpoch)
  | (WithoutChild<NodeOf<'streamJoin'>> & Stateful & { readonly waitMillis: number })
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
  /** Where its rows go; none for the last stage, which feeds the sink. */
  readonly outputs: readonly StageOutput[]
}

/** Rows of a stage on their way to another one. */
export interface StageOutput {
  readonly to: number
  readonly exchange: Exchange
  /** The index of the operator whose rows they are; -1 for what comes into the stage. */
  readonly after: number
  readonly schema: StructType
}

/** The index of the operator whose rows another one takes; -1 for what comes into the chain. */
export const upstreamOf = (ops: readonly ChainOp[], index: number): number => ops[index].after ?? index - 1

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
  outputs: StageOutput[]
}

/** A place in a stage at which a node's rows are: behind an operator, or at the stage's beginning (-1). */
interface Place {
  readonly stage: number
  readonly after: number
}

/**
 * Splits a plan into stages at exchanges. With a parallelism of 1 there are none: only a union has more than one stage. Ids are given from
 * the leaves up. A node that stands in the plan more than once, as the same object (`shareParts`), is run once: its rows go several ways.
 */
export const planPhysical = (plan: AnalyzedPlan, parallelism: number, outputMode: OutputMode): PhysicalPlan => {
  const drafts: Draft[] = []
  const tables: TablePlan[] = []
  let operatorId = 0
  let watermarkId = 0

  const shared = repeated(plan)
  const places = new Map<AnalyzedPlan, Place>()

  const stageOf = (input: StageInput, inputSchema: StructType, width: number): Place => {
    const stage = drafts.push({ input, inputSchema, ops: [], parallelism: width, outputs: [] }) - 1
    return { stage, after: -1 }
  }

  const schemaAt = ({ stage, after }: Place): StructType => (after < 0 ? drafts[stage].inputSchema : drafts[stage].ops[after].schema)

  const connect = (from: Place, to: number, exchange: Exchange): void => {
    drafts[from.stage].outputs.push({ to, exchange, after: from.after, schema: schemaAt(from) })
  }

  /** A stage that takes the rows of others. */
  const gather = (from: readonly Place[], exchange: Exchange, width: number, schema: StructType): Place => {
    const gathered = stageOf({ kind: 'stages', from: [...new Set(from.map(({ stage }) => stage))] }, schema, width)
    for (const place of from) connect(place, gathered.stage, exchange)
    return gathered
  }

  const single = (place: Place): Place =>
    drafts[place.stage].parallelism === 1 ? place : gather([place], { kind: 'single' }, 1, schemaAt(place))

  const keyed = (place: Place, keys: readonly Bound[]): Place => {
    if (parallelism === 1 && drafts[place.stage].parallelism === 1) return place
    const schema = schemaAt(place)
    return keys.length === 0 ? gather([place], { kind: 'single' }, 1, schema) : gather([place], { kind: 'hash', keys }, parallelism, schema)
  }

  /** Puts an operator behind what is at a place. */
  const put = ({ stage, after }: Place, op: ChainOp): Place => {
    const { ops } = drafts[stage]
    ops.push(after === ops.length - 1 ? op : { ...op, after })
    return { stage, after: ops.length - 1 }
  }

  /** True if rows come as a whole result, again in each epoch. */
  const isWhole = (below: AnalyzedPlan): boolean => outputMode === 'complete' && aggregates(below)

  /** Rows by group. Below a mark they are already. */
  const grouped = (below: AnalyzedPlan, keys: readonly Bound[]): Place =>
    below.kind === 'markDistinct' ? build(below) : keyed(build(below), keys)

  /** Builds what a node needs; returns the place at which its rows are. What stands in the plan again is there already. */
  const build = (node: AnalyzedPlan): Place => {
    const made = places.get(node)
    if (made !== undefined) return made
    const place = make(node)
    if (shared.has(node)) places.set(node, place)
    return place
  }

  const make = (node: AnalyzedPlan): Place => {
    switch (node.kind) {
      case 'source':
        return stageOf({ kind: 'source', source: node.source, columns: node.columns }, node.schema, 1)
      case 'localRelation':
        return stageOf({ kind: 'local', rows: node.rows }, node.schema, 1)
      case 'union': {
        const from = node.inputs.map(build)
        const width = Math.max(...from.map(({ stage }) => drafts[stage].parallelism))
        return gather(from, width === 1 ? { kind: 'single' } : { kind: 'roundRobin' }, width, node.schema)
      }
      case 'repartition': {
        const place = build(node.child)
        const width = Math.min(node.partitions ?? parallelism, parallelism)
        if (width === 1 && drafts[place.stage].parallelism === 1) return place
        const spread: Exchange =
          node.keys.length > 0 ? { kind: 'hash', keys: node.keys } : width === 1 ? { kind: 'single' } : { kind: 'roundRobin' }
        return gather([place], spread, width, node.schema)
      }
      case 'aggregate': {
        const slices = windowSlices(node, outputMode)
        const { child: _, ...op } = node
        // Slices are kept under the other keys, of rows that have not been multiplied.
        const below = slices !== null && node.child.kind === 'expandWindow' ? node.child.child : node.child
        const keys = slices === null ? node.keys : node.keys.filter((_, i) => i !== slices.key)
        return put(grouped(below, keys), {
          ...op,
          operatorId: operatorId++,
          lagMillis: watermarkLag(below),
          perEpoch: isWhole(below),
          slices,
        })
      }
      case 'markDistinct': {
        const { child, ...op } = node
        return put(grouped(child, node.keys), { ...op, operatorId: operatorId++, lagMillis: watermarkLag(child), perEpoch: isWhole(child) })
      }
      case 'deduplicate': {
        const { child, ...op } = node
        const perEpoch = isWhole(child)
        // What is forgotten with the epoch needs no time to be forgotten at; and nothing is late in complete mode.
        const forgets = perEpoch ? { eventTimeKey: null, time: null, expiry: null } : {}
        const place = keyed(build(child), node.keys)
        return put(place, { ...op, ...forgets, operatorId: operatorId++, lagMillis: watermarkLag(child), perEpoch })
      }
      case 'streamJoin': {
        // Both sides hand their rows over by key at once, without a stage in between that only brings them together.
        const from = (node.child.kind === 'union' ? node.child.inputs : [node.child]).map(build)
        const width = Math.max(parallelism, ...from.map(({ stage }) => drafts[stage].parallelism))
        const { child, ...op } = node
        const joined = gather(from, width === 1 ? { kind: 'single' } : { kind: 'hash', keys: node.keys }, width, child.schema)
        const lagMillis = watermarkLag(child)
        return put(joined, { ...op, operatorId: operatorId++, lagMillis, waitMillis: watermarkLag(node) - lagMillis })
      }
      case 'sort': {
        const { child: _, ...op } = node
        return put(single(build(node.child)), { ...op, operatorId: operatorId++ })
      }
      case 'limit': {
        const { child: _, ...op } = node
        return put(single(build(node.child)), { ...op, operatorId: operatorId++, perEpoch: isWhole(node.child) })
      }
      case 'watermark': {
        const { child: _, ...op } = node
        return put(build(node.child), { ...op, watermarkId: watermarkId++ })
      }
      case 'tableJoin': {
        const place = build(node.child)
        const tableId = tables.push({ tableId: tables.length, plan: node.table, keys: node.tableKeys }) - 1
        const { child: _, table: __, ...op } = node
        return put(place, { ...op, tableId })
      }
      default: {
        const { child: _, ...op } = node
        return put(build(node.child), op)
      }
    }
  }

  build(plan)
  const stages = drafts.map((draft, id): Stage => ({ id, ...draft, outputSchema: draft.ops.at(-1)?.schema ?? draft.inputSchema }))
  return { stages, tables }
}

/** Nodes that stand in a plan more than once, as the same object. */
const repeated = (plan: AnalyzedPlan): ReadonlySet<AnalyzedPlan> => {
  const [seen, found] = [new Set<AnalyzedPlan>(), new Set<AnalyzedPlan>()]
  const visit = (node: AnalyzedPlan): void => {
    if (seen.has(node)) {
      found.add(node)
      return
    }
    seen.add(node)
    for (const child of childrenOf(node)) visit(child)
  }
  visit(plan)
  return found
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
