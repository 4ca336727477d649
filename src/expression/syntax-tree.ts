import type { Node } from 'acorn'

/** A node of a parsed program, whatever its type. */
export interface AnyNode extends Node {
  readonly [key: string]: unknown
}

export const isNode = (value: unknown): value is AnyNode =>
  typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string'

export const children = (node: AnyNode): AnyNode[] => {
  const nodes: AnyNode[] = []
  for (const key in node) {
    const value = node[key]
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) {
      if (isNode(value)) nodes.push(value)
    } else {
      for (const item of value) if (isNode(item)) nodes.push(item)
    }
  }
  return nodes
}

/** Adds the names that a pattern binds. */
export const declare = (pattern: AnyNode, scope: Set<string>): void => {
  switch (pattern.type) {
    case 'Identifier':
      scope.add(String(pattern.name))
      return
    case 'AssignmentPattern':
      declare(pattern.left as AnyNode, scope)
      return
    case 'RestElement':
      declare(pattern.argument as AnyNode, scope)
      return
    case 'ObjectPattern':
      for (const property of pattern.properties as AnyNode[])
        declare((property.type === 'RestElement' ? property : property.value) as AnyNode, scope)
      return
    case 'ArrayPattern':
      for (const element of pattern.elements as (AnyNode | null)[]) if (element !== null) declare(element, scope)
      return
    default:
  }
}
