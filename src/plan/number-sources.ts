import type { LogicalPlan, SourceNode } from './logical-plan.ts'

/**
 * Gives each source of a plan its name in the checkpoint: its place in the plan, counted from the left. A DataFrame that is used twice is
 * one source, and so are two that say the same: it is read once.
 */
export const numberSources = (plan: LogicalPlan): LogicalPlan => {
  const known = new Map<SourceNode, string>()
  const visit = (node: LogicalPlan): LogicalPlan => {
    switch (node.kind) {
      case 'source':
        return { ...node, id: idOf(node, known) }
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

const idOf = (node: SourceNode, known: Map<SourceNode, string>): string => {
  const same = known.has(node) ? node : [...known.keys()].find(other => isSame(node, other))
  const id = (same === undefined ? undefined : known.get(same)) ?? String(known.size)
  if (same === undefined) known.set(node, id)
  return id
}

const isSame = (a: SourceNode, b: SourceNode): boolean => {
  const [first, second] = [a, b].map(({ id: _, holds: __, options, ...rest }) =>
    JSON.stringify([rest, Object.entries(options).sort(([x], [y]) => (x < y ? -1 : 1))]),
  )
  return a.holds === b.holds && first === second
}
