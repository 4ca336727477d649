import type { Bound } from '../expression/expression.ts'

/** The ordinals that an expression reads. */
export const inputsOf = (bound: Bound): number[] => {
  switch (bound.kind) {
    case 'input':
      return [bound.ordinal]
    case 'literal':
      return []
    case 'call':
    case 'udf':
      return bound.args.flatMap(inputsOf)
    case 'case':
      return [
        ...bound.branches.flatMap(({ when, then }) => [...inputsOf(when), ...inputsOf(then)]),
        ...(bound.otherwise === null ? [] : inputsOf(bound.otherwise)),
      ]
    case 'struct':
      return bound.fields.flatMap(inputsOf)
    default:
      return inputsOf(bound.child)
  }
}

type Input = Extract<Bound, { kind: 'input' }>

/** The same expression with each column that it reads replaced. */
const replaceInputs = (bound: Bound, replace: (input: Input) => Bound): Bound => {
  const go = (child: Bound): Bound => replaceInputs(child, replace)
  switch (bound.kind) {
    case 'input':
      return replace(bound)
    case 'literal':
      return bound
    case 'call':
    case 'udf':
      return { ...bound, args: bound.args.map(go) }
    case 'case':
      return {
        ...bound,
        branches: bound.branches.map(({ when, then }) => ({ when: go(when), then: go(then) })),
        otherwise: bound.otherwise === null ? null : go(bound.otherwise),
      }
    case 'struct':
      return { ...bound, fields: bound.fields.map(go) }
    default:
      return { ...bound, child: go(bound.child) }
  }
}

/** The same expression over columns that stand elsewhere. */
export const mapInputs = (bound: Bound, place: (ordinal: number) => number): Bound =>
  replaceInputs(bound, input => ({ ...input, ordinal: place(input.ordinal) }))

/** The expression with references to a projection's output replaced by what the projection computes. */
export const substitute = (bound: Bound, columns: readonly Bound[]): Bound => replaceInputs(bound, ({ ordinal }) => columns[ordinal])
