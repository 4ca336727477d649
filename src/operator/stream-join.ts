import { layoutKey } from '../expression/key-layout.ts'
import type { RowAccessor } from '../expression/value.ts'
import { KeyedStore, NEXT_OFFSET, TAG_OFFSET } from '../state/keyed-store.ts'
import type { BurstLocals } from './aggregate.ts'
import type { EpochPolicy } from './epoch-policy.ts'
import { JoinLists, LINKS } from './join-lists.ts'
import type { Consumer, OpContext } from './op-context.ts'
import { OperatorFlags, type StatefulOperator } from './stateful.ts'
import { type JoinInFlow, LEFT, RIGHT, StreamJoinCode, type StreamJoinSpec, sideOf, storedTypes } from './stream-join-code.ts'

/**
 * Joins the rows of two streams. Every row is an entry of its own, under a number that makes it unique, the join's keys and its columns;
 * the entries of one join key are chained, a list a side (`JoinLists`). A row that comes meets the other side's list, then joins its own.
 * A checkpoint holds the entries; the lists are made anew from them.
 */
export class StreamJoin implements StatefulOperator, JoinInFlow {
  readonly operatorId: number
  readonly name = 'symmetricHashJoin'
  readonly store: KeyedStore
  readonly flags = new OperatorFlags()
  readonly lists: JoinLists
  /** Sends a pair downstream, 0 for a row that is not there; generated. */
  pair: (left: number, right: number) => void = () => {
    throw new Error('the join is not compiled')
  }
  /** The watermark that has let rows go: one that comes at or behind it is not kept. */
  evictMillis = Number.NEGATIVE_INFINITY
  inBatches = false
  /** Rows of a micro-batch that no later one can match, chained: they go at its end, whether their partner in it came before or after. */
  #passing = 0
  readonly #spec: StreamJoinSpec
  readonly #isFull: () => boolean
  readonly #code: StreamJoinCode
  /** The number of the row that came last. In a typed array, so that no double is boxed. */
  readonly #numbers = new Float64Array(1)
  /** Where an entry's key has the row's number: behind the null bits, of which a side has as many as its columns need. */
  readonly #numberOffsets: readonly number[]
  #relink: ((handle: number) => void)[] | null = null

  constructor(spec: StreamJoinSpec, isFull: () => boolean) {
    this.operatorId = spec.operatorId
    this.#spec = spec
    this.#isFull = isFull
    const timed = spec.timeKey !== null || spec.left.bounds.length + spec.right.bounds.length > 0
    this.store = new KeyedStore({ valueBytes: LINKS.bytes, varSlots: [], timed, searched: false })
    this.lists = new JoinLists(this.store)
    this.#code = new StreamJoinCode(spec, this.store, this.lists, this, this.#numbers)
    this.#numberOffsets = [LEFT, RIGHT].map(side => layoutKey(storedTypes(spec, side)).leaves[0].offset)
  }

  /** Generates the part of a burst that takes a row of either side in. */
  emitRow(c: OpContext, row: RowAccessor, burst: BurstLocals, next: Consumer, skip: string): void {
    this.#code.emitRow(c, row, burst, next, skip)
  }

  /** Generates the function that sends a pair on, read in place. */
  emitPair(c: OpContext, next: Consumer): void {
    this.#code.emitPair(c, next)
  }

  beginEpoch(policy: EpochPolicy): void {
    this.store.restored()
    this.flags.raiseLate(policy.lateMillis)
    this.inBatches = policy.mode === 'microBatch'
    // In real time it comes through the rings, behind the rows that it makes due before this operator.
    if (this.inBatches && policy.evictMillis > this.evictMillis) this.evictMillis = policy.evictMillis
    // Which rows came in this batch decides what a semi join keeps.
    this.store.tracking = this.store.log !== null || (this.inBatches && this.#spec.type === 'leftSemi')
  }

  advance(millis: number, budget: number): boolean {
    if (millis > this.evictMillis) this.evictMillis = millis
    if (!this.#evict(millis, budget)) return false
    this.flags.raiseLate(millis)
    return true
  }

  finishEpoch(policy: EpochPolicy, budget: number): boolean {
    return policy.mode !== 'microBatch' || (this.#letPass(budget) && this.#evict(policy.evictMillis, budget))
  }

  /** Keeps a new entry until the batch ends, out of all buckets and lists of changes. */
  pass(handle: number): void {
    const { arena, tag } = this.store
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 1
    // As if it were on the list of changes already.
    i32[at + (TAG_OFFSET >> 2)] = tag
    i32[at + (NEXT_OFFSET >> 2)] = this.#passing
    this.#passing = handle
  }

  /** Rows go to the task of their join key, not of their own. */
  homeHash(_hash: number, bytes: Uint8Array, _keyOffset: number, _keyLength: number, valueOffset: number): number {
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(valueOffset + LINKS.keyHash, true)
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
    const view = new DataView(value.buffer, value.byteOffset + valueOffset, valueLength)
    const side = view.getInt32(LINKS.side, true)
    this.store.addToBucket(handle, view.getFloat64(LINKS.due, true))
    const number = new DataView(key.buffer, key.byteOffset + keyOffset, keyLength).getFloat64(this.#numberOffsets[side], true)
    if (number > this.#numbers[0]) this.#numbers[0] = number
    this.#relink ??= [LEFT, RIGHT].map(each => this.#code.compileRelink(each))
    this.#relink[side](handle)
  }

  get ownBytes(): number {
    return this.lists.usedBytes
  }

  /** The batch is over: what was kept for it alone. */
  #letPass(budget: number): boolean {
    for (let left = budget; this.#passing !== 0; ) {
      if (left-- <= 0 || this.#isFull()) return false
      const handle = this.#passing
      this.#passing = this.store.nextOf(handle)
      this.#letGo(handle)
      this.store.discard(handle)
    }
    return true
  }

  #evict(millis: number, budget: number): boolean {
    const { store } = this
    for (let left = budget; store.hasDue(millis); ) {
      if (left-- <= 0 || this.#isFull()) return false
      const handle = store.takeDue()
      this.#letGo(handle)
      store.remove(handle)
    }
    return true
  }

  /** Puts a row out that has stayed alone, where such rows are wanted, and takes it from its list. */
  #letGo(handle: number): void {
    const side = this.lists.read(handle, LINKS.side)
    if (sideOf(this.#spec, side).keepsUnmatched && this.lists.read(handle, LINKS.matched) === 0) {
      this.pair(side === LEFT ? handle : 0, side === LEFT ? 0 : handle)
    }
    this.lists.unlink(handle, side)
  }
}
