import { FRONT_FACTOR, sameWords } from 'native-free-buffers'
import type { CodeBuilder } from '../expression/code-builder.ts'
import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { emitKeyWords, type KeyInWords } from '../expression/key-emitter.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { KEY_OFFSET, type KeyedStore, TAG_OFFSET } from '../state/keyed-store.ts'
import type { BurstLocals } from './aggregate.ts'
import type { EntryNames } from './aggregate-code.ts'
import { eventTimeMicros, type OpContext } from './op-context.ts'

/** Computes the keys of a row: their values, and what is needed to find their entry. */
export const emitKeys = (c: OpContext, keys: readonly Bound[], row: RowAccessor): { values: Value[]; key: KeyInWords } => {
  const values = keys.map(key => compileExpression(c.cg, key, row, c.compile))
  return { values, key: emitKeyWords(c.cg, values, keys) }
}

/** When a key is due, as an expression in millis: the first millisecond at or after its event time. Infinity for a key without. */
export const endMillis = (values: readonly Value[], eventTimeKey: number | null): string => {
  if (eventTimeKey === null) return 'Infinity'
  const value = values[eventTimeKey]
  const end = `Math.ceil(${eventTimeMicros(value)} / 1000)`
  return value.isNull === 'false' ? end : `(${value.isNull} ? Infinity : ${end})`
}

export type EntryLocals = EntryNames & { readonly at: string }

/**
 * Finds the entry of a key, in the index's front if it was there lately, or makes one. `insert` gives the expression for that, from the
 * key's hash. `isNew` names a local that says that it was made. A handle is an int32 here, so that nothing of it is ever a double.
 */
export const emitLookup = (
  c: OpContext,
  store: KeyedStore,
  key: KeyInWords,
  burst: BurstLocals,
  insert: (hash: string) => string,
): { entry: EntryLocals; isNew: string } => {
  const { cg } = c
  const { arena } = store
  const isFixed = key.fixedBytes !== null
  store.index.front.use(isFixed)
  const index = cg.constant(store.index)
  const mix = isFixed ? emitMix(cg, key.words) : key.emitHash()
  const [place, handle, segment, at, i32, isNew] = ['place', 'h', 'sg', 'at', 'ei32', 'isNew'].map(name => cg.fresh(name))
  cg.holds('number', mix, place, handle, at)
  cg.holds('boolean', isNew)
  cg.line(`const ${place} = ${mix} >>> ${burst.frontShift} << 1`)
  cg.line(`let ${handle} = 0, ${segment} = null, ${at} = 0, ${i32} = null, ${isNew} = false`)
  const enter = [
    `${segment} = ${cg.constant(arena.segments)}[${handle} >>> ${arena.segmentShift}]`,
    `${at} = (${handle} & ${arena.handleMask}) << 3`,
    `${i32} = ${segment}.i32`,
  ].join(', ')
  const held = (word: number): string => `${i32}[(${at} >> 2) + ${(KEY_OFFSET >> 2) + word}]`
  const same = isFixed
    ? key.telling.map(word => `${held(word)} === ${key.words[word]}`)
    : [
        `${i32}[(${at} >> 2) + 1] === ${key.length}`,
        `${cg.constant(sameWords)}(${i32}, (${at} >> 2) + ${KEY_OFFSET >> 2}, ${key.views}.i32, ${key.length} >> 2)`,
      ]
  cg.open(
    `if (${burst.front}[${place}] !== ${mix} || !(${handle} = ${burst.front}[${place} + 1], ${enter}, ${same.join(' && ') || 'true'})) {`,
  )
  key.emitBytes()
  const hash = key.emitHash()
  const find =
    key.fixedBytes === 8
      ? `findFixed8(${hash}, ${key.words[0]}, ${key.words[1]})`
      : `findWords(${hash}, ${key.views}.i32, ${key.length} >> 2)`
  cg.line(`${handle} = ${index}.${find} | 0`)
  cg.line(`if (${handle} === 0) { ${handle} = ${insert(hash)} | 0; ${isNew} = true }`)
  cg.line(`${cg.constant(store.index.front)}.remember(${mix}, ${handle})`)
  cg.line(enter)
  cg.close()
  return { entry: emitViews(cg, segment, i32, handle, at, key.fixedBytes), isNew }
}

/** What `KeyFront` does with the words of a key. */
const emitMix = (cg: CodeBuilder, words: readonly string[]): string => {
  const mix = cg.fresh('mix')
  cg.line(`let ${mix} = 0`)
  for (const word of [...words].reverse()) cg.line(`${mix} = Math.imul(${mix} ^ (${mix} >>> 15) ^ ${word}, ${FRONT_FACTOR})`)
  return mix
}

const emitViews = (
  cg: CodeBuilder,
  segment: string,
  i32: string,
  handle: string,
  at: string,
  keyFixedBytes: number | null,
): EntryLocals => {
  const [value, u8, i64, f64] = ['val', 'eu8', 'ei64', 'ef64'].map(name => cg.fresh(name))
  cg.line(`const ${u8} = ${segment}.u8, ${i64} = ${segment}.i64, ${f64} = ${segment}.f64`)
  const valueOffset =
    keyFixedBytes === null ? `(${KEY_OFFSET} + (${i32}[(${at} >> 2) + 1] + 7 & -8))` : String(KEY_OFFSET + ((keyFixedBytes + 7) & ~7))
  cg.line(`const ${value} = ${at} + ${valueOffset}`)
  return { handle, value, u8, i32, i64, f64, valueOffset, at }
}

/** Locals for the views of the entry behind a handle. */
export const emitEntry = (c: OpContext, store: KeyedStore, handle: string, keyFixedBytes: number | null): EntryLocals => {
  const { cg } = c
  const { arena } = store
  const [segment, at, i32] = ['sg', 'at', 'ei32'].map(name => cg.fresh(name))
  cg.line(`const ${segment} = ${cg.constant(arena)}.segments[${handle} >>> ${arena.segmentShift}]`)
  cg.line(`const ${at} = (${handle} & ${arena.handleMask}) << 3`)
  cg.line(`const ${i32} = ${segment}.i32`)
  return emitViews(cg, segment, i32, handle, at, keyFixedBytes)
}

/** Marks an entry as changed in this epoch, once. `tracking` and `tag` are locals made at the start of the burst. */
export const emitTouch = (
  c: OpContext,
  store: string,
  entry: EntryLocals,
  tracking: string,
  tag: string,
  mark: 'markDirty' | 'markMatched' = 'markDirty',
): void => {
  c.cg.line(`if (${tracking} && ${entry.i32}[(${entry.at} >> 2) + ${TAG_OFFSET >> 2}] !== ${tag}) ${store}.${mark}(${entry.handle})`)
}
