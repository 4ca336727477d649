import type { Expression, LiteralValue } from '../../src/expression/expression.ts'
import type { LogicalPlan, SourceNode } from '../../src/plan/logical-plan.ts'
import type { DataType, StructType } from '../../src/record/data-type.ts'

/** Plan nodes in few words. */

export const col = (name: string): Expression => ({ kind: 'column', name })
export const lit = (value: LiteralValue, type: DataType = typeOf(value)): Expression => ({ kind: 'literal', value, type })
export const call = (name: string, ...args: Expression[]): Expression => ({ kind: 'call', name, args })
export const as = (child: Expression, name: string): Expression => ({ kind: 'alias', child, name })
export const field = (child: Expression, name: string): Expression => ({ kind: 'field', child, name })

export const agg = (
  name: string,
  arg: Expression | null = null,
  options: { filter?: Expression; ignoreNulls?: boolean; distinct?: boolean } = {},
): Expression => ({
  kind: 'aggregate',
  name,
  args: arg === null ? [] : [arg],
  distinct: options.distinct ?? false,
  filter: options.filter ?? null,
  ignoreNulls: options.ignoreNulls ?? false,
})

export const window = (time: string, sizeMillis: number, slideMillis = sizeMillis, startMillis = 0): Expression => ({
  kind: 'window',
  time: col(time),
  sizeMicros: sizeMillis * 1000,
  slideMicros: slideMillis * 1000,
  startMicros: startMillis * 1000,
})

export const source = (schema: StructType, streaming = true): SourceNode => ({
  kind: 'source',
  id: '0',
  format: 'memory',
  options: {},
  schema,
  streaming,
})

export const watermark = (child: LogicalPlan, column: string, delayMillis: number): LogicalPlan => ({
  kind: 'watermark',
  child,
  column,
  delayMicros: delayMillis * 1000,
})

export const groupBy = (child: LogicalPlan, keys: readonly Expression[], aggregates: readonly Expression[]): LogicalPlan => ({
  kind: 'aggregate',
  child,
  keys,
  aggregates,
})

const typeOf = (value: LiteralValue): DataType => {
  switch (typeof value) {
    case 'string':
      return { kind: 'string' }
    case 'boolean':
      return { kind: 'boolean' }
    case 'bigint':
      return { kind: 'long' }
    case 'number':
      return Number.isInteger(value) ? { kind: 'integer' } : { kind: 'double' }
    default:
      return { kind: 'null' }
  }
}
