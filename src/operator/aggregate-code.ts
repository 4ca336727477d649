import { EngineError } from '../base/errors.ts'
import type { CodeBuilder } from '../expression/code-builder.ts'
import { asBytes, scalarCode } from '../expression/convert.ts'
import { emitNumberOfLong } from '../expression/long-words.ts'
import type { Value } from '../expression/value.ts'
import { type DataType, typeName } from '../record/data-type.ts'
import { compareBytes } from '../record/strings.ts'
import type { KeyedStore } from '../state/keyed-store.ts'
import type { AggregateSlot } from './aggregate-state.ts'

/**
 * Names of the locals through which generated code reaches one entry. `value` is the byte offset of the entry's value in the segment's
 * views.
 */
export interface EntryNames {
  readonly handle: string
  readonly value: string
  readonly u8: string
  readonly i32: string
  readonly i64: string
  readonly f64: string
  /** The byte offset of the entry's value from the entry's start. */
  readonly valueOffset: string
}

const overflow = (operation: string, type: DataType): never => {
  throw new EngineError('ARITHMETIC_OVERFLOW', { operation, type: typeName(type) })
}

/** Adds one row's value to an entry. The value's null test is done here; a filter has been tested before. */
export const emitUpdate = (cg: CodeBuilder, slot: AggregateSlot, value: Value | null, entry: EntryNames, store: string): void => {
  const { name } = slot.aggregate
  const keepsNulls = (name === 'first' || name === 'last') && !slot.aggregate.ignoreNulls
  const guarded = value !== null && value.isNull !== 'false' && !keepsNulls
  if (guarded) cg.open(`if (!${value.isNull}) {`)
  switch (name) {
    case 'count': {
      const at = `${entry.i64}[${entry.value} + ${slot.offset} >> 3]`
      cg.line(`${at} = BigInt.asIntN(64, ${at} + 1n)`)
      break
    }
    case 'sum':
      emitAdd(cg, slot, required(value), entry, slot.aggregate.type)
      cg.line(`${bits(slot, entry)} |= ${slot.seenBit}`)
      break
    case 'avg':
      emitAdd(cg, slot, required(value), entry, slot.aggregate.type)
      cg.line(`${entry.i64}[${entry.value} + ${slot.countOffset} >> 3] += 1n`)
      break
    case 'min':
    case 'max': {
      const seen = `(${bits(slot, entry)} & ${slot.seenBit}) === 0`
      cg.open(`if (${seen} || ${better(cg, slot, required(value), entry, store)}) {`)
      emitStore(cg, slot, required(value), entry, store)
      cg.line(`${bits(slot, entry)} |= ${slot.seenBit}`)
      cg.close()
      break
    }
    case 'first':
      cg.open(`if ((${bits(slot, entry)} & ${slot.seenBit}) === 0) {`)
      emitKeep(cg, slot, required(value), entry, store, keepsNulls)
      cg.close()
      break
    case 'last':
      emitKeep(cg, slot, required(value), entry, store, keepsNulls)
      break
    default:
      name satisfies never
  }
  if (guarded) cg.close()
}

/** Adds what one entry holds to another: the aggregates of both must be free of order. Bytes are not copied, the handle is. */
export const emitMerge = (cg: CodeBuilder, slot: AggregateSlot, from: EntryNames, into: EntryNames, store: string): void => {
  const { name, type } = slot.aggregate
  switch (name) {
    case 'count': {
      const at = place(slot, into)
      cg.line(`${at} = BigInt.asIntN(64, ${at} + ${place(slot, from)})`)
      return
    }
    case 'sum':
    case 'avg': {
      // A sum that has seen nothing is 0.
      const code = cg.fresh('p')
      cg.line(`const ${code} = ${load(slot, from)}`)
      emitAddCode(cg, slot, code, into, type)
      if (name === 'sum') {
        cg.line(`${bits(slot, into)} |= ${bits(slot, from)} & ${slot.seenBit}`)
      } else {
        const count = (entry: EntryNames): string => `${entry.i64}[${entry.value} + ${slot.countOffset} >> 3]`
        cg.line(`${count(into)} = BigInt.asIntN(64, ${count(into)} + ${count(from)})`)
      }
      return
    }
    case 'min':
    case 'max': {
      const seen = (entry: EntryNames): string => `(${bits(slot, entry)} & ${slot.seenBit}) !== 0`
      cg.open(`if (${seen(from)} && (!(${seen(into)}) || ${betterHeld(cg, slot, from, into, store)})) {`)
      if (slot.holder === 'bytes') cg.line(`${word(slot, into)} = ${word(slot, from)}`)
      else cg.line(`${place(slot, into)} = ${place(slot, from)}`)
      if (slot.holder === 'i128') {
        const high = (entry: EntryNames): string => `${entry.i64}[(${entry.value} + ${slot.offset} >> 3) + 1]`
        cg.line(`${high(into)} = ${high(from)}`)
      }
      cg.line(`${bits(slot, into)} |= ${slot.seenBit}`)
      cg.close()
      return
    }
    case 'first':
    case 'last':
      throw new Error(`${name} cannot be merged`)
    default:
      name satisfies never
  }
}

/** Whether what one entry holds replaces what another does. */
const betterHeld = (cg: CodeBuilder, slot: AggregateSlot, from: EntryNames, into: EntryNames, store: string): string => {
  const least = slot.aggregate.name === 'min'
  const sign = least ? '<' : '>'
  if (slot.holder === 'bytes')
    return `${cg.constant(compareHeld)}(${store}, ${word(slot, from)} >>> 0, ${word(slot, into)} >>> 0) ${sign} 0`
  const [code, held] = [load(slot, from), load(slot, into)]
  if (slot.holder !== 'f64') return `${code} ${sign} ${held}`
  return least ? `${code} < ${held} || ${held} !== ${held}` : `${code} > ${held} || ${code} !== ${code}`
}

/** Orders the bytes behind two handles. */
const compareHeld = (store: KeyedStore, left: number, right: number): number => {
  const { arena } = store
  const { u8, i32 } = arena.segments[left >>> arena.segmentShift]
  const at = (left & arena.handleMask) << 3
  return compareStored(store, right, u8, at + 8, i32[at >> 2])
}

/** The aggregate's result, read from an entry. `isSeen`: a row with a value has just been added, so it is not null. */
export const emitFinish = (cg: CodeBuilder, slot: AggregateSlot, entry: EntryNames, store: KeyedStore, isSeen = false): Value => {
  const { type, name, arg } = slot.aggregate
  const word = `${entry.i32}[${entry.value} + ${slot.bitsOffset} >> 2]`
  if (name === 'count') return scalar(type, 'false', cg, `${entry.i64}[${entry.value} + ${slot.offset} >> 3]`)
  if (name === 'avg') {
    const count = cg.fresh('n')
    cg.line(`const ${count} = ${entry.i64}[${entry.value} + ${slot.countOffset} >> 3]`)
    const isNull = isSeen ? 'false' : cg.fresh('nul')
    if (!isSeen) cg.line(`const ${isNull} = ${count} === 0n`)
    if (arg?.type.kind === 'decimal') {
      // avg(decimal(p,s)) is decimal(p+4,s+4), rounded half up.
      const [sum, quotient] = [cg.fresh('s'), cg.fresh('q')]
      const scaleUp = type.kind === 'decimal' ? 10n ** BigInt(type.scale - arg.type.scale) : 1n
      cg.line(`const ${sum} = ${load(slot, entry)} * ${scaleUp}n`)
      cg.line(
        `const ${quotient} = ${isNull} ? 0n : ${sum} < 0n ? -((-${sum} * 2n + ${count}) / (${count} * 2n)) : (${sum} * 2n + ${count}) / (${count} * 2n)`,
      )
      return { form: 'scalar', type, isNull, code: quotient }
    }
    return scalar(type, isNull, cg, `${load(slot, entry)} / ${emitNumberOfLong(cg, count)}`)
  }
  const isNull = isSeen ? 'false' : cg.fresh('nul')
  if (!isSeen) cg.line(`const ${isNull} = (${word} & ${slot.seenBit | slot.nullBit}) !== ${slot.seenBit}`)
  if (slot.holder !== 'bytes') {
    const read = type.kind === 'boolean' ? `${load(slot, entry)} !== 0` : load(slot, entry)
    return scalar(type, isNull, cg, read)
  }
  const { arena } = store
  const [block, segment, offset, length] = [cg.fresh('b'), cg.fresh('sg'), cg.fresh('o'), cg.fresh('l')]
  cg.line(`const ${block} = ${entry.i32}[${entry.value} + ${slot.offset} >> 2] >>> 0`)
  cg.line(`const ${segment} = ${cg.constant(arena)}.segments[${block} >>> ${arena.segmentShift}]`)
  cg.line(`const ${offset} = ((${block} & ${arena.handleMask}) << 3) + 8`)
  cg.line(`const ${length} = ${isNull} ? 0 : ${segment}.i32[(${offset} >> 2) - 2]`)
  return { form: 'bytes', type, isNull, buffer: `${segment}.u8`, offset, length }
}

const required = (value: Value | null): Value => {
  if (value === null) throw new Error('an aggregate without an argument')
  return value
}

const bits = (slot: AggregateSlot, entry: EntryNames): string => `${entry.i32}[${entry.value} + ${slot.bitsOffset} >> 2]`

const word = (slot: AggregateSlot, entry: EntryNames): string => `${entry.i32}[${entry.value} + ${slot.offset} >> 2]`

const scalar = (type: DataType, isNull: string, cg: CodeBuilder, code: string): Value => {
  const local = cg.fresh('v')
  cg.line(`const ${local} = ${code}`)
  return { form: 'scalar', type, isNull, code: local }
}

const place = (slot: AggregateSlot, entry: EntryNames): string => {
  const at = `${entry.value} + ${slot.offset}`
  switch (slot.holder) {
    case 'i32':
      return `${entry.i32}[${at} >> 2]`
    case 'f64':
      return `${entry.f64}[${at} >> 3]`
    default:
      return `${entry.i64}[${at} >> 3]`
  }
}

const load = (slot: AggregateSlot, entry: EntryNames): string =>
  slot.holder === 'i128'
    ? `(${entry.i64}[(${entry.value} + ${slot.offset} >> 3) + 1] * 18446744073709551616n + BigInt.asUintN(64, ${place(slot, entry)}))`
    : place(slot, entry)

const emitAdd = (cg: CodeBuilder, slot: AggregateSlot, value: Value, entry: EntryNames, type: DataType): void => {
  const code = scalarCode(value)
  const wide = value.type.kind === 'long' || value.type.kind === 'decimal'
  if (slot.holder === 'f64') {
    const addend = value.type.kind === 'long' ? emitNumberOfLong(cg, code) : wide ? `Number(${code})` : code
    emitAddCode(cg, slot, addend, entry, type)
  } else emitAddCode(cg, slot, wide ? code : `BigInt(${code})`, entry, type)
}

/** `addend` is a number where the sum is a double, else a bigint. */
const emitAddCode = (cg: CodeBuilder, slot: AggregateSlot, addend: string, entry: EntryNames, type: DataType): void => {
  const at = place(slot, entry)
  if (slot.holder === 'f64') {
    cg.line(`${at} += ${addend}`)
    return
  }
  const [a, b, sum] = [cg.fresh('a'), cg.fresh('b'), cg.fresh('s')]
  if (slot.holder === 'i128') {
    cg.line(`const ${sum} = ${load(slot, entry)} + ${addend}`)
    if (type.kind === 'decimal') {
      const limit = cg.constant(10n ** BigInt(slot.aggregate.name === 'sum' ? type.precision : 38))
      cg.line(`if (${sum} >= ${limit} || ${sum} <= -${limit}) ${cg.constant(overflow)}('sum', ${cg.constant(type)})`)
    }
    cg.line(`${at} = BigInt.asIntN(64, ${sum})`)
    cg.line(`${entry.i64}[(${entry.value} + ${slot.offset} >> 3) + 1] = BigInt.asIntN(64, ${sum} >> 64n)`)
    return
  }
  cg.line(`const ${a} = ${at}, ${b} = ${addend}, ${sum} = BigInt.asIntN(64, ${a} + ${b})`)
  cg.line(`if (BigInt.asIntN(64, (${a} ^ ${sum}) & (${b} ^ ${sum})) < 0n) ${cg.constant(overflow)}('sum', ${cg.constant(type)})`)
  if (type.kind === 'decimal' && slot.aggregate.name === 'sum') {
    const limit = `${10n ** BigInt(Math.min(18, type.precision))}n`
    cg.line(`if (${sum} >= ${limit} || ${sum} <= -${limit}) ${cg.constant(overflow)}('sum', ${cg.constant(type)})`)
  }
  cg.line(`${at} = ${sum}`)
}

/** Whether a row's value replaces the one in the entry. Spark holds NaN to be larger than any other number. */
const better = (cg: CodeBuilder, slot: AggregateSlot, value: Value, entry: EntryNames, store: string): string => {
  const least = slot.aggregate.name === 'min'
  const sign = least ? '<' : '>'
  if (slot.holder === 'bytes') {
    const bytes = bytesOf(cg, value)
    return `${cg.constant(compareStored)}(${store}, ${entry.i32}[${entry.value} + ${slot.offset} >> 2] >>> 0, ${bytes}) ${sign} 0`
  }
  const code = scalarCode(value)
  const held = load(slot, entry)
  if (slot.holder === 'f64') return least ? `${code} < ${held} || ${held} !== ${held}` : `${code} > ${held} || ${code} !== ${code}`
  return value.type.kind === 'boolean' ? `(${code} ? 1 : 0) ${sign} ${held}` : `${code} ${sign} ${held}`
}

/** Orders a row's bytes against the bytes behind a handle. */
const compareStored = (store: KeyedStore, block: number, buffer: Uint8Array, offset: number, length: number): number => {
  const { arena } = store
  const { u8, i32 } = arena.segments[block >>> arena.segmentShift]
  const at = (block & arena.handleMask) << 3
  return compareBytes(buffer, offset, length, u8, at + 8, i32[at >> 2])
}

const bytesOf = (cg: CodeBuilder, value: Value): string => {
  const { buffer, offset, length } = asBytes(cg, value)
  return `${buffer}, ${offset}, ${length}`
}

const emitStore = (cg: CodeBuilder, slot: AggregateSlot, value: Value, entry: EntryNames, store: string): void => {
  if (slot.holder === 'bytes') {
    cg.line(`${store}.bytes.set(${entry.handle}, ${entry.valueOffset} + ${slot.offset}, ${bytesOf(cg, value)})`)
    return
  }
  const code = scalarCode(value)
  if (slot.holder === 'i128') {
    cg.line(`${place(slot, entry)} = BigInt.asIntN(64, ${code})`)
    cg.line(`${entry.i64}[(${entry.value} + ${slot.offset} >> 3) + 1] = BigInt.asIntN(64, ${code} >> 64n)`)
    return
  }
  cg.line(`${place(slot, entry)} = ${value.type.kind === 'boolean' ? `(${code} ? 1 : 0)` : code}`)
}

/** first and last: the value itself, or that it is null. */
const emitKeep = (cg: CodeBuilder, slot: AggregateSlot, value: Value, entry: EntryNames, store: string, keepsNulls: boolean): void => {
  if (!keepsNulls || value.isNull === 'false') {
    emitStore(cg, slot, value, entry, store)
    cg.line(`${bits(slot, entry)} = ${bits(slot, entry)} & ~${slot.nullBit} | ${slot.seenBit}`)
    return
  }
  cg.open(`if (${value.isNull}) {`)
  cg.line(`${bits(slot, entry)} |= ${slot.seenBit | slot.nullBit}`)
  cg.close('} else {')
  emitStore(cg, slot, value, entry, store)
  cg.line(`${bits(slot, entry)} = ${bits(slot, entry)} & ~${slot.nullBit} | ${slot.seenBit}`)
  cg.close()
}
