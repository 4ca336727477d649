import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKey, type KeyCode } from '../expression/key-emitter.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { KEY_OFFSET, type KeyedStore, TAG_OFFSET } from '../state/keyed-store.ts'
import type { EntryNames } from './aggregate-code.ts'
import { eventTimeMicros, type OpContext } from './op-context.ts'

/** Computes the keys of a row: their values, their canonical bytes and their hash. */
export const emitKeys = (c: OpContext, keys: readonly Bound[], row: RowAccessor): { values: Value[]; key: KeyCode } => {
  const values = keys.map(key => compileExpression(c.cg, key, row, c.compile))
  return { values, key: emitKey(c.cg, values, keys) }
}

/** When a key is due, as an expression in millis: the first millisecond at or after its event time. Infinity for a key without. */
export const endMillis = (values: readonly Value[], eventTimeKey: number | null): string => {
  if (eventTimeKey === null) return 'Infinity'
  const value = values[eventTimeKey]
  const end = `Math.ceil(${eventTimeMicros(value)} / 1000)`
  return value.isNull === 'false' ? end : `(${value.isNull} ? Infinity : ${end})`
}

/** Looks a key up. Returns the name of a local with the entry's handle, 0 if there is none. */
export const emitFind = (c: OpContext, store: KeyedStore, key: KeyCode): string => {
  const { cg } = c
  const handle = cg.fresh('h')
  const index = cg.constant(store.index)
  const find =
    key.fixedBytes === 8
      ? `findFixed8(${key.hash}, ${key.words[0]}, ${key.words[1]})`
      : `findWords(${key.hash}, ${key.views}.i32, ${key.length} >> 2)`
  cg.line(`let ${handle} = ${index}.${find}`)
  return handle
}

/** Locals for the views of the entry behind a handle. */
export const emitEntry = (c: OpContext, store: KeyedStore, handle: string, keyFixedBytes: number | null): EntryNames & { at: string } => {
  const { cg } = c
  const { arena } = store
  const [segment, at, value, u8, i32, i64, f64] = ['sg', 'at', 'val', 'eu8', 'ei32', 'ei64', 'ef64'].map(name => cg.fresh(name))
  cg.line(`const ${segment} = ${cg.constant(arena)}.segments[${handle} >>> ${arena.segmentShift}]`)
  cg.line(`const ${at} = (${handle} & ${arena.handleMask}) << 3`)
  cg.line(`const ${u8} = ${segment}.u8, ${i32} = ${segment}.i32, ${i64} = ${segment}.i64, ${f64} = ${segment}.f64`)
  const valueOffset =
    keyFixedBytes === null ? `(${KEY_OFFSET} + (${i32}[(${at} >> 2) + 1] + 7 & -8))` : String(KEY_OFFSET + ((keyFixedBytes + 7) & ~7))
  cg.line(`const ${value} = ${at} + ${valueOffset}`)
  return { handle, value, u8, i32, i64, f64, valueOffset, at }
}

/** Marks an entry as changed in this epoch, once. `tracking` and `tag` are locals made at the start of the burst. */
export const emitTouch = (
  c: OpContext,
  store: string,
  entry: EntryNames & { at: string },
  tracking: string,
  tag: string,
  mark: 'markDirty' | 'markMatched' = 'markDirty',
): void => {
  c.cg.line(`if (${tracking} && ${entry.i32}[(${entry.at} >> 2) + ${TAG_OFFSET >> 2}] !== ${tag}) ${store}.${mark}(${entry.handle})`)
}
