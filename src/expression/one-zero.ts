import type { DataType } from '../record/data-type.ts'
import type { Bound } from './expression.ts'

/** A value as it stands in a key: 0 for −0, in the fields of structs too. What holds no floating number stays as it is. */
export const oneZero = (value: Bound): Bound => {
  const { type, nullable } = value
  if (!holdsFloating(type)) return value
  if (type.kind !== 'struct') {
    return { kind: 'call', name: '+', args: [value, { kind: 'literal', value: 0, type, nullable: false }], type, nullable }
  }
  const fields = type.fields.map((f, index) =>
    oneZero({ kind: 'field', child: value, index, type: f.type, nullable: nullable || f.nullable }),
  )
  const rebuilt: Bound = { kind: 'struct', fields, type, nullable: false }
  if (!nullable) return rebuilt
  const present: Bound = { kind: 'call', name: 'isNotNull', args: [value], type: { kind: 'boolean' }, nullable: false }
  return { kind: 'case', branches: [{ when: present, then: rebuilt }], otherwise: null, type, nullable }
}

const holdsFloating = (type: DataType): boolean =>
  type.kind === 'struct' ? type.fields.some(f => holdsFloating(f.type)) : type.kind === 'float' || type.kind === 'double'
