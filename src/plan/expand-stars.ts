import { EngineError } from '../base/errors.ts'
import type { Expression } from '../expression/expression.ts'
import { columnAt, resolveExpression } from '../expression/resolve.ts'
import { type StructType, typeName } from '../record/data-type.ts'

/** Puts columns by name in place of `*` and `struct.*`. */
export const expandStars = (expressions: readonly Expression[], schema: StructType): Expression[] =>
  expressions.flatMap((e): Expression[] => {
    if (e.kind !== 'star') return [e]
    if (e.prefix === null) return schema.fields.map((f, i): Expression => ({ kind: 'alias', child: columnAt(i), name: f.name }))
    const prefix = e.prefix
    const struct = resolveExpression({ kind: 'column', name: prefix }, schema)
    if (struct.type.kind !== 'struct') {
      throw new EngineError('DATATYPE_MISMATCH', {
        expression: `${prefix}.*`,
        expected: 'a struct',
        argument: prefix,
        actual: typeName(struct.type),
      })
    }
    return struct.type.fields.map((f): Expression => ({ kind: 'field', child: { kind: 'column', name: prefix }, name: f.name }))
  })
