import { EngineError } from '../base/errors.ts'
import type { Bound, Expression } from '../expression/expression.ts'
import { castTo } from '../expression/functions.ts'
import { resolveExpression } from '../expression/resolve.ts'
import { commonType } from '../expression/type-rules.ts'
import { field, structType } from '../record/data-type.ts'
import { fullOuterOfTables } from './analyze-full-outer.ts'
import { analyzeStreamJoin } from './analyze-stream-join.ts'
import { type Analyzed, keepColumns } from './analyzed.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import { inputsOf, mapInputs } from './bound-inputs.ts'
import { allOf } from './conjuncts.ts'
import type { JoinOn, JoinType } from './logical-plan.ts'

type TableJoinType = Extract<AnalyzedPlan, { kind: 'tableJoin' }>['type']

/**
 * A join of a stream (or of anything) with a static table. The side that streams becomes the left one; a right join is turned round and its
 * columns put back in order. With `using`, the common columns come first and once.
 */
export const analyzeJoin = (left: Analyzed, right: Analyzed, type: JoinType, on: JoinOn): Analyzed => {
  if (left.streaming && right.streaming) return analyzeStreamJoin(left, right, type, on)
  if (type === 'fullOuter' && !left.streaming && !right.streaming) return fullOuterOfTables(left, right, on)
  const turned = right.streaming || (!left.streaming && type === 'rightOuter')
  const tableType = tableJoinType(type, turned)
  const [stream, table] = turned ? [right, left] : [left, right]
  const leftWidth = left.plan.schema.fields.length
  const { streamKeys, tableKeys, residual } = splitCondition(left, right, on, turned)
  if (type !== 'cross' && streamKeys.length === 0 && residual === null && left.streaming !== right.streaming && type !== 'inner') {
    throw new EngineError('JOIN_WITHOUT_EQUALITY', { type })
  }
  const streamFields = stream.plan.schema.fields
  const tableFields = table.plan.schema.fields.map(f => (tableType === 'leftOuter' ? { ...f, nullable: true } : f))
  const keepsTable = tableType === 'inner' || tableType === 'leftOuter'
  const schema = structType(keepsTable ? [...streamFields, ...tableFields] : streamFields)
  const joined: Analyzed = {
    ...stream,
    plan: { kind: 'tableJoin', child: stream.plan, table: table.plan, type: tableType, streamKeys, tableKeys, residual, schema },
  }
  // Where each column of left and right stands now.
  const place = (side: 'left' | 'right', i: number): number => ((side === 'left') === turned ? streamFields.length + i : i)
  const leftOrdinals = left.plan.schema.fields.map((_, i) => place('left', i))
  const rightOrdinals = right.plan.schema.fields.map((_, i) => place('right', i))
  if (on.kind === 'condition') return turned && keepsTable ? keepColumns(joined, [...leftOrdinals, ...rightOrdinals]) : joined
  const usingLeft = on.columns.map(name => ordinalOf(left, name))
  const usingRight = on.columns.map(name => ordinalOf(right, name))
  const restLeft = leftOrdinals.filter((_, i) => !usingLeft.includes(i))
  if (!keepsTable) return keepColumns(joined, [...usingLeft.map(i => place('left', i)), ...restLeft])
  // The key comes from the side that is always there.
  const keys = turned ? usingRight.map(i => place('right', i)) : usingLeft.map(i => place('left', i))
  const kept = keepColumns(joined, [...keys, ...restLeft, ...rightOrdinals.filter((_, i) => !usingRight.includes(i))])
  if (kept.plan.kind !== 'project' || leftWidth === 0) return kept
  const named = kept.plan.schema.fields.map((f, i) =>
    i < on.columns.length ? field(left.plan.schema.fields[usingLeft[i]].name, f.type, f.nullable) : f,
  )
  return { ...kept, plan: { ...kept.plan, schema: structType(named) } }
}

const tableJoinType = (type: JoinType, turned: boolean): TableJoinType => {
  switch (type) {
    case 'inner':
    case 'cross':
      return 'inner'
    case 'leftOuter':
      if (!turned) return 'leftOuter'
      break
    case 'rightOuter':
      if (turned) return 'leftOuter'
      break
    case 'leftSemi':
    case 'leftAnti':
      if (!turned) return type
      break
    case 'fullOuter':
      break
    default:
      return type satisfies never
  }
  throw new EngineError('UNSUPPORTED_OPERATION', {
    operation: `a ${type} join with the stream on the ${turned ? 'right' : 'left'}: rows of the static side without a match are never known to be final`,
  })
}

export const ordinalOf = (side: Analyzed, name: string): number => {
  const bound = resolveExpression({ kind: 'column', name }, side.plan.schema)
  if (bound.kind !== 'input') throw new EngineError('UNRESOLVED_COLUMN', { column: name, candidates: 'using takes top-level columns' })
  return bound.ordinal
}

/** Splits a condition into equalities of one side with the other, and the rest, which is over stream columns then table columns. */
export const splitCondition = (
  left: Analyzed,
  right: Analyzed,
  on: JoinOn,
  turned: boolean,
): { streamKeys: Bound[]; tableKeys: Bound[]; residual: Bound | null } => {
  const leftSchema = left.plan.schema
  const rightSchema = right.plan.schema
  const both = structType([...leftSchema.fields, ...rightSchema.fields])
  const leftWidth = leftSchema.fields.length
  const keys: { left: Bound; right: Bound }[] = []
  const rest: Bound[] = []
  const addKey = (a: Bound, b: Bound): void => {
    const type = commonType(a.type, b.type)
    if (type === null)
      throw new EngineError('DATATYPE_MISMATCH', { expression: 'join', expected: a.type.kind, argument: 'a key', actual: b.type.kind })
    keys.push({ left: castTo(a, type), right: castTo(b, type) })
  }
  if (on.kind === 'using') {
    for (const name of on.columns) {
      const column: Expression = { kind: 'column', name }
      addKey(resolveExpression(column, leftSchema), resolveExpression(column, rightSchema))
    }
  } else {
    for (const part of conjuncts(on.condition)) {
      const bound = resolveExpression(part, both)
      if (bound.kind === 'call' && bound.name === '=') {
        const [a, b] = bound.args
        const [sideA, sideB] = [sideOf(a, leftWidth), sideOf(b, leftWidth)]
        if (sideA === 'left' && sideB === 'right') {
          addKey(a, shift(b, -leftWidth))
          continue
        }
        if (sideA === 'right' && sideB === 'left') {
          addKey(b, shift(a, -leftWidth))
          continue
        }
      }
      if (bound.kind !== 'literal' || bound.value !== true) rest.push(bound)
    }
  }
  const rightWidth = rightSchema.fields.length
  const place = (ordinal: number): number => (ordinal < leftWidth ? ordinal + rightWidth : ordinal - leftWidth)
  const residual = allOf(turned ? rest.map(part => mapInputs(part, place)) : rest)
  return {
    streamKeys: keys.map(key => (turned ? key.right : key.left)),
    tableKeys: keys.map(key => (turned ? key.left : key.right)),
    residual,
  }
}

export const conjuncts = (e: Expression): Expression[] => (e.kind === 'call' && e.name === 'and' ? e.args.flatMap(conjuncts) : [e])

const shift = (bound: Bound, by: number): Bound => mapInputs(bound, ordinal => ordinal + by)

const sideOf = (bound: Bound, leftWidth: number): 'left' | 'right' | 'both' | 'none' => {
  const inputs = inputsOf(bound)
  if (inputs.length === 0) return 'none'
  if (inputs.every(i => i < leftWidth)) return 'left'
  return inputs.every(i => i >= leftWidth) ? 'right' : 'both'
}
