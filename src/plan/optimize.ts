import type { Bound } from '../expression/expression.ts'
import { structType } from '../record/data-type.ts'
import type { AnalyzedPlan, JoinSide } from './analyzed-plan.ts'
import { inputsOf, mapInputs, substitute } from './bound-inputs.ts'
import { isCostly } from './determinism.ts'
import { pushFilters } from './push-filters.ts'
import { rewrite } from './rewrite-plan.ts'

/** Rewrites a plan to one that does less and means the same. Each rule is small and keeps the schema. */
export const optimize = (plan: AnalyzedPlan): AnalyzedPlan => {
  const all = plan.schema.fields.map((_, i) => i)
  return prune(collapse(pushFilters(plan)), all).plan
}

/** Two projections in a row become one, unless something costly would be computed twice. */
const collapse = (plan: AnalyzedPlan): AnalyzedPlan =>
  rewrite(plan, node => {
    if (node.kind !== 'project' || node.child.kind !== 'project') return node
    const below = node.child
    const uses = new Array<number>(below.columns.length).fill(0)
    for (const column of node.columns) for (const i of inputsOf(column)) uses[i]++
    if (below.columns.some((column, i) => uses[i] > 1 && isCostly(column))) return node
    return { ...node, child: below.child, columns: node.columns.map(column => substitute(column, below.columns)) }
  })

interface Pruned {
  readonly plan: AnalyzedPlan
  /** Where a column of the old plan stands in the new one; -1 if it is gone. */
  readonly place: readonly number[]
}

/** Columns that nobody reads are not computed, nor read from the source. `needed`: ordinals of the output that are read, ascending. */
const prune = (plan: AnalyzedPlan, needed: readonly number[]): Pruned => {
  const width = plan.schema.fields.length
  const placeOf = (kept: readonly number[]): number[] => Array.from({ length: width }, (_, i) => kept.indexOf(i))
  const schemaOf = (kept: readonly number[]) => structType(kept.map(i => plan.schema.fields[i]))
  const union = (...lists: readonly (readonly number[])[]): number[] => [...new Set(lists.flat())].sort((a, b) => a - b)
  switch (plan.kind) {
    case 'source': {
      // A record without columns would be no record.
      const kept = needed.length === 0 ? [0] : needed
      return { plan: { ...plan, columns: kept.map(i => plan.columns[i]), schema: schemaOf(kept) }, place: placeOf(kept) }
    }
    case 'localRelation':
      return { plan, place: placeOf(plan.schema.fields.map((_, i) => i)) }
    case 'project': {
      const kept = needed.length === 0 ? [0] : needed
      const columns = kept.map(i => plan.columns[i])
      const child = prune(plan.child, union(...columns.map(inputsOf)))
      return {
        plan: {
          ...plan,
          child: child.plan,
          columns: columns.map(column => mapInputs(column, i => child.place[i])),
          schema: schemaOf(kept),
        },
        place: placeOf(kept),
      }
    }
    case 'filter': {
      const child = prune(plan.child, union(needed, inputsOf(plan.condition)))
      return {
        plan: { ...plan, child: child.plan, condition: mapInputs(plan.condition, i => child.place[i]), schema: child.plan.schema },
        place: child.place,
      }
    }
    case 'watermark': {
      const child = prune(plan.child, union(needed, inputsOf(plan.time)))
      return {
        plan: { ...plan, child: child.plan, time: mapInputs(plan.time, i => child.place[i]), schema: child.plan.schema },
        place: child.place,
      }
    }
    case 'expandWindow': {
      const inner = width - 1
      const child = prune(
        plan.child,
        union(
          needed.filter(i => i < inner),
          inputsOf(plan.time),
        ),
      )
      const schema = structType([...child.plan.schema.fields, plan.schema.fields[inner]])
      const place = [...Array.from({ length: inner }, (_, i) => child.place[i]), child.plan.schema.fields.length]
      return { plan: { ...plan, child: child.plan, time: mapInputs(plan.time, i => child.place[i]), schema }, place }
    }
    case 'aggregate': {
      // Keys and aggregates are state: they are what the checkpoint holds, so all of them stay.
      const reads = [...plan.keys, ...plan.aggregates.flatMap(({ arg, filter }) => [arg, filter]).filter(e => e !== null)].flatMap(inputsOf)
      const child = prune(plan.child, union(reads))
      const move = (e: Bound): Bound => mapInputs(e, i => child.place[i])
      const aggregates = plan.aggregates.map(aggregate => ({
        ...aggregate,
        arg: aggregate.arg === null ? null : move(aggregate.arg),
        filter: aggregate.filter === null ? null : move(aggregate.filter),
      }))
      return {
        plan: { ...plan, child: child.plan, keys: plan.keys.map(move), aggregates },
        place: placeOf(plan.schema.fields.map((_, i) => i)),
      }
    }
    case 'markDistinct': {
      const inner = width - 1
      const reads = [...plan.keys, ...plan.values, ...(plan.condition === null ? [] : [plan.condition])].flatMap(inputsOf)
      const child = prune(
        plan.child,
        union(
          needed.filter(i => i < inner),
          reads,
        ),
      )
      const move = (e: Bound): Bound => mapInputs(e, i => child.place[i])
      return {
        plan: {
          ...plan,
          child: child.plan,
          keys: plan.keys.map(move),
          values: plan.values.map(move),
          condition: plan.condition === null ? null : move(plan.condition),
          schema: structType([...child.plan.schema.fields, plan.schema.fields[inner]]),
        },
        place: [...Array.from({ length: inner }, (_, i) => child.place[i]), child.plan.schema.fields.length],
      }
    }
    case 'deduplicate': {
      const read = union(needed, plan.keys.flatMap(inputsOf))
      // As in Spark, a row is late for those who look at its time: where nobody does, the column goes, and no row is dropped.
      const times = plan.time === null ? [] : inputsOf(plan.time)
      const isTimed = plan.expiry !== null || times.some(i => read.includes(i))
      const child = prune(plan.child, isTimed ? union(read, times) : read)
      const move = (e: Bound): Bound => mapInputs(e, i => child.place[i])
      const time = plan.time === null || !isTimed ? null : move(plan.time)
      return { plan: { ...plan, child: child.plan, keys: plan.keys.map(move), time, schema: child.plan.schema }, place: child.place }
    }
    case 'tableJoin': {
      const streamWidth = plan.child.schema.fields.length
      const residual = plan.residual === null ? [] : inputsOf(plan.residual)
      const fromStream = union(needed, residual, plan.streamKeys.flatMap(inputsOf)).filter(i => i < streamWidth)
      const child = prune(plan.child, fromStream)
      // The table is read once and kept: all of its columns stay.
      const newWidth = child.plan.schema.fields.length
      const move = (i: number): number => (i < streamWidth ? child.place[i] : i - streamWidth + newWidth)
      const tableFields = plan.schema.fields.slice(streamWidth)
      return {
        plan: {
          ...plan,
          child: child.plan,
          table: optimize(plan.table),
          streamKeys: plan.streamKeys.map(key => mapInputs(key, move)),
          residual: plan.residual === null ? null : mapInputs(plan.residual, move),
          schema: structType([...child.plan.schema.fields, ...tableFields]),
        },
        place: Array.from({ length: width }, (_, i) => move(i)),
      }
    }
    case 'streamJoin': {
      const { left, right, residual } = plan
      const leftWidth = left.schema.fields.length
      // Rows are state: what nobody reads is not kept.
      const inChild = (i: number): number => (i < leftWidth ? left.first + i : right.first + i - leftWidth)
      const asked = [left, right].flatMap(({ condition, time, bounds }) => [condition, time, ...bounds.map(bound => bound.time)])
      const reads = asked.filter(e => e !== null).flatMap(inputsOf)
      const kept = union(
        Array.from({ length: left.first }, (_, i) => i),
        [...needed, ...(residual === null ? [] : inputsOf(residual))].map(inChild),
        reads,
      )
      const child = prune(plan.child, kept)
      const move = (e: Bound): Bound => mapInputs(e, i => child.place[i])
      const columnsOf = (side: JoinSide): number[] => kept.filter(i => i >= side.first && i < side.first + side.schema.fields.length)
      const sideOf = (side: JoinSide, first: number): JoinSide => ({
        ...side,
        first,
        schema: structType(columnsOf(side).map(i => side.schema.fields[i - side.first])),
        condition: side.condition === null ? null : move(side.condition),
        time: side.time === null ? null : move(side.time),
        bounds: side.bounds.map(bound => ({ ...bound, time: move(bound.time) })),
      })
      const newLeft = sideOf(left, left.first)
      const newRight = sideOf(right, left.first + newLeft.schema.fields.length)
      const places = [...columnsOf(left).map(i => i - left.first), ...columnsOf(right).map(i => i - right.first + leftWidth)]
      const place = Array.from({ length: leftWidth + right.schema.fields.length }, (_, i) => places.indexOf(i))
      return {
        plan: {
          ...plan,
          child: child.plan,
          left: newLeft,
          right: newRight,
          residual: residual === null ? null : mapInputs(residual, i => place[i]),
          schema: schemaOf(places.filter(i => i < width)),
        },
        place: place.slice(0, width),
      }
    }
    case 'union': {
      const kept = needed.length === 0 ? [0] : needed
      const inputs = plan.inputs.map(input => {
        const pruned = prune(input, kept)
        const identical = pruned.plan.schema.fields.length === kept.length && kept.every((i, to) => pruned.place[i] === to)
        if (identical) return pruned.plan
        const columns = kept.map((i): Bound => ({ kind: 'input', ordinal: pruned.place[i], ...plan.schema.fields[i] }))
        return { kind: 'project', child: pruned.plan, columns, schema: schemaOf(kept) } satisfies AnalyzedPlan
      })
      return { plan: { ...plan, inputs, schema: schemaOf(kept) }, place: placeOf(kept) }
    }
    case 'repartition': {
      const child = prune(plan.child, union(needed, plan.keys.flatMap(inputsOf)))
      return {
        plan: { ...plan, child: child.plan, keys: plan.keys.map(key => mapInputs(key, i => child.place[i])), schema: child.plan.schema },
        place: child.place,
      }
    }
    case 'sort': {
      const child = prune(
        plan.child,
        union(
          needed,
          plan.by.flatMap(({ value }) => inputsOf(value)),
        ),
      )
      const by = plan.by.map(key => ({ ...key, value: mapInputs(key.value, i => child.place[i]) }))
      return { plan: { ...plan, child: child.plan, by, schema: child.plan.schema }, place: child.place }
    }
    case 'limit': {
      const child = prune(plan.child, needed.length === 0 ? [0] : needed)
      return { plan: { ...plan, child: child.plan, schema: child.plan.schema }, place: child.place }
    }
    default:
      return plan satisfies never
  }
}
