import { CodeBuilder } from '../expression/code-builder.ts'
import type { Bound } from '../expression/expression.ts'
import { keyAccessor } from '../expression/key-accessor.ts'
import { KEY_OFFSET, type KeyedStore } from '../state/keyed-store.ts'
import { endMillis } from './keyed-access.ts'

/** Reads from an entry of a checkpoint when it is due: the same sum that was done when its row came. */
export const compileKeyTime = (store: KeyedStore, keys: readonly Bound[], eventTimeKey: number): ((handle: number) => number) => {
  const cg = new CodeBuilder()
  const { arena } = store
  cg.line(`const sg = ${cg.constant(arena)}.segments[handle >>> ${arena.segmentShift}]`)
  cg.line(`const at = (handle & ${arena.handleMask}) << 3`)
  cg.line('const { u8, i32, f64, i64 } = sg')
  const types = keys.map(({ type, nullable }) => ({ type, nullable }))
  const accessor = keyAccessor(cg, types, { u8: 'u8', i32: 'i32', f64: 'f64', i64: 'i64' }, `(at + ${KEY_OFFSET})`)
  const values = keys.map((_, i) => accessor.column(i))
  cg.line(`return ${endMillis(values, eventTimeKey)}`)
  return cg.build('keyTime', ['handle']).call as (handle: number) => number
}
