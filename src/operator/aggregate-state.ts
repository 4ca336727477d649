import { EngineError } from '../base/errors.ts'
import type { BoundAggregate } from '../expression/expression.ts'
import { type DataType, typeName } from '../record/data-type.ts'

/** How a value is held in state: an int32, an int64, a double, a 128-bit integer as two int64 (low first), or a handle to bytes. */
export type Holder = 'i32' | 'i64' | 'f64' | 'i128' | 'bytes'

/** The place of one aggregate in an entry's value. Offsets are in bytes from the value's start, all multiples of 8. */
export interface AggregateSlot {
  readonly aggregate: BoundAggregate
  readonly holder: Holder
  readonly offset: number
  /** avg: where the count of its rows stands. */
  readonly countOffset: number
  /** The u32 word with this aggregate's bits, and the bits: a value has been seen; the value (first, last) is null. */
  readonly bitsOffset: number
  readonly seenBit: number
  readonly nullBit: number
}

export interface AggregateLayout {
  readonly slots: readonly AggregateSlot[]
  readonly valueBytes: number
  readonly varSlots: readonly number[]
}

/**
 * Decides where everything stands, from byte `begin` on. Pure; the same aggregates give the same layout, which is why a checkpoint can be
 * restored.
 */
export const layoutAggregates = (aggregates: readonly BoundAggregate[], begin = 0): AggregateLayout => {
  // 16 aggregates share one word of bits; the words come first.
  const bitWords = Math.ceil(aggregates.length / 16)
  let offset = (begin + 4 * bitWords + 7) & ~7
  const slots: AggregateSlot[] = []
  const varSlots: number[] = []
  for (const [i, aggregate] of aggregates.entries()) {
    const holder = holderOf(aggregate)
    const at = offset
    offset += holder === 'i128' ? 16 : 8
    if (holder === 'bytes') varSlots.push(at)
    const countOffset = offset
    if (aggregate.name === 'avg') offset += 8
    const bit = 2 * (i % 16)
    const bitsOffset = begin + 4 * (i >> 4)
    slots.push({ aggregate, holder, offset: at, countOffset, bitsOffset, seenBit: (1 << bit) | 0, nullBit: (2 << bit) | 0 })
  }
  return { slots, valueBytes: offset, varSlots }
}

const holderOf = (aggregate: BoundAggregate): Holder => {
  const { name, arg, type } = aggregate
  switch (name) {
    case 'count':
      return 'i64'
    case 'sum':
      return holderOfType(type)
    case 'avg':
      if (arg?.type.kind === 'decimal') return arg.type.precision + 10 > 18 ? 'i128' : 'i64'
      return 'f64'
    default:
      return holderOfType(type)
  }
}

const holderOfType = (type: DataType): Holder => {
  switch (type.kind) {
    case 'boolean':
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return 'i32'
    case 'long':
      return 'i64'
    case 'float':
    case 'double':
    case 'timestamp':
      return 'f64'
    case 'decimal':
      return type.precision > 18 ? 'i128' : 'i64'
    case 'string':
    case 'binary':
      return 'bytes'
    default:
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: `an aggregate that keeps a value of type ${typeName(type)}` })
  }
}
