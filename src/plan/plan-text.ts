import { aggregateText, boundText, visible } from '../expression/bound-text.ts'
import type { Bound } from '../expression/expression.ts'
import { outputName } from '../expression/resolve.ts'
import { type StructType, typeName } from '../record/data-type.ts'
import { type AnalyzedPlan, childrenOf, type JoinSide, type SortKey } from './analyzed-plan.ts'
import type { LogicalPlan } from './logical-plan.ts'
import type { ChainOp } from './physical-plan.ts'
import type { WindowSlices } from './window-slices.ts'

const schemaText = (schema: StructType): string => schema.fields.map(f => `${f.name}: ${typeName(f.type)}`).join(', ')

/** A tree with its children indented below it. */
const tree = <T>(node: T, line: (node: T) => string, children: (node: T) => readonly T[], indent = ''): string =>
  [`${indent}${line(node)}`, ...children(node).map(child => tree(child, line, children, `${indent}   `))].join('\n')

/** The plan as the user built it. */
export const logicalText = (plan: LogicalPlan): string => tree(plan, logicalLine, logicalChildren)

const logicalChildren = (plan: LogicalPlan): readonly LogicalPlan[] => {
  switch (plan.kind) {
    case 'source':
    case 'localRelation':
      return []
    case 'join':
      return [plan.left, plan.right]
    case 'union':
      return plan.inputs
    default:
      return [plan.child]
  }
}

const logicalLine = (plan: LogicalPlan): string => {
  switch (plan.kind) {
    case 'source':
      return `${plan.streaming ? 'StreamingRelation' : 'Relation'} ${plan.format} [${schemaText(plan.schema)}]`
    case 'localRelation':
      return `LocalRelation ${plan.rows.length} rows [${schemaText(plan.schema)}]`
    case 'project':
      return `Project [${plan.columns.map(outputName).join(', ')}]`
    case 'withColumns':
      return `WithColumns [${plan.columns.map(({ name, value }) => `${name}: ${outputName(value)}`).join(', ')}]`
    case 'rename':
      return `Rename ${plan.from} to ${plan.to}`
    case 'drop':
      return `Drop [${plan.names.join(', ')}]`
    case 'filter':
      return `Filter ${outputName(plan.condition)}`
    case 'watermark':
      return `EventTimeWatermark ${plan.column}, delay ${plan.delayMicros / 1000} ms`
    case 'aggregate':
      return `Aggregate [${plan.keys.map(outputName).join(', ')}] [${plan.aggregates.map(outputName).join(', ')}]`
    case 'deduplicate':
      return `Deduplicate${plan.withinWatermark ? 'WithinWatermark' : ''} [${plan.columns?.join(', ') ?? '*'}]`
    case 'join':
      return `Join ${plan.type} on ${plan.on.kind === 'using' ? plan.on.columns.join(', ') : outputName(plan.on.condition)}`
    case 'union':
      return 'Union'
    case 'repartition':
      return `Repartition ${plan.partitions ?? ''} [${plan.keys.map(outputName).join(', ')}]`
    case 'sort':
      return `Sort [${plan.by.map(outputName).join(', ')}]`
    case 'limit':
      return `Limit ${plan.count}`
    default:
      return plan satisfies never
  }
}

/** A plan whose names are resolved. */
export const analyzedText = (plan: AnalyzedPlan): string => tree(plan, analyzedLine, analyzedChildren)

const analyzedChildren = (plan: AnalyzedPlan): readonly AnalyzedPlan[] =>
  plan.kind === 'tableJoin' ? [plan.child, plan.table] : childrenOf(plan)

const analyzedLine = (plan: AnalyzedPlan): string => {
  switch (plan.kind) {
    case 'source': {
      const read = plan.columns.map(ordinal => plan.source.schema.fields[ordinal]?.name).join(', ')
      return `${plan.source.streaming ? 'StreamingRelation' : 'Relation'} ${plan.source.format} [${read}]`
    }
    case 'localRelation':
      return `LocalRelation ${plan.rows.length} rows [${schemaText(plan.schema)}]`
    case 'union':
      return 'Union'
    case 'repartition':
      return `Repartition ${plan.partitions ?? ''} [${plan.keys.map(boundText).join(', ')}]`
    default:
      return operatorText(plan)
  }
}

const keptText = ({ bounds, keyShiftMicros }: JoinSide, timeKey: Bound | null): string => {
  const shifted = (micros: number): string => (micros === 0 ? '' : ` ${micros < 0 ? '+' : '-'} ${Math.abs(micros) / 1000} ms`)
  if (timeKey !== null) return `kept until the watermark reaches ${boundText(timeKey)}${shifted(keyShiftMicros)}`
  const times = bounds.map(({ time, shiftMicros, inclusive }) => {
    return `${inclusive ? 'reaches' : 'passes'} ${boundText(time)}${shifted(shiftMicros)}`
  })
  return times.length === 0 ? 'kept for ever' : `kept until the watermark ${times.join(' or ')}`
}

const perEpochText = (op: Operator): string => ('perEpoch' in op && op.perEpoch ? ', anew each epoch' : '')

type Operator = ChainOp | Extract<AnalyzedPlan, { kind: ChainOp['kind'] }>

const windowText = (name: string, op: Pick<WindowSlices, 'time' | 'sizeMicros' | 'slideMicros' | 'startMicros'>): string =>
  `${name} ${boundText(op.time)}, size ${op.sizeMicros / 1000} ms, slide ${op.slideMicros / 1000} ms, start ${op.startMicros / 1000} ms`

const sortText = ({ value, ascending, nullsFirst }: SortKey): string =>
  `${boundText(value)} ${ascending ? 'asc' : 'desc'}${nullsFirst === ascending ? '' : ` nulls ${nullsFirst ? 'first' : 'last'}`}`

/** One operator: what it computes, over the ordinals of the rows that come to it. */
export const operatorText = (op: Operator): string => {
  switch (op.kind) {
    case 'filter':
      return `Filter ${boundText(op.condition)}`
    case 'project':
      return `Project [${op.columns.map((value, i) => `${boundText(value)} as ${visible(op.schema.fields[i].name)}`).join(', ')}]`
    case 'watermark':
      return `EventTimeWatermark ${boundText(op.time)}, delay ${op.delayMicros / 1000} ms`
    case 'expandWindow':
      return windowText('Window', op)
    case 'aggregate': {
      const evicted = op.eventTimeKey === null ? '' : `, evicted by key ${op.eventTimeKey}`
      const slices = 'slices' in op ? op.slices : null
      const keys = op.keys.map((key, i) => (i === slices?.key ? `${windowText('window', slices)}, in slices` : boundText(key)))
      return `Aggregate [${keys.join(', ')}] [${op.aggregates.map(aggregateText).join(', ')}]${evicted}${perEpochText(op)}`
    }
    case 'markDistinct': {
      const where = op.condition === null ? '' : ` where ${boundText(op.condition)}`
      return `MarkDistinct [${op.values.map(boundText).join(', ')}]${where} in [${op.keys.map(boundText).join(', ')}]${perEpochText(op)}`
    }
    case 'deduplicate':
      return `Deduplicate [${op.keys.map(boundText).join(', ')}]${op.expiry === null ? '' : `, each for ${op.expiry.delayMicros / 1000} ms`}${perEpochText(op)}`
    case 'tableJoin': {
      const keys = op.streamKeys.map((key, i) => `${boundText(key)} = ${boundText(op.tableKeys[i])}`)
      return `TableJoin ${op.type} [${keys.join(', ')}]${op.residual === null ? '' : ` and ${boundText(op.residual)}`}`
    }
    case 'streamJoin': {
      const keys = op.keys.map((key, i) => `${boundText(key)}${op.nullSafe[i] ? ' null-safe' : ''}`)
      const kept = (['left', 'right'] as const).map(
        name => `${name} ${keptText(op[name], op.timeKey === null ? null : op.keys[op.timeKey])}`,
      )
      return `StreamJoin ${op.type} [${keys.join(', ')}]${op.residual === null ? '' : ` and ${boundText(op.residual)}`}, ${kept.join(', ')}`
    }
    case 'sort':
      return `Sort [${op.by.map(sortText).join(', ')}]`
    case 'limit':
      return `Limit ${op.count}${perEpochText(op)}`
    default:
      return op satisfies never
  }
}
