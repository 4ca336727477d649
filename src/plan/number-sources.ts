import type { LogicalPlan } from './logical-plan.ts'

/**
 * Gives each source of a plan its name in the checkpoint: its place in the plan, counted from the left. A DataFrame that is used twice
 * becomes two sources, each with an offset of its own.
 */
export const numberSources = (plan: LogicalPlan): LogicalPlan => {
  let count = 0
  const visit = (node: LogicalPlan): LogicalPlan => {
    switch (node.kind) {
      case 'source':
        return { ...node, id: String(count++) }
      case 'localRelation':
        return node
      case 'join':
        return { ...node, left: visit(node.left), right: visit(node.right) }
      case 'union':
        return { ...node, inputs: node.inputs.map(visit) }
      default:
        return { ...node, child: visit(node.child) }
    }
  }
  return visit(plan)
}
