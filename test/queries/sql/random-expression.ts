import type { SeededRandom } from '../../support/random.ts'
import { START } from './data.ts'
import { columnNamed, type Expression, type Kind, type Operation } from './expression.ts'
import { operations } from './operations.ts'

export interface Field {
  readonly name: string
  readonly kind: Kind
}

/** Kinds of which there are literals; what else there is comes from these. */
const literalKinds = ['long', 'double', 'text', 'truth', 'time'] as const
type LiteralKind = (typeof literalKinds)[number]

const byResult = new Map<Kind, Operation[]>()
for (const operation of operations) byResult.set(operation.gives, [...(byResult.get(operation.gives) ?? []), operation])

export const randomKind = (random: SeededRandom): Kind => random.pick([...literalKinds, 'long', 'text', 'ratio'])

export const randomExpression = (random: SeededRandom, fields: readonly Field[], kind: Kind, depth: number): Expression => {
  const columns = fields.filter(field => field.kind === kind || (field.kind === 'window' && kind === 'time'))
  const isLeaf = depth === 0 || random.below(4) === 0
  if (isLeaf && columns.length > 0 && random.below(6) > 0) {
    const { name, kind: found } = random.pick(columns)
    return columnNamed(found === 'window' ? `${name}.start` : name)
  }
  if (isLeaf && kind !== 'ratio') return { kind: 'literal', type: kind, value: randomLiteral(random, kind as LiteralKind) }
  const operation = random.pick(byResult.get(kind) ?? [])
  const args = operation.takes.map(taken => randomExpression(random, fields, taken, Math.max(0, depth - 1)))
  return { kind: 'call', operation, args }
}

const randomLiteral = (random: SeededRandom, kind: LiteralKind): number | string | boolean | null => {
  if (random.below(12) === 0) return null
  switch (kind) {
    case 'long':
      return random.below(14) - 4
    case 'double':
      return (random.below(41) - 20) / 4
    case 'text':
      return random.pick(['', 'a', 'k1', 'b日', "'"])
    case 'truth':
      return random.below(2) === 0
    case 'time':
      return START + random.below(15_000)
  }
}
