import { viewsOf } from 'native-free-buffers'
import { compileExpression, compilePredicate } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { keyAccessor } from '../expression/key-accessor.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import type { OutputMode } from '../plan/logical-plan.ts'
import type { WindowSlices } from '../plan/window-slices.ts'
import { timestampType } from '../record/data-type.ts'
import { KEY_OFFSET } from '../state/keyed-store.ts'
import { BLOCK, CURRENT, NEXT_WINDOW, SLICE_TAG, SLICE_VALUE, SliceStore } from '../state/slice-store.ts'
import type { Bucket } from '../state/time-buckets.ts'
import { type AggregateSpec, type BurstLocals, type GroupOperator, ONLY_GROUP } from './aggregate.ts'
import { type EntryNames, emitFinish, emitMerge, emitUpdate } from './aggregate-code.ts'
import { type AggregateLayout, layoutAggregates } from './aggregate-state.ts'
import type { EpochPolicy } from './epoch-policy.ts'
import { emitEntry, emitKeys, emitLookup } from './keyed-access.ts'
import { type Consumer, eventTimeMicros, type OpContext } from './op-context.ts'
import { Slicing } from './slicing.ts'
import { OperatorFlags } from './stateful.ts'

export interface SlicedAggregateSpec extends AggregateSpec {
  readonly slices: WindowSlices
}

/** Places in `SlicedAggregate.span`: the slice of the row at hand, and the windows that hold it. Micros. */
const SLICE_START = 0
const SLICE_END = 1
/** The time of the row for which `locate` is called. */
const TIME = 2
const FIRST_WINDOW = 3
/** The first of the windows that is not over for rows. */
const FIRST_OPEN = 4
const LAST_WINDOW = 5

/**
 * Running totals by key and sliding window, kept as slices: a row changes one slice of its key, and a window is put together from its
 * slices when it is emitted: when it is over (append), when a slice of it has changed (update). What comes out, and which rows are late,
 * is what it would be if each window were a group of its own, as in `Aggregate`.
 */
export class SlicedAggregate implements GroupOperator {
  readonly operatorId: number
  readonly name = 'aggregate'
  readonly store: SliceStore
  readonly flags = new OperatorFlags()
  readonly layout: AggregateLayout
  readonly span = new Float64Array(8).fill(Number.NaN)
  /** The start of the window that `emit` is to emit. */
  readonly window = new Float64Array(1)
  readonly #spec: SlicedAggregateSpec
  readonly #slicing: Slicing
  readonly #outputMode: OutputMode
  /** The keys but for the window; without any, the key of the only group. */
  readonly #stateKeys: readonly Bound[]
  /** Emits one window of a key downstream; generated. */
  emit: (handle: number) => void = () => {
    throw new Error('the aggregate is not compiled')
  }
  readonly #isFull: () => boolean
  /** A window for which keys are being scheduled, and the bucket of its end: keys go from window to window together. */
  readonly #due = new Float64Array(1).fill(Number.NaN)
  #dueBucket: Bucket | null = null
  /** The first window that has not been let go. */
  #firstLeft = Number.NEGATIVE_INFINITY
  #cursor = 0
  /** Emission of a key's changed windows goes on from here. */
  #cursorWindow = Number.NEGATIVE_INFINITY
  #chain = 0
  /** Entries of a checkpoint are there and not yet in their buckets. */
  #isRestored = false

  constructor(spec: SlicedAggregateSpec, outputMode: OutputMode, isFull: () => boolean) {
    this.operatorId = spec.operatorId
    this.#spec = spec
    const others = spec.keys.filter((_, i) => i !== spec.slices.key)
    this.#stateKeys = others.length === 0 ? [ONLY_GROUP] : others
    this.#slicing = new Slicing(spec.slices)
    this.#outputMode = outputMode
    this.#isFull = isFull
    this.layout = layoutAggregates(spec.aggregates, SLICE_VALUE)
    this.store = new SliceStore({ sliceBytes: this.layout.valueBytes, varSlots: this.layout.varSlots })
  }

  /** Generates the part of a burst that takes one row in. */
  emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals): void {
    const { cg } = c
    const { aggregates, slices } = this.#spec
    const { arena } = this.store
    const [self, store, span] = [cg.constant(this), cg.constant(this.store), cg.constant(this.span)]
    const time = compileExpression(cg, slices.time, row, c.compile)
    if (time.isNull !== 'false') cg.line(`if (${time.isNull}) ${skip}`)
    const t = cg.fresh('t')
    cg.line(`const ${t} = ${eventTimeMicros(time)}`)
    cg.line(`if (!(${t} >= ${span}[${SLICE_START}] && ${t} < ${span}[${SLICE_END}])) { ${span}[${TIME}] = ${t}; ${self}.locate() }`)
    const { key } = emitKeys(c, this.#stateKeys, row)
    cg.open(`if (${span}[${FIRST_OPEN}] !== ${span}[${FIRST_WINDOW}]) {`)
    cg.line(`if (${self}.dropLate(${key.emitHash()})) ${skip}`)
    cg.close()
    // Read → pure expressions → state change → emit: an error in an argument leaves the state as it was.
    const inputs = aggregates.map(({ arg, filter }) => {
      const condition = filter === null ? null : compilePredicate(cg, filter, row, c.compile)
      return { value: arg === null ? null : compileExpression(cg, arg, row, c.compile), condition }
    })
    const insert = (hash: string): string => `${store}.insert(${hash}, ${key.buffer}, 0, ${key.length})`
    const { entry } = emitLookup(c, this.store, key, burst, insert)
    const { handle } = entry
    const [block, place, segment, at] = ['block', 'place', 'sg', 'at'].map(name => cg.fresh(name))
    const find = [
      `${block} = ${entry.i32}[${entry.value} + ${BLOCK} >> 2] >>> 0`,
      `${place} = ${entry.i32}[${entry.value} + ${CURRENT} >> 2]`,
      `${segment} = ${cg.constant(arena)}.segments[${block} >>> ${arena.segmentShift}]`,
      `${at} = ((${block} & ${arena.handleMask}) << 3) + ${place}`,
    ]
    cg.line(`let ${find.join(', ')}`)
    cg.line(`if (${segment}.f64[${at} >> 3] !== ${span}[${SLICE_START}]) { ${self}.seek(${handle}); ${find.join('; ')} }`)
    const slice = emitViews(c, segment, { handle: block, value: at, valueOffset: place })
    cg.line(`if (${burst.tracking} && ${slice.i32}[${at} + ${SLICE_TAG} >> 2] !== ${burst.tag}) ${store}.markSlice(${handle})`)
    for (const [i, slot] of this.layout.slots.entries()) {
      const { value, condition } = inputs[i]
      if (condition !== null) cg.open(`if (${condition}) {`)
      emitUpdate(cg, slot, value, slice, store)
      if (condition !== null) cg.close()
    }
    cg.line(`if (${burst.perRow}) ${self}.emitRowWindows(${handle})`)
  }

  /** Generates the function that puts a window of a key together and sends it on. */
  emitGroup(c: OpContext, handle: string, next: Consumer): void {
    const { cg } = c
    const { slots, valueBytes } = this.layout
    const { keys, slices } = this.#spec
    const [store, start, end] = [cg.constant(this.store), cg.fresh('start'), cg.fresh('end')]
    cg.line(`const ${start} = ${cg.constant(this.window)}[0], ${end} = ${start} + ${slices.sizeMicros}`)
    const [block, segment, at, last] = ['block', 'sg', 'at', 'last'].map(name => cg.fresh(name))
    cg.line(`const ${block} = ${store}.blockOf(${handle})`)
    cg.line(`const ${segment} = ${cg.constant(this.store.arena)}.segments[${block} >>> ${this.store.arena.segmentShift}]`)
    cg.line(`let ${at} = ${store}.firstAt(${handle})`)
    const from = emitViews(c, segment, { handle: block, value: at, valueOffset: '0' })
    cg.line(`const ${last} = ${at} + ${store}.countOf(${handle}) * ${valueBytes}`)
    cg.line(`while (${at} < ${last} && ${from.f64}[${at} >> 3] < ${start}) ${at} += ${valueBytes}`)
    // The totals of the window: a slice of no key's.
    const { u8, i32, i64, f64 } = viewsOf(new ArrayBuffer(valueBytes))
    const [tu8, ti32, ti64, tf64] = [u8, i32, i64, f64].map(view => cg.constant(view, 'total'))
    const total: EntryNames = { handle: '0', value: '0', valueOffset: '0', u8: tu8, i32: ti32, i64: ti64, f64: tf64 }
    for (let i = SLICE_VALUE >> 2; i < valueBytes >> 2; i++) cg.line(`${total.i32}[${i}] = ${from.i32}[(${at} >> 2) + ${i}]`)
    cg.open(`for (${at} += ${valueBytes}; ${at} < ${last} && ${from.f64}[${at} >> 3] < ${end}; ${at} += ${valueBytes}) {`)
    for (const slot of slots) emitMerge(cg, slot, from, total, store)
    cg.close()
    const types = this.#stateKeys.map(({ type, nullable }) => ({ type, nullable }))
    const entry = emitEntry(c, this.store, handle, null)
    const stateKeys = keyAccessor(cg, types, entry, `(${entry.at} + ${KEY_OFFSET})`)
    const bound = (code: string): Value => ({ form: 'scalar', type: timestampType, isNull: 'false', code })
    const values = keys.map(
      (key, i): Value =>
        i === slices.key
          ? { form: 'struct', type: key.type, isNull: 'false', fields: [bound(start), bound(end)] }
          : stateKeys.column(i < slices.key ? i : i - 1),
    )
    for (const slot of slots) values.push(emitFinish(cg, slot, total, this.store))
    next(valuesAccessor(values), 'return')
  }

  /** Called for a row in another slice than the row before. */
  locate(): void {
    const { span } = this
    const time = span[TIME]
    const slicing = this.#slicing
    span[SLICE_START] = slicing.sliceStart(time)
    span[SLICE_END] = slicing.sliceEnd(time)
    span[FIRST_WINDOW] = slicing.firstWindow(time)
    span[LAST_WINDOW] = slicing.lastWindow(time)
    span[FIRST_OPEN] = Math.max(span[FIRST_WINDOW], slicing.firstOpen(this.flags.lateMillis))
  }

  /** Called for a row some of whose windows are over; counts it for each of them. True if all are. */
  dropLate(hash: number): boolean {
    const { span, flags } = this
    const end = Math.min(span[FIRST_OPEN], span[LAST_WINDOW] + this.#slicing.slide)
    for (let start = span[FIRST_WINDOW]; start < end; start += this.#slicing.slide) {
      flags.dropLate(hash ^ Math.imul(start / 1000, 0x85ebca6b))
    }
    return span[FIRST_OPEN] > span[LAST_WINDOW]
  }

  /** Makes the slice of the row at hand the current one of a key. */
  seek(handle: number): void {
    const { span, store } = this
    store.sought[0] = span[SLICE_START]
    if (!store.seek(handle)) return
    const first = span[FIRST_OPEN] > this.#firstLeft ? span[FIRST_OPEN] : this.#firstLeft
    const start = this.#outputMode === 'append' ? first : span[LAST_WINDOW]
    const { f64 } = store.viewsOf(handle)
    const at = (store.valueAt(handle) + NEXT_WINDOW) >> 3
    if (start >= f64[at]) return
    if (f64[at] !== Number.POSITIVE_INFINITY) store.unschedule(handle, this.#slicing.endMillis(f64[at]))
    f64[at] = start
    store.schedule(handle, this.#bucketOf(start))
  }

  /** Update mode, after each row: the new totals of all its windows that are not over, latest first. */
  emitRowWindows(handle: number): void {
    const { span, window } = this
    for (let start = span[LAST_WINDOW]; start >= span[FIRST_OPEN]; start -= this.#slicing.slide) {
      window[0] = start
      this.emit(handle)
    }
  }

  beginEpoch(policy: EpochPolicy): void {
    if (this.#isRestored) this.#scheduleAll()
    this.#raiseLate(policy.lateMillis)
    this.flags.perRow = policy.mode === 'realTime' && this.#outputMode === 'update'
    this.flags.countGroups(policy.mode === 'microBatch')
    this.store.tracking = this.store.log !== null || (policy.mode === 'microBatch' && this.#outputMode === 'update')
  }

  advance(millis: number, budget: number): boolean {
    if (!this.#evict(millis, budget)) return false
    this.#raiseLate(millis)
    return true
  }

  finishEpoch(policy: EpochPolicy, budget: number): boolean {
    if (policy.mode === 'realTime') return true
    if (this.#outputMode === 'update' && !this.#emitChanged(budget)) return false
    if (!this.#evict(policy.evictMillis, budget)) return false
    this.#cursor = 0
    return true
  }

  homeHash(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number | null {
    return keyLength === 0 ? null : this.store.ownHash(hash, key, keyOffset, keyLength)
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
    this.store.restore(hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
    this.#isRestored = true
  }

  #raiseLate(millis: number): void {
    this.flags.raiseLate(millis)
    this.span.fill(Number.NaN)
  }

  /** Keys of a checkpoint go into their buckets once all that is known of them is there. */
  #scheduleAll(): void {
    this.#isRestored = false
    this.#firstLeft = this.#slicing.firstOpen(this.store.doneMillis)
    const scan = this.store.index.cursor()
    for (let handle = scan.next(); handle !== 0; handle = scan.next()) {
      const oldest = this.store.viewsOf(this.store.blockOf(handle)).f64[this.store.firstAt(handle) >> 3]
      const start = this.#nextDue(oldest, this.#firstLeft)
      this.store.viewsOf(handle).f64[(this.store.valueAt(handle) + NEXT_WINDOW) >> 3] = start
      this.store.schedule(handle, this.#bucketOf(start))
    }
  }

  /**
   * The next window at whose end a key must be looked at: where windows are emitted when they are over, the first from `left` on that holds
   * its oldest slice, and so is not empty; else the last one that the slice is needed for.
   */
  #nextDue(oldest: number, left: number): number {
    if (this.#outputMode !== 'append') return this.#slicing.lastWindow(oldest)
    if (oldest >= left && oldest < left + this.#slicing.size) return left
    const first = this.#slicing.firstWindow(oldest)
    return first > left ? first : left
  }

  #bucketOf(start: number): Bucket {
    if (this.#dueBucket !== null && this.#due[0] === start) return this.#dueBucket
    this.#due[0] = start
    this.#dueBucket = this.store.times.at(this.#slicing.endMillis(start))
    return this.#dueBucket
  }

  /** Micro-batch, update mode: each window of which a slice has changed, once. */
  #emitChanged(budget: number): boolean {
    const { store, window } = this
    const { dirtyCount } = store
    for (let left = budget; this.#cursor < dirtyCount; ) {
      if (left-- <= 0 || this.#isFull()) return false
      const handle = store.dirtyAt(this.#cursor)
      if (handle === 0 || !this.#nextChanged(handle)) {
        this.#cursor++
        this.#cursorWindow = Number.NEGATIVE_INFINITY
        continue
      }
      this.emit(handle)
      this.#cursorWindow = window[0] + this.#slicing.slide
    }
    return true
  }

  /** The first window, from the cursor on and not over, that holds a slice changed in this epoch. */
  #nextChanged(handle: number): boolean {
    const { store } = this
    const slicing = this.#slicing
    const open = slicing.firstOpen(this.flags.lateMillis)
    const from = open > this.#cursorWindow ? open : this.#cursorWindow
    const { f64, i32 } = store.viewsOf(store.blockOf(handle))
    let at = store.firstAt(handle)
    for (let i = store.countOf(handle); i > 0; i--, at += store.sliceBytes) {
      if (i32[(at + SLICE_TAG) >> 2] !== store.tag) continue
      const start = f64[at >> 3]
      if (start < from) continue
      const first = slicing.firstWindow(start)
      this.window[0] = first > from ? first : from
      return true
    }
    return false
  }

  /** Works through the keys that are due. The chain at hand is one that nothing else refers to any more. */
  #evict(millis: number, budget: number): boolean {
    const { store } = this
    const buckets = store.times
    const emits = this.#outputMode === 'append'
    for (let left = budget; ; ) {
      if (this.#chain === 0) {
        if (buckets.isEmpty || buckets.least() > millis) break
        this.#chain = buckets.take()
        this.#dueBucket = null
        // A bucket whose keys have all gone to earlier ones.
        if (this.#chain === 0) continue
      }
      if (left-- <= 0 || (emits && this.#isFull())) return false
      const handle = this.#chain
      this.#chain = store.nextOf(handle)
      this.#letGo(handle, emits)
    }
    if (millis > store.doneMillis) {
      store.doneMillis = millis
      this.#firstLeft = this.#slicing.firstOpen(millis)
    }
    return true
  }

  /** The window for which a key was scheduled is over. */
  #letGo(handle: number, emits: boolean): void {
    const { store, window } = this
    const slicing = this.#slicing
    const next = (store.valueAt(handle) + NEXT_WINDOW) >> 3
    const { f64: entry } = store.viewsOf(handle)
    const start = entry[next]
    if (emits) {
      window[0] = start
      this.emit(handle)
    }
    const { f64 } = store.viewsOf(store.blockOf(handle))
    const count = store.countOf(handle)
    let [dropped, at] = [0, store.firstAt(handle)]
    // The slices that begin before the next window does are needed by none.
    while (dropped < count && f64[at >> 3] < start + slicing.slide) {
      dropped++
      at += store.sliceBytes
    }
    if (dropped > 0) store.dropOldest(handle, dropped)
    if (dropped === count) {
      store.remove(handle)
      return
    }
    const due = this.#nextDue(f64[at >> 3], start + slicing.slide)
    entry[next] = due
    store.schedule(handle, this.#bucketOf(due))
  }
}

/** Locals for the views of a segment. */
const emitViews = (c: OpContext, segment: string, place: Pick<EntryNames, 'handle' | 'value' | 'valueOffset'>): EntryNames => {
  const [u8, i32, i64, f64] = ['u8', 'i32', 'i64', 'f64'].map(name => c.cg.fresh(name))
  c.cg.line(`const ${u8} = ${segment}.u8, ${i32} = ${segment}.i32, ${i64} = ${segment}.i64, ${f64} = ${segment}.f64`)
  return { ...place, u8, i32, i64, f64 }
}
