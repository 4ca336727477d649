import { compileExpression } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import type { RowAccessor } from '../expression/value.ts'
import { KeyedStore } from '../state/keyed-store.ts'
import type { BurstLocals } from './aggregate.ts'
import type { EpochPolicy } from './epoch-policy.ts'
import { EpochSweep } from './epoch-sweep.ts'
import { compileKeyTime } from './key-time.ts'
import { emitKeys, emitLookup, emitTouch, endMillis } from './keyed-access.ts'
import { type Consumer, eventTimeMicros, type OpContext } from './op-context.ts'
import { OperatorFlags, type StatefulOperator } from './stateful.ts'

export interface DeduplicateSpec {
  readonly operatorId: number
  readonly keys: readonly Bound[]
  readonly eventTimeKey: number | null
  readonly time: Bound | null
  readonly expiry: { readonly delayMicros: number } | null
  /** True: of each epoch's rows alone, which are a whole result below. */
  readonly perEpoch: boolean
}

const EXPIRY_BYTES = 8

/**
 * Lets the first row of each key pass. A key is remembered for ever, until its event time has passed, or until its expiry. Late rows are
 * dropped, whether event time is among the keys or not. A row without event time is never late. In a micro-batch its expiry counts from
 * 1970, as Spark's: it is mostly forgotten at the end of the batch. In real time, where nothing ends, it counts from the watermark.
 */
export class Deduplicate implements StatefulOperator {
  readonly operatorId: number
  readonly name: string = 'deduplicate'
  readonly store: KeyedStore
  readonly flags = new OperatorFlags()
  readonly isTransient: boolean
  readonly #sweep = new EpochSweep()
  readonly #spec: DeduplicateSpec
  #keyTime: ((handle: number) => number) | null = null
  /** Rows that were dropped because their key had been seen. */
  readonly duplicates = new Float64Array(1)

  constructor(spec: DeduplicateSpec, valueBytes = spec.expiry === null ? 0 : EXPIRY_BYTES) {
    this.operatorId = spec.operatorId
    this.isTransient = spec.perEpoch
    this.#spec = spec
    this.store = new KeyedStore({
      valueBytes,
      varSlots: [],
      timed: spec.eventTimeKey !== null || spec.expiry !== null,
    })
  }

  emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals, next: Consumer): void {
    const { cg } = c
    const { time, expiry, eventTimeKey, keys } = this.#spec
    const store = cg.constant(this.store)
    const { values, key } = emitKeys(c, keys, row)
    let end = endMillis(values, eventTimeKey)
    if (time !== null) {
      const { isNull, millis } = emitTime(c, time, row)
      const isTimed = isNull === 'false' ? '' : `!${isNull} && `
      cg.line(`if (${isTimed}${millis} <= ${burst.late}) { ${burst.dropped}[0]++; ${skip} }`)
      if (expiry !== null) {
        const untimed = `${cg.constant(c.state)}.mode === 'realTime' ? Math.max(0, ${burst.late}) : 0`
        end = `${isNull === 'false' ? millis : `(${isNull} ? ${untimed} : ${millis})`} + ${expiry.delayMicros / 1000}`
      }
    }
    const insert = (hash: string): string => `${store}.insert(${hash}, ${key.buffer}, 0, ${key.length}, ${end})`
    const { entry, isNew } = emitLookup(c, this.store, key, burst, insert)
    cg.line(`if (!${isNew}) { ${cg.constant(this.duplicates)}[0]++; ${skip} }`)
    if (expiry !== null) cg.line(`${entry.f64}[${entry.value} >> 3] = ${end}`)
    emitTouch(c, store, entry, burst.tracking, burst.tag)
    next(row, skip)
  }

  beginEpoch(policy: EpochPolicy): void {
    this.flags.raiseLate(policy.mode === 'batch' ? Number.NEGATIVE_INFINITY : policy.lateMillis)
    this.store.tracking = this.store.log !== null || this.isTransient
  }

  advance(millis: number, budget: number): boolean {
    if (!this.#evict(millis, budget)) return false
    this.flags.raiseLate(millis)
    return true
  }

  finishEpoch(policy: EpochPolicy, budget: number): boolean {
    if (this.isTransient) return this.#sweep.step(this.store, budget)
    return policy.mode !== 'microBatch' || this.#evict(policy.evictMillis, budget)
  }

  restore(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    const { eventTimeKey, expiry, keys } = this.#spec
    const handle = this.store.restore(hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
    if (expiry !== null) {
      this.store.addToBucket(handle, new DataView(value.buffer, value.byteOffset).getFloat64(valueOffset, true))
    } else if (eventTimeKey !== null) {
      this.#keyTime ??= compileKeyTime(this.store, keys, eventTimeKey)
      this.store.addToBucket(handle, this.#keyTime(handle))
    }
  }

  #evict(millis: number, budget: number): boolean {
    const { store } = this
    for (let left = budget; store.hasDue(millis); ) {
      if (left-- <= 0) return false
      const handle = store.takeDue()
      store.remove(handle)
    }
    return true
  }
}

/** The event time of a row: the first millisecond at or after it. */
const emitTime = (c: OpContext, time: Bound, row: RowAccessor): { isNull: string; millis: string } => {
  const value = compileExpression(c.cg, time, row, c.compile)
  const millis = c.cg.fresh('ms')
  c.cg.line(`const ${millis} = Math.ceil(${eventTimeMicros(value)} / 1000)`)
  return { isNull: value.isNull, millis }
}
