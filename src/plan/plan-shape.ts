import type { Bound } from '../expression/expression.ts'
import { type AnalyzedPlan, childrenOf, type JoinSide } from './analyzed-plan.ts'
import { inputsOf } from './bound-inputs.ts'

/**
 * What a node does, whatever columns it leaves out. Nodes with the same key do the same to the same rows; columns with the same name hold
 * the same value in the same row.
 */
export interface Shape {
  readonly key: number
  readonly columns: readonly number[]
  readonly height: number
}

/** Tells nodes of one plan from each other by what they do. Names are numbers, one for each text, so that texts stay short. */
export class Shapes {
  readonly #shapes = new Map<AnalyzedPlan, Shape>()
  readonly #names = new Map<string, number>()
  readonly #objects = new Map<object, number>()

  of(node: AnalyzedPlan): Shape {
    let shape = this.#shapes.get(node)
    if (shape === undefined) {
      shape = this.#make(node)
      this.#shapes.set(node, shape)
    }
    return shape
  }

  #make(node: AnalyzedPlan): Shape {
    const below = childrenOf(node).map(child => this.of(child))
    const height = 1 + Math.max(0, ...below.map(each => each.height))
    const inputs = below[0]?.columns ?? []
    const keyOf = (...parts: readonly unknown[]): number =>
      this.#name(`${node.kind} ${below.map(each => each.key).join()} ${parts.join(' | ')}`)
    const value = (bound: Bound | null): number => (bound === null ? -1 : this.#value(bound, inputs))
    const values = (bounds: readonly (Bound | null)[]): string => bounds.map(value).join()
    const passing = (...parts: readonly unknown[]): Shape => ({ key: keyOf(...parts), columns: inputs, height })
    /** All columns are its own. */
    const own = (...parts: readonly unknown[]): Shape => {
      const key = keyOf(...parts)
      return { key, columns: node.schema.fields.map((_, i) => this.#name(`${key} column ${i}`)), height }
    }
    /** The child's columns, and one of its own. */
    const longer = (...parts: readonly unknown[]): Shape => {
      const key = keyOf(...parts)
      return { key, columns: [...inputs, this.#name(`${key} own`)], height }
    }
    switch (node.kind) {
      case 'source': {
        const key = keyOf(node.source.id)
        return { key, columns: node.columns.map(column => this.#name(`${key} column ${column}`)), height }
      }
      case 'localRelation':
        return own(this.#objectName(node.rows))
      case 'project': {
        const { fields } = node.schema
        // One that is said to be nullable is read differently.
        const columns = node.columns.map((column, i) => {
          const name = this.#value(column, inputs)
          return fields[i].nullable === column.nullable ? name : this.#name(`${name} nullable ${fields[i].nullable}`)
        })
        return { key: keyOf(), columns, height }
      }
      case 'filter':
        return passing(value(node.condition))
      case 'watermark':
        return passing(value(node.time), node.delayMicros)
      case 'repartition':
        return passing(node.partitions, values(node.keys))
      case 'limit':
        return passing(node.count)
      case 'sort':
        return passing(node.by.map(({ value: by, ascending, nullsFirst }) => `${value(by)} ${ascending} ${nullsFirst}`).join())
      case 'deduplicate':
        return passing(values(node.keys), node.eventTimeKey, value(node.time), node.expiry?.delayMicros)
      case 'expandWindow':
        return longer(value(node.time), node.sizeMicros, node.slideMicros, node.startMicros)
      case 'markDistinct':
        return longer(values(node.keys), node.eventTimeKey, values(node.values), value(node.condition))
      case 'aggregate': {
        const { keys, aggregates, eventTimeKey } = node
        const totals = aggregates.map(({ arg, filter, ...rest }) => `${this.#text(rest)} ${value(arg)} ${value(filter)}`)
        return own(values(keys), totals.join(), eventTimeKey)
      }
      case 'union':
        return own(below.map(each => each.columns.join()).join(' and '))
      case 'tableJoin': {
        const { child: _, table, streamKeys, residual, schema: __, ...rest } = node
        // The table's columns stand behind the stream's.
        const names = [...inputs, ...table.schema.fields.map((___, i) => this.#name(`table column ${i}`))]
        const left = residual === null ? -1 : this.#value(residual, names)
        return own(inputs.join(), values(streamKeys), left, this.#text(rest), this.#text(table))
      }
      case 'streamJoin': {
        const { child: _, keys, left, right, residual, schema: __, ...rest } = node
        const side = ({ condition, time, bounds, ...others }: JoinSide): string => {
          const until = bounds.map(({ time: each, ...bound }) => `${value(each)} ${this.#text(bound)}`)
          return `${this.#text(others)} ${value(condition)} ${value(time)} ${until.join()}`
        }
        // What is left of the condition is over the columns of both sides, which are all that the join is of.
        return own(inputs.join(), values(keys), side(left), side(right), residual === null ? -1 : this.#text(residual), this.#text(rest))
      }
      default:
        return node satisfies never
    }
  }

  /** The name of what an expression gives. */
  #value(bound: Bound, inputs: readonly number[]): number {
    if (bound.kind === 'input') return inputs[bound.ordinal]
    const names = new Map(inputsOf(bound).map(ordinal => [ordinal, inputs[ordinal]]))
    return this.#name(this.#text(bound, names))
  }

  /** Everything that an object says, as text. What a plan only refers to is itself alone, and a random number is like no other. */
  #text(whole: unknown, inputs: ReadonlyMap<number, number> | null = null): string {
    return JSON.stringify(whole, (key, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`
      if (typeof value === 'number')
        return Number.isFinite(value) && !Object.is(value, -0) ? value : `number ${Object.is(value, -0) ? '-0' : value}`
      if (typeof value !== 'object' || value === null) return value
      if (value instanceof Uint8Array) return `bytes ${value.join()}`
      if (key === 'rows' || key === 'holds' || key === 'ref') return `object ${this.#objectName(value)}`
      if (!('kind' in value)) return value
      if (value.kind === 'call' && 'name' in value && value.name === 'rand') return `random ${this.#name(`random ${this.#names.size}`)}`
      if (inputs !== null && value.kind === 'input' && 'ordinal' in value) return `input ${inputs.get(Number(value.ordinal))}`
      return value
    })
  }

  #name(text: string): number {
    let name = this.#names.get(text)
    if (name === undefined) {
      name = this.#names.size
      this.#names.set(text, name)
    }
    return name
  }

  #objectName(object: object): number {
    let name = this.#objects.get(object)
    if (name === undefined) {
      name = this.#objects.size
      this.#objects.set(object, name)
    }
    return name
  }
}
