import type { DataType } from '../record/data-type.ts'
import { eitherNull } from './null-safe.ts'
import type { Value } from './value.ts'

/** How a column of a record or a key is made of leaves. */
type Shape<L> =
  | { readonly kind: 'leaf'; readonly leaf: L }
  | { readonly kind: 'struct'; readonly presence: L | null; readonly fields: readonly Shape<L>[] }

export interface LeafValue<L> {
  readonly leaf: L
  readonly value: Value
}

/** The leaves of a row with their values. A field of a null struct is null. */
export const leafValues = <L extends { readonly type: DataType }>(
  columns: readonly Shape<L>[],
  values: readonly Value[],
  outerNull = 'false',
): LeafValue<L>[] =>
  columns.flatMap((shape, i) => {
    const value = values[i]
    const isNull = eitherNull(outerNull, value.isNull)
    if (shape.kind === 'leaf') return [{ leaf: shape.leaf, value: { ...value, isNull } }]
    if (value.form !== 'struct') throw new Error(`a ${value.form} for a struct`)
    const inner = leafValues(shape.fields, value.fields, isNull)
    const { presence } = shape
    return presence === null ? inner : [{ leaf: presence, value: { form: 'scalar', type: presence.type, isNull, code: 'true' } }, ...inner]
  })
