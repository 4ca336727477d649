import type { AnalyzedPlan } from './analyzed-plan.ts'

type Children = Extract<AnalyzedPlan, { child: AnalyzedPlan }>

/** A plan with a rule applied to each node, from the leaves up; not to the tables that it joins with. */
export const rewrite = (plan: AnalyzedPlan, rule: (node: AnalyzedPlan) => AnalyzedPlan): AnalyzedPlan => {
  if (plan.kind === 'source' || plan.kind === 'localRelation') return rule(plan)
  if (plan.kind === 'union') return rule({ ...plan, inputs: plan.inputs.map(input => rewrite(input, rule)) })
  return rule({ ...plan, child: rewrite((plan as Children).child, rule) } as AnalyzedPlan)
}
