import { EngineError } from '../base/errors.ts'
import type { Bound, Expression } from '../expression/expression.ts'
import { castTo } from '../expression/functions.ts'
import { resolveExpression } from '../expression/resolve.ts'
import { commonType } from '../expression/type-rules.ts'
import { type Field, field, integerType, type StructType, structType } from '../record/data-type.ts'
import { conjuncts, ordinalOf } from './analyze-join.ts'
import { type Analyzed, inputOf, isEventTime, keepColumns } from './analyzed.ts'
import type { AnalyzedPlan, JoinSide, StreamJoinType } from './analyzed-plan.ts'
import { inputsOf, mapInputs } from './bound-inputs.ts'
import { allOf, conjunctsOf } from './conjuncts.ts'
import type { JoinOn, JoinType } from './logical-plan.ts'
import { type TimeBound, termOf, timeBounds } from './time-bounds.ts'

type SideName = 'left' | 'right'

/**
 * A join of two streams. Both become one stream, whose rows say which side they are of; state keeps the rows of both sides by the keys
 * that must be equal, each for as long as a row of the other side may still come for it: until the watermark has passed its key, if event
 * time is among the keys, or the bound that the condition sets (`left.t BETWEEN right.t - 5 s AND right.t`), else for ever.
 *
 * Semantics follow Spark's StreamingSymmetricHashJoinExec: a null key equals nothing but under `<=>`; a row of a side whose rows are all
 * wanted comes out with nulls when it is let go of unmatched, or at once if it fails what the condition asks of its side alone.
 * Throws UNSUPPORTED_OPERATION, JOIN_WITHOUT_EQUALITY, MISSING_WATERMARK.
 */
export const analyzeStreamJoin = (left: Analyzed, right: Analyzed, type: JoinType, on: JoinOn): Analyzed => {
  const joinType = streamJoinType(type)
  const split = splitCondition(left, right, on)
  if (split.keys.length === 0) throw new EngineError('JOIN_WITHOUT_EQUALITY', { type })
  // What is asked of one side alone needs no state. Where unmatched rows of that side are wanted it decides whether a row can match.
  const [leftRows, rightRows] = [left, right].map((side, i) => {
    const name: SideName = i === 0 ? 'left' : 'right'
    return keepsUnmatched(joinType, name) ? side : filtered(side, split.own[name])
  })
  const plans = [leftRows, rightRows]
  const keyFields = split.keys.map((key, i) => field(keyName(key.left, i), key.left.type, key.left.nullable || key.right.nullable))
  const sideFields = plans.map(({ plan }) => plan.schema.fields)
  const schema = structType([
    field('\u0000side', integerType, false),
    ...keyFields,
    ...sideFields.flatMap(fields => fields.map(f => ({ ...f, nullable: true }))),
  ])
  const first = { left: 1 + keyFields.length, right: 1 + keyFields.length + sideFields[0].length }
  const inputs = plans.map(({ plan }, i): AnalyzedPlan => {
    const own = plan.schema.fields.map(inputOf)
    const nulls = sideFields[1 - i].map((f): Bound => ({ kind: 'literal', value: null, type: f.type, nullable: true }))
    const keys = split.keys.map(key => (i === 0 ? key.left : key.right))
    const columns = [literalOf(i), ...keys, ...(i === 0 ? [...own, ...nulls] : [...nulls, ...own])]
    return { kind: 'project', child: plan, columns, schema }
  })
  const timeKey = split.keys.findIndex(key => isEventTime(key.left, left.eventTime) || isEventTime(key.right, right.eventTime))
  const bounds = timeBounds(split.residual, left.eventTime, right.eventTime, left.plan.schema.fields.length)
  const sideOf = (name: SideName): JoinSide => {
    const analyzed = name === 'left' ? leftRows : rightRows
    const at = first[name]
    const [time] = analyzed.eventTime
    const own = split.own[name]
    return {
      first: at,
      schema: analyzed.plan.schema,
      keepsUnmatched: keepsUnmatched(joinType, name),
      condition: keepsUnmatched(joinType, name) && own !== null ? mapInputs(own, i => i + at) : null,
      keyShiftMicros:
        timeKey < 0
          ? 0
          : name === 'left'
            ? shiftOf(split.keys[timeKey].right, right.eventTime)
            : shiftOf(split.keys[timeKey].left, left.eventTime),
      time: time === undefined ? null : inputOf(schema.fields[at + time], at + time),
      bounds: bounds[name].map((bound): TimeBound => ({ ...bound, time: mapInputs(bound.time, i => i + at) })),
    }
  }
  const sides = { left: sideOf('left'), right: sideOf('right') }
  const evicts = (name: SideName): boolean => timeKey >= 0 || sides[name].bounds.length > 0
  for (const name of ['left', 'right'] as const) {
    // Spark takes a full outer join of which one side alone becomes final; unmatched rows of the other are kept.
    if (!sides[name].keepsUnmatched || evicts(name) || (joinType === 'fullOuter' && (evicts('left') || evicts('right')))) continue
    throw new EngineError('MISSING_WATERMARK', {
      operation:
        `a ${type} join of two streams needs an equality or a span of event times in its condition, ` +
        `so that ${name} rows without a match become final; it also`,
    })
  }
  const output = structType([
    ...sideFields[0].map(f => (joinType === 'rightOuter' || joinType === 'fullOuter' ? { ...f, nullable: true } : f)),
    ...(joinType === 'leftSemi'
      ? []
      : sideFields[1].map(f => (joinType === 'leftOuter' || joinType === 'fullOuter' ? { ...f, nullable: true } : f))),
  ])
  const delays = [left, right].map(({ delayMicros }) => delayMicros).filter(delay => delay !== null)
  const joined: Analyzed = {
    plan: {
      kind: 'streamJoin',
      child: { kind: 'union', inputs, schema },
      type: joinType,
      keys: keyFields.map((f, i) => inputOf(f, i + 1)),
      nullSafe: split.keys.map(key => key.nullSafe),
      timeKey: timeKey < 0 ? null : timeKey,
      ...sides,
      residual: allOf(split.residual),
      schema: output,
    },
    eventTime: new Set([
      ...left.eventTime,
      ...(joinType === 'leftSemi' ? [] : [...right.eventTime].map(ordinal => ordinal + sideFields[0].length)),
    ]),
    streaming: true,
    delayMicros: delays.length === 0 ? null : Math.max(...delays),
  }
  return on.kind === 'using' ? withUsing(joined, left, right, joinType, on.columns) : joined
}

const streamJoinType = (type: JoinType): StreamJoinType => {
  if (type === 'cross' || type === 'leftAnti')
    throw new EngineError('UNSUPPORTED_OPERATION', { operation: `a ${type} join of two streams` })
  return type
}

const keepsUnmatched = (type: StreamJoinType, side: SideName): boolean => type === 'fullOuter' || type === `${side}Outer`

/** As a reader of the plan sees it: the name of the left side's column, if it is one. */
const keyName = (key: Bound, index: number): string =>
  `\u0000key${index}${key.kind === 'input' ? `:${key.name.replaceAll('\u0000', '')}` : ''}`

/** What a key adds to the event time that it is made of; 0 if it is made of anything else. */
const shiftOf = (key: Bound, eventTime: ReadonlySet<number>): number => {
  const term = termOf(key)
  return term !== null && isEventTime(term.time, eventTime) ? term.micros : 0
}

const literalOf = (value: number): Bound => ({ kind: 'literal', value, type: integerType, nullable: false })

const filtered = (side: Analyzed, condition: Bound | null): Analyzed =>
  condition === null ? side : { ...side, plan: { kind: 'filter', child: side.plan, condition, schema: side.plan.schema } }

interface Split {
  readonly keys: readonly { readonly left: Bound; readonly right: Bound; readonly nullSafe: boolean }[]
  /** What is asked of one side alone, over its own columns. */
  readonly own: Readonly<Record<SideName, Bound | null>>
  /** The rest, over the columns of left and then right. */
  readonly residual: readonly Bound[]
}

const splitCondition = (left: Analyzed, right: Analyzed, on: JoinOn): Split => {
  const [leftSchema, rightSchema] = [left.plan.schema, right.plan.schema]
  const width = leftSchema.fields.length
  const keys: { left: Bound; right: Bound; nullSafe: boolean }[] = []
  const own: Record<SideName, Bound | null> = { left: null, right: null }
  const residual: Bound[] = []
  const addKey = (a: Bound, b: Bound, nullSafe: boolean): void => {
    const type = commonType(a.type, b.type)
    if (type === null)
      throw new EngineError('DATATYPE_MISMATCH', { expression: 'join', expected: a.type.kind, argument: 'a key', actual: b.type.kind })
    keys.push({ left: castTo(a, type), right: castTo(b, type), nullSafe })
  }
  if (on.kind === 'using') {
    for (const name of on.columns) {
      const column: Expression = { kind: 'column', name }
      addKey(resolveExpression(column, leftSchema), resolveExpression(column, rightSchema), false)
    }
    return { keys, own, residual }
  }
  const toRight = (bound: Bound): Bound => mapInputs(bound, i => i - width)
  for (const part of resolveCondition(on.condition, leftSchema, rightSchema).flatMap(conjunctsOf)) {
    const sides = sidesOf(part, width)
    if (part.kind === 'literal' && part.value === true) continue
    if (sides === 'left') own.left = allOf([...(own.left === null ? [] : [own.left]), part])
    else if (sides === 'right') own.right = allOf([...(own.right === null ? [] : [own.right]), toRight(part)])
    else {
      const equality = part.kind === 'call' && (part.name === '=' || part.name === '<=>') ? part : null
      const [a, b] = equality?.args ?? []
      const [sideA, sideB] = equality === null ? [null, null] : [sidesOf(a, width), sidesOf(b, width)]
      if (sideA === 'left' && sideB === 'right') addKey(a, toRight(b), equality?.name === '<=>')
      else if (sideA === 'right' && sideB === 'left') addKey(b, toRight(a), equality?.name === '<=>')
      else residual.push(part)
    }
  }
  return { keys, own, residual }
}

const resolveCondition = (condition: Expression, left: StructType, right: StructType): Bound[] => {
  const schema = structType([...left.fields, ...right.fields])
  return conjuncts(condition).map(part => {
    const bound = resolveExpression(part, schema)
    if (bound.type.kind === 'boolean') return bound
    throw new EngineError('DATATYPE_MISMATCH', {
      expression: 'join',
      expected: 'boolean',
      argument: 'its condition',
      actual: bound.type.kind,
    })
  })
}

const sidesOf = (bound: Bound, width: number): SideName | 'both' | 'none' => {
  const inputs = inputsOf(bound)
  const [fromLeft, fromRight] = [inputs.some(i => i < width), inputs.some(i => i >= width)]
  return fromLeft && fromRight ? 'both' : fromLeft ? 'left' : fromRight ? 'right' : 'none'
}

/** The common columns first and once, from whichever side is there; then the rest of both. */
export const withUsing = (
  joined: Analyzed,
  left: Analyzed,
  right: Analyzed,
  type: StreamJoinType,
  columns: readonly string[],
): Analyzed => {
  const width = left.plan.schema.fields.length
  const usingLeft = columns.map(name => ordinalOf(left, name))
  const usingRight = columns.map(name => ordinalOf(right, name) + width)
  const restLeft = left.plan.schema.fields.map((_, i) => i).filter(i => !usingLeft.includes(i))
  if (type === 'leftSemi') return keepColumns(joined, [...usingLeft, ...restLeft])
  const restRight = right.plan.schema.fields.map((_, i) => i + width).filter(i => !usingRight.includes(i))
  if (type !== 'fullOuter') return keepColumns(joined, [...(type === 'rightOuter' ? usingRight : usingLeft), ...restLeft, ...restRight])
  const { fields } = joined.plan.schema
  const read = (i: number): Bound => inputOf(fields[i], i)
  const keys = columns.map((_, k): { value: Bound; field: Field } => {
    const [a, b] = [read(usingLeft[k]), read(usingRight[k])]
    const type = commonType(a.type, b.type) ?? a.type
    const present: Bound = { kind: 'call', name: 'isNotNull', args: [a], type: { kind: 'boolean' }, nullable: false }
    const branches = [{ when: present, then: castTo(a, type) }]
    const value: Bound = { kind: 'case', branches, otherwise: castTo(b, type), type, nullable: true }
    return { value, field: { ...fields[usingLeft[k]], type } }
  })
  const rest = [...restLeft, ...restRight]
  const eventTime = [
    ...[...columns.keys()].filter(k => joined.eventTime.has(usingLeft[k]) || joined.eventTime.has(usingRight[k])),
    ...rest.flatMap((from, to) => (joined.eventTime.has(from) ? [columns.length + to] : [])),
  ]
  return {
    ...joined,
    plan: {
      kind: 'project',
      child: joined.plan,
      columns: [...keys.map(({ value }) => value), ...rest.map(read)],
      schema: structType([...keys.map(key => key.field), ...rest.map(i => fields[i])]),
    },
    eventTime: new Set(eventTime),
  }
}
