import type { Bound } from '../expression/expression.ts'
import { structType } from '../record/data-type.ts'
import { splitCondition } from './analyze-join.ts'
import { withUsing } from './analyze-stream-join.ts'
import { type Analyzed, inputOf } from './analyzed.ts'
import type { AnalyzedPlan } from './analyzed-plan.ts'
import type { JoinOn } from './logical-plan.ts'

/**
 * A full outer join of two tables: all left rows with their matches or nulls, and then the right rows that have none. Both sides stand in
 * the plan twice, once as what is read through and once as what is looked up.
 */
export const fullOuterOfTables = (left: Analyzed, right: Analyzed, on: JoinOn): Analyzed => {
  const [leftFields, rightFields] = [left.plan.schema.fields, right.plan.schema.fields]
  const fields = [...leftFields, ...rightFields].map(f => ({ ...f, nullable: true }))
  const schema = structType(fields)
  const matched: AnalyzedPlan = {
    kind: 'tableJoin',
    child: left.plan,
    table: right.plan,
    type: 'leftOuter',
    ...splitCondition(left, right, on, false),
    schema: structType([...leftFields, ...fields.slice(leftFields.length)]),
  }
  const unmatched: AnalyzedPlan = {
    kind: 'tableJoin',
    child: right.plan,
    table: left.plan,
    type: 'leftAnti',
    ...splitCondition(left, right, on, true),
    schema: right.plan.schema,
  }
  const nulls = leftFields.map(({ type }): Bound => ({ kind: 'literal', value: null, type, nullable: true }))
  const inputs: AnalyzedPlan[] = [
    { kind: 'project', child: matched, columns: matched.schema.fields.map(inputOf), schema },
    { kind: 'project', child: unmatched, columns: [...nulls, ...rightFields.map(inputOf)], schema },
  ]
  const joined: Analyzed = { ...left, plan: { kind: 'union', inputs, schema } }
  return on.kind === 'using' ? withUsing(joined, left, right, 'fullOuter', on.columns) : joined
}
