import type { Bound } from '../expression/expression.ts'

/** The conditions that must all hold. `between` is two once it is resolved. */
export const conjunctsOf = (bound: Bound): Bound[] =>
  bound.kind === 'call' && bound.name === 'and' ? bound.args.flatMap(conjunctsOf) : [bound]

/** One condition of several; null of none. */
export const allOf = (parts: readonly Bound[]): Bound | null =>
  parts.reduce<Bound | null>(
    (all, part) =>
      all === null
        ? part
        : { kind: 'call', name: 'and', args: [all, part], type: { kind: 'boolean' }, nullable: all.nullable || part.nullable },
    null,
  )
