import type { Bound, BoundAggregate } from '../expression/expression.ts'
import { type Field, structType } from '../record/data-type.ts'
import { type AnalyzedPlan, childrenOf } from './analyzed-plan.ts'
import { mapInputs } from './bound-inputs.ts'
import { isCostly } from './determinism.ts'
import { type Shape, Shapes } from './plan-shape.ts'

/**
 * Finds what a plan does more than once and has it done once, as Spark's ReuseExchange and Flink's reuse of sub-plans do: parts over the
 * same source, with the same operators, become one node, which stands in the plan in each of their places as the same object. Each source
 * is read once. Columns may differ: the common part has those of all, and each user takes his own.
 *
 * It comes after `optimize`, which gives each place its own columns and filters. Nothing with `rand()` in it is taken for the same.
 */
export const shareParts = (plan: AnalyzedPlan): AnalyzedPlan => new Sharing(plan).share()

/** A place in the plan. */
interface Occurrence {
  readonly node: AnalyzedPlan
  readonly shape: Shape
  readonly parent: Occurrence | null
  readonly index: number
}

/** Nodes of one shape as one. `places[i][c]`: where column c of the i-th stands. */
interface Merged {
  readonly plan: AnalyzedPlan
  readonly places: readonly (readonly number[])[]
}

class Sharing {
  readonly #root: AnalyzedPlan
  readonly #shapes = new Shapes()
  readonly #byKey = new Map<number, Occurrence[]>()
  /** Shapes that are built once, by key. */
  readonly #shared = new Set<number>()
  readonly #merged = new Map<number, { readonly plan: AnalyzedPlan; readonly placeOf: ReadonlyMap<AnalyzedPlan, readonly number[]> }>()

  constructor(plan: AnalyzedPlan) {
    this.#root = plan
    this.#collect(plan, null, 0)
  }

  share(): AnalyzedPlan {
    // Above before below: what is used only within a common part is common with it.
    const groups = [...this.#byKey].sort(([, [a]], [, [b]]) => b.shape.height - a.shape.height)
    for (const [key, occurrences] of groups) {
      if (occurrences.length > 1 && this.#isWorth(occurrences) && new Set(occurrences.map(each => this.#userOf(each))).size > 1)
        this.#shared.add(key)
    }
    if (this.#shared.size === 0) return this.#root
    const { plan, places } = this.#link([this.#root])
    return exactly(plan, places[0], this.#root)
  }

  #collect(node: AnalyzedPlan, parent: Occurrence | null, index: number): void {
    const shape = this.#shapes.of(node)
    const occurrence = { node, shape, parent, index }
    const group = this.#byKey.get(shape.key)
    if (group === undefined) this.#byKey.set(shape.key, [occurrence])
    else group.push(occurrence)
    for (const [i, child] of childrenOf(node).entries()) this.#collect(child, occurrence, i)
  }

  /** Who takes a place's rows, by a name that places have in common if all of them are in the same common part at the same position. */
  #userOf(occurrence: Occurrence): string {
    const path = [occurrence.index]
    let above = occurrence.parent
    for (; above !== null && !this.#shared.has(above.shape.key); above = above.parent) path.push(above.index)
    return `${above?.shape.key ?? 'root'} ${path.join(' ')}`
  }

  /** False for what costs nothing, or is one with what stands above it. */
  #isWorth(occurrences: readonly Occurrence[]): boolean {
    const [{ node }] = occurrences
    switch (node.kind) {
      case 'expandWindow':
      case 'markDistinct':
        return false
      case 'project': {
        const uses = new Map<number, number>()
        for (const { node: each, shape } of occurrences) {
          if (each.kind !== 'project') continue
          const costly = shape.columns.filter((_, i) => isCostly(each.columns[i]))
          for (const column of new Set(costly)) uses.set(column, (uses.get(column) ?? 0) + 1)
        }
        return [...uses.values()].some(count => count > 1)
      }
      case 'union':
        return occurrences.every(({ parent }) => parent?.node.kind !== 'streamJoin')
      default:
        return true
    }
  }

  /** Nodes of one shape where something stands on them: rewritten, or the common part, with no more columns than they have. */
  #link(nodes: readonly AnalyzedPlan[]): Merged {
    const linked = this.#linkWide(nodes)
    const [node] = nodes
    if (!this.#shared.has(this.#shapes.of(node).key)) return linked
    if (nodes.length === 1) return { plan: exactly(linked.plan, linked.places[0], node), places: [node.schema.fields.map((_, i) => i)] }
    const { fields } = linked.plan.schema
    const used = [...new Set(linked.places.flat())].sort((a, b) => a - b)
    if (used.length === fields.length) return linked
    const plan = choose(
      linked.plan,
      used,
      used.map(i => fields[i]),
    )
    return { plan, places: linked.places.map(each => each.map(i => used.indexOf(i))) }
  }

  /** The same with all columns that the common part has. */
  #linkWide(nodes: readonly AnalyzedPlan[]): Merged {
    const { key } = this.#shapes.of(nodes[0])
    if (!this.#shared.has(key)) return this.#merge(nodes)
    let merged = this.#merged.get(key)
    if (merged === undefined) {
      const all = [...new Set((this.#byKey.get(key) ?? []).map(({ node }) => node))]
      const { plan, places } = this.#merge(all)
      merged = { plan, placeOf: new Map(all.map((node, i) => [node, places[i]])) }
      this.#merged.set(key, merged)
    }
    const { plan, placeOf } = merged
    return { plan, places: nodes.map(node => placeOf.get(node) ?? []) }
  }

  /** The children at one position of nodes of one shape. */
  #child(nodes: readonly AnalyzedPlan[], index = 0): Merged {
    return this.#link(nodes.map(node => childrenOf(node)[index]))
  }

  /** The same with their columns as they were: where all of the nodes have the same ones. */
  #exactChild(nodes: readonly AnalyzedPlan[], index = 0): AnalyzedPlan {
    const { plan, places } = this.#child(nodes, index)
    return exactly(plan, places[0], childrenOf(nodes[0])[index])
  }

  #merge(nodes: readonly AnalyzedPlan[]): Merged {
    const [node] = nodes
    const asTheyWere = nodes.map(each => each.schema.fields.map((_, i) => i))
    switch (node.kind) {
      case 'localRelation':
        return { plan: node, places: asTheyWere }
      case 'source': {
        const fields = new Map<number, Field>()
        for (const each of nodes)
          if (each.kind === 'source') for (const [i, column] of each.columns.entries()) fields.set(column, each.schema.fields[i])
        const columns = [...fields.keys()].sort((a, b) => a - b)
        const schema = structType(columns.map(column => fields.get(column)).filter(f => f !== undefined))
        const places = nodes.map(each => (each.kind === 'source' ? each.columns.map(column => columns.indexOf(column)) : []))
        return { plan: { ...node, columns, schema }, places }
      }
      case 'project': {
        const child = this.#linkWide(nodes.map(each => childrenOf(each)[0]))
        const columns: Bound[] = []
        const fields: Field[] = []
        const placeOf = new Map<number, number>()
        const places = nodes.map((each, n) => {
          if (each.kind !== 'project') return []
          return this.#shapes.of(each).columns.map((name, i) => {
            const known = placeOf.get(name)
            // A row that is put out as it is may have a column twice.
            if (known !== undefined && nodes.length > 1) return known
            const place = columns.push(mapInputs(each.columns[i], at => child.places[n][at])) - 1
            fields.push(each.schema.fields[i])
            placeOf.set(name, place)
            return place
          })
        })
        return { plan: { ...node, child: child.plan, columns, schema: structType(fields) }, places }
      }
      case 'union':
        return { plan: { ...node, inputs: node.inputs.map((_, i) => this.#exactChild(nodes, i)) }, places: asTheyWere }
      case 'streamJoin':
      case 'tableJoin':
        return { plan: { ...node, child: this.#exactChild(nodes) }, places: asTheyWere }
      default: {
        const child = this.#child(nodes)
        const [place] = child.places
        const move = <B extends Bound | null>(bound: B): B => (bound === null ? bound : (mapInputs(bound, i => place[i]) as B))
        const below = { child: child.plan, schema: child.plan.schema }
        const { places } = child
        // The child's columns, then one more.
        const width = below.schema.fields.length
        const longer = { ...below, schema: structType([...below.schema.fields, ...node.schema.fields.slice(-1)]) }
        const longerPlaces = places.map(each => [...each, width])
        switch (node.kind) {
          case 'filter':
            return { plan: { ...node, ...below, condition: move(node.condition) }, places }
          case 'watermark':
            return { plan: { ...node, ...below, time: move(node.time) }, places }
          case 'repartition':
            return { plan: { ...node, ...below, keys: node.keys.map(move) }, places }
          case 'sort':
            return { plan: { ...node, ...below, by: node.by.map(key => ({ ...key, value: move(key.value) })) }, places }
          case 'limit':
            return { plan: { ...node, ...below }, places }
          case 'deduplicate': {
            const time = node.time === null ? null : move(node.time)
            return { plan: { ...node, ...below, keys: node.keys.map(move), time }, places }
          }
          case 'expandWindow':
            return { plan: { ...node, ...longer, time: move(node.time) }, places: longerPlaces }
          case 'markDistinct': {
            const { keys, values, condition } = node
            const marks = { keys: keys.map(move), values: values.map(move), condition: move(condition) }
            return { plan: { ...node, ...longer, ...marks }, places: longerPlaces }
          }
          case 'aggregate': {
            const aggregates = node.aggregates.map((each): BoundAggregate => ({ ...each, arg: move(each.arg), filter: move(each.filter) }))
            return { plan: { ...node, child: child.plan, keys: node.keys.map(move), aggregates }, places: asTheyWere }
          }
          default:
            return node satisfies never
        }
      }
    }
  }
}

/** A plan with the columns of a node, in its order and under its names. */
const exactly = (plan: AnalyzedPlan, place: readonly number[], { schema }: AnalyzedPlan): AnalyzedPlan => {
  const { fields } = plan.schema
  const isSo = fields.length === place.length && place.every((i, to) => i === to && fields[i].name === schema.fields[to].name)
  return isSo ? plan : choose(plan, place, schema.fields)
}

/** Some of a plan's columns. */
const choose = (plan: AnalyzedPlan, place: readonly number[], fields: readonly Field[]): AnalyzedPlan => {
  const columns = place.map((ordinal): Bound => ({ kind: 'input', ordinal, ...plan.schema.fields[ordinal] }))
  return { kind: 'project', child: plan, columns, schema: structType(fields) }
}
