import type { CodeBuilder } from '../expression/code-builder.ts'
import { compileExpression, compilePredicate } from '../expression/compile.ts'
import type { Bound, BoundAggregate } from '../expression/expression.ts'
import { keyAccessor } from '../expression/key-accessor.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import type { OutputMode } from '../plan/logical-plan.ts'
import { integerType } from '../record/data-type.ts'
import { KEY_OFFSET, KeyedStore } from '../state/keyed-store.ts'
import { emitFinish, emitUpdate } from './aggregate-code.ts'
import { type AggregateLayout, layoutAggregates } from './aggregate-state.ts'
import type { EpochPolicy } from './epoch-policy.ts'
import { EpochSweep } from './epoch-sweep.ts'
import { compileKeyTime } from './key-time.ts'
import { type EntryLocals, emitEntry, emitKeys, emitLookup, emitTouch, endMillis } from './keyed-access.ts'
import type { Consumer, OpContext } from './op-context.ts'
import { OperatorFlags, type StatefulOperator } from './stateful.ts'

export interface AggregateSpec {
  readonly operatorId: number
  readonly keys: readonly Bound[]
  readonly aggregates: readonly BoundAggregate[]
  readonly eventTimeKey: number | null
  /** True: of each epoch's rows alone, which are a whole result below. */
  readonly perEpoch: boolean
}

/** The key of the group of all rows, where there are no keys. */
export const ONLY_GROUP: Bound = { kind: 'literal', value: 0, type: integerType, nullable: false }

/** An operator that sends groups on by a function of its own, at other moments than its rows come. */
export interface GroupOperator extends StatefulOperator {
  emit: (handle: number) => void
  /** `next`: what follows, where that is so little that it can stand behind the row at once; null where it is called as `emit`. */
  emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals, next: Consumer | null): void
  emitGroup(c: OpContext, handle: string, next: Consumer): void
}

/**
 * Running totals by key. In real time and update mode each row emits its group's new totals; at a barrier the groups that changed (update),
 * all of them (complete, batch), or those that the watermark has closed (append).
 */
export class Aggregate implements GroupOperator {
  readonly operatorId: number
  readonly name = 'aggregate'
  readonly store: KeyedStore
  readonly flags = new OperatorFlags()
  readonly layout: AggregateLayout
  readonly isTransient: boolean
  readonly #sweep = new EpochSweep()
  readonly #spec: AggregateSpec
  readonly #outputMode: OutputMode
  /** Without keys there is one group, under a key of its own that no row shows. */
  readonly #stateKeys: readonly Bound[]
  /** Emits one group downstream; generated. */
  emit: (handle: number) => void = () => {
    throw new Error('the aggregate is not compiled')
  }
  /** True while the output takes no more; the task sets it. */
  readonly #isFull: () => boolean
  /** While a row emits its group: keys of it that were JS strings, so that they need not be made of bytes again. Else empty. */
  readonly #texts: string[]
  #cursor = 0
  #scan: { next(): number } | null = null
  #keyTime: ((handle: number) => number) | null = null

  constructor(spec: AggregateSpec, outputMode: OutputMode, isFull: () => boolean) {
    this.operatorId = spec.operatorId
    this.isTransient = spec.perEpoch
    this.#spec = spec
    this.#stateKeys = spec.keys.length === 0 ? [ONLY_GROUP] : spec.keys
    this.#texts = this.#stateKeys.map(() => '')
    this.#outputMode = outputMode
    this.#isFull = isFull
    this.layout = layoutAggregates(spec.aggregates)
    this.store = new KeyedStore({
      valueBytes: this.layout.valueBytes,
      varSlots: this.layout.varSlots,
      timed: spec.eventTimeKey !== null && outputMode !== 'complete',
    })
  }

  /** Generates the part of a burst that takes one row in. */
  emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals, next: Consumer | null): void {
    const { cg } = c
    const { eventTimeKey, aggregates } = this.#spec
    const store = cg.constant(this.store)
    const { values, key } = emitKeys(c, this.#stateKeys, row)
    const end = endMillis(values, this.store.buckets === null ? null : eventTimeKey)
    if (this.store.buckets !== null) {
      cg.open(`if (${end} <= ${burst.late}) {`)
      cg.line(`${cg.constant(this.flags)}.dropLate(${key.emitHash()})`)
      cg.line(skip)
      cg.close()
    }
    // Read → pure expressions → state change → emit: an error in an argument leaves the state as it was.
    const inputs = aggregates.map(({ arg, filter }) => {
      const condition = filter === null ? null : compilePredicate(cg, filter, row, c.compile)
      return { value: arg === null ? null : compileExpression(cg, arg, row, c.compile), condition }
    })
    const insert = (hash: string): string => `${store}.insert(${hash}, ${key.buffer}, 0, ${key.length}, ${end})`
    const { entry } = emitLookup(c, this.store, key, burst, insert)
    emitTouch(c, store, entry, burst.tracking, burst.tag)
    for (const [i, slot] of this.layout.slots.entries()) {
      const { value, condition } = inputs[i]
      if (condition !== null) cg.open(`if (${condition}) {`)
      emitUpdate(cg, slot, value, entry, store)
      if (condition !== null) cg.close()
    }
    if (next !== null) {
      cg.open(`if (${burst.perRow}) {`)
      const texts = values.map(value => (value.form === 'text' ? value.code : null))
      const seen = inputs.map(({ value, condition }) => value?.isNull === 'false' && condition === null)
      next(valuesAccessor(this.#groupValues(c, entry, texts, seen)), skip)
      cg.close()
      return
    }
    const texts = values.flatMap((value, i) =>
      value.form === 'text' ? [{ cell: `${cg.constant(this.#texts)}[${i}]`, code: value.code }] : [],
    )
    cg.open(`if (${burst.perRow}) {`)
    for (const { cell, code } of texts) cg.line(`${cell} = ${code}`)
    cg.line(`${cg.constant(this)}.emit(${entry.handle})`)
    for (const { cell } of texts) cg.line(`${cell} = ''`)
    cg.close()
  }

  /** Generates the function that sends one group on: keys and results, read in place. */
  emitGroup(c: OpContext, handle: string, next: Consumer): void {
    const texts = this.#stateKeys.map((_, i) => `${c.cg.constant(this.#texts)}[${i}]`)
    next(valuesAccessor(this.#groupValues(c, emitEntry(c, this.store, handle, null), texts)), 'return')
  }

  /** Keys and results of a group. `texts`: where a key may be found as a JS string. `seen`: which results cannot be null. */
  #groupValues(c: OpContext, entry: EntryLocals, texts: readonly (string | null)[], seen: readonly boolean[] = []): Value[] {
    const { cg } = c
    const types = this.#stateKeys.map(({ type, nullable }) => ({ type, nullable }))
    const keys = keyAccessor(cg, types, { u8: entry.u8, i32: entry.i32, f64: entry.f64, i64: entry.i64 }, `(${entry.at} + ${KEY_OFFSET})`)
    const values: Value[] = this.#spec.keys.map((_, i) => {
      const value = keys.column(i)
      const text = texts[i]
      if (text === null || value.form !== 'bytes' || value.type.kind !== 'string') return value
      // As long as its bytes, a text is ASCII, and so the same in every respect.
      return { ...value, text: `(${text}.length === ${value.length} ? ${text} : null)` }
    })
    for (const [i, slot] of this.layout.slots.entries()) values.push(emitFinish(cg, slot, entry, this.store, seen[i]))
    return values
  }

  beginEpoch(policy: EpochPolicy): void {
    this.flags.raiseLate(this.store.buckets === null || policy.mode === 'batch' ? Number.NEGATIVE_INFINITY : policy.lateMillis)
    this.flags.perRow = policy.mode === 'realTime' && this.#outputMode === 'update'
    this.flags.countGroups(policy.mode === 'microBatch')
    const emitsChanges = policy.mode === 'microBatch' && this.#outputMode === 'update'
    this.store.tracking = this.store.log !== null || emitsChanges || this.isTransient
  }

  advance(millis: number, budget: number): boolean {
    if (!this.#evict(millis, budget)) return false
    if (this.store.buckets !== null) this.flags.raiseLate(millis)
    return true
  }

  finishEpoch(policy: EpochPolicy, budget: number): boolean {
    if (this.isTransient) return this.#emitEpoch(budget)
    if (policy.mode === 'batch' || this.#outputMode === 'complete') return this.#emitAll(budget)
    if (policy.mode === 'realTime') return true
    if (this.#outputMode === 'update' && !this.#emitChanges(budget)) return false
    if (!this.#evict(policy.evictMillis, budget)) return false
    this.#cursor = 0
    return true
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
    const handle = this.store.restore(hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
    const { eventTimeKey, keys } = this.#spec
    if (this.store.buckets === null || eventTimeKey === null) return
    this.#keyTime ??= compileKeyTime(this.store, keys, eventTimeKey)
    this.store.addToBucket(handle, this.#keyTime(handle))
  }

  /** Each group once, and then forgets it. */
  #emitEpoch(budget: number): boolean {
    if (this.#cursor === 0 && this.#spec.keys.length === 0 && this.store.size === 0) return this.#emitNothing()
    if (!this.#emitDirty(budget) || !this.#sweep.step(this.store, budget)) return false
    this.#cursor = 0
    return true
  }

  /** A total without keys comes with every micro-batch, changed or not, as in Spark: it is one row over no rows as well. */
  #emitChanges(budget: number): boolean {
    return this.#spec.keys.length === 0 && this.store.dirtyCount === 0 ? this.#emitAll(budget) : this.#emitDirty(budget)
  }

  #emitDirty(budget: number): boolean {
    const { store } = this
    const { dirtyCount } = store
    for (let left = budget; this.#cursor < dirtyCount; ) {
      if (left-- <= 0 || this.#isFull()) return false
      const handle = store.dirtyAt(this.#cursor++)
      if (handle !== 0) this.emit(handle)
    }
    return true
  }

  /** SQL: totals over no rows at all are one row, where there are no keys. The group is there only while it is emitted. */
  #emitNothing(): boolean {
    if (this.#isFull()) return false
    const handle = this.store.insert(0, new Uint8Array(8), 0, 8, 0)
    this.emit(handle)
    this.store.remove(handle)
    return true
  }

  #emitAll(budget: number): boolean {
    if (this.#spec.keys.length === 0 && this.store.size === 0) return this.#emitNothing()
    this.#scan ??= this.store.index.cursor()
    for (let left = budget; ; ) {
      if (left-- <= 0 || this.#isFull()) return false
      const handle = this.#scan.next()
      if (handle === 0) break
      this.emit(handle)
    }
    this.#scan = null
    return true
  }

  /** Works through the buckets that are due. The bucket at hand is a chain that nothing else refers to any more. */
  #evict(millis: number, budget: number): boolean {
    const { store } = this
    const emits = this.#outputMode === 'append'
    for (let left = budget; store.hasDue(millis); ) {
      if (left-- <= 0 || (emits && this.#isFull())) return false
      const handle = store.takeDue()
      if (emits) this.emit(handle)
      store.remove(handle)
    }
    return true
  }
}

/** Locals that a burst reads once when it starts. */
export interface BurstLocals {
  readonly late: string
  readonly dropped: string
  readonly perRow: string
  readonly tracking: string
  readonly tag: string
  readonly front: string
  readonly frontShift: string
}

/** Declares the locals of one stateful operator at the start of a generated burst. */
export const emitBurstLocals = (cg: CodeBuilder, operator: StatefulOperator): BurstLocals => {
  const names = {
    late: cg.fresh('late'),
    dropped: cg.fresh('dropped'),
    perRow: cg.fresh('perRow'),
    tracking: cg.fresh('tracking'),
    tag: cg.fresh('tag'),
    front: cg.fresh('front'),
    frontShift: cg.fresh('frontShift'),
  }
  const flags = cg.constant(operator.flags)
  const store = cg.constant(operator.store)
  cg.line(`const ${names.late} = ${flags}.lateMillis, ${names.dropped} = ${flags}.dropped, ${names.perRow} = ${flags}.perRow`)
  cg.line(`const ${names.tracking} = ${store}.tracking, ${names.tag} = ${store}.tag`)
  cg.line(`const ${names.front} = ${store}.index.front.places, ${names.frontShift} = ${store}.index.front.shift`)
  return names
}
