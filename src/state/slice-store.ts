import { Arena, type Views } from 'native-free-buffers'
import { copyBytes } from '../record/strings.ts'
import type { ChangeLog } from './change-log.ts'
import { RecordsAhead } from './change-record.ts'
import { KEY_OFFSET, KeyedStore, NEXT_OFFSET, TAG_OFFSET } from './keyed-store.ts'
import type { Bucket, TimeBuckets } from './time-buckets.ts'

/**
 * Keyed state in slices of time: an entry a key, and behind it one block with the key's slices side by side, oldest first. One look-up
 * finds the key, and all that a window needs lies in a row. The value of an entry:
 *
 *   0 u32 handle of the block · 4 i32 capacity (slices) · 8 i32 the first slice in use · 12 i32 slices in use
 *   16 i32 byte offset in the block of the slice used last · 20 u32 previous in the time bucket · 24 f64 the next window
 *
 * A slice: 0 f64 its start (micros) · 8 i32 tag of the epoch that changed it last · 12 what the operator keeps, `sliceBytes` in all.
 *
 * In the log each slice is a record of its own, so that a checkpoint follows the change: the entry's key with the start behind it. One more
 * record, with an empty key, says how far windows have been let go: of a slice that is still needed some windows are over.
 */
export const BLOCK = 0
const CAPACITY = 4
const FIRST = 8
const COUNT = 12
export const CURRENT = 16
const PREVIOUS = 20
export const NEXT_WINDOW = 24
const ENTRY_VALUE_BYTES = 32

export const SLICE_TAG = 8
export const SLICE_VALUE = 12

const LEAST_CAPACITY = 4
const NOTHING = new Uint8Array(0)
/** Up to here a loop beats `copyWithin`. */
const LOOP_BYTES = 512

export interface SliceStoreOptions {
  readonly sliceBytes: number
  /** Offsets in a slice of u32 handles to variable bytes. */
  readonly varSlots: readonly number[]
}

export class SliceStore extends KeyedStore {
  readonly sliceBytes: number
  /** `buckets`, which a store of slices always has. */
  readonly times: TimeBuckets
  /** The start of the slice that `seek` looks for: a double in an array crosses a call without being boxed. */
  readonly sought = new Float64Array(1)
  /** Windows that end at or before are over, and what they had to say is said. */
  doneMillis = Number.NEGATIVE_INFINITY
  #loggedMillis = Number.NEGATIVE_INFINITY
  /** Where the slots stand from a slice's value on. */
  readonly #slots: readonly number[]
  #sliceCount = 0
  /** A key with a start behind it, as the log has it. */
  #key = new Uint8Array(64)
  readonly #start = new Float64Array(1)
  readonly #startBytes = new Uint8Array(this.#start.buffer)
  readonly #startWords = new Int32Array(this.#start.buffer)
  readonly #ownHashes = new RecordsAhead().hashes

  constructor(options: SliceStoreOptions) {
    super({ valueBytes: ENTRY_VALUE_BYTES, varSlots: [], timed: true })
    if (this.buckets === null) throw new Error('slices are timed')
    this.times = this.buckets
    this.sliceBytes = options.sliceBytes
    this.#slots = options.varSlots.map(slot => slot - SLICE_VALUE)
  }

  /** Slices of all keys. */
  override get size(): number {
    return this.#sliceCount
  }

  /** A key without slices, in no bucket. `seek` gives it its first. */
  override insert(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number {
    const handle = this.index.insert(hash, key, keyOffset, keyLength, ENTRY_VALUE_BYTES)
    const block = this.arena.allocate(LEAST_CAPACITY * this.sliceBytes)
    const { i32, f64 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    i32[(at + BLOCK) >> 2] = block
    i32[(at + CAPACITY) >> 2] = LEAST_CAPACITY
    f64[(at + NEXT_WINDOW) >> 3] = Number.POSITIVE_INFINITY
    // No start is NaN, so nobody takes the empty slice for one.
    this.viewsOf(block).f64[offsetIn(block) >> 3] = Number.NaN
    return handle
  }

  viewsOf(handle: number): Views {
    const { arena } = this
    return arena.segments[handle >>> arena.segmentShift]
  }

  /** The byte offset of an entry's value in the views of its segment. */
  valueAt(handle: number): number {
    const offset = offsetIn(handle)
    return offset + this.valueOffset(this.viewsOf(handle).i32[(offset + 4) >> 2])
  }

  /** How many slices a key has. */
  countOf(handle: number): number {
    return this.viewsOf(handle).i32[(this.valueAt(handle) + COUNT) >> 2]
  }

  /** The block with a key's slices. */
  blockOf(handle: number): number {
    return this.viewsOf(handle).i32[(this.valueAt(handle) + BLOCK) >> 2] >>> 0
  }

  /** The byte offset of a key's oldest slice in the views of its block. The others follow, `sliceBytes` apart. */
  firstAt(handle: number): number {
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    return offsetIn(i32[(at + BLOCK) >> 2]) + i32[(at + FIRST) >> 2] * this.sliceBytes
  }

  /** Makes the slice that starts at `sought[0]` the current one of a key. True if it is new: then it is zeroed. */
  seek(handle: number): boolean {
    const start = this.sought[0]
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    const count = i32[(at + COUNT) >> 2]
    const index = this.#search(handle, count)
    const found = index < count && this.viewsOf(this.blockOf(handle)).f64[(this.firstAt(handle) + index * this.sliceBytes) >> 3] === start
    if (!found) this.#makePlace(handle, index)
    i32[(at + CURRENT) >> 2] = (i32[(at + FIRST) >> 2] + index) * this.sliceBytes
    if (found) return false
    const views = this.viewsOf(this.blockOf(handle))
    const place = this.firstAt(handle) + index * this.sliceBytes
    views.i32.fill(0, place >> 2, (place + this.sliceBytes) >> 2)
    views.f64[place >> 3] = start
    this.#sliceCount++
    return true
  }

  /** Must be called before the current slice of a key changes, if its tag is not that of the epoch. */
  markSlice(handle: number): void {
    this.#markEntry(handle)
    this.updatedCount++
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    const block = i32[(at + BLOCK) >> 2] >>> 0
    this.viewsOf(block).i32[(offsetIn(block) + i32[(at + CURRENT) >> 2] + SLICE_TAG) >> 2] = this.tag
  }

  /** Forgets the oldest slices of a key. A key without slices stays until it is removed. */
  dropOldest(handle: number, dropped: number): void {
    const { log, sliceBytes } = this
    if (this.isAwaited(handle)) this.#markEntry(handle)
    const { i32, f64 } = this.viewsOf(this.blockOf(handle))
    let place = this.firstAt(handle)
    for (let i = 0; i < dropped; i++, place += sliceBytes) {
      if (log !== null) {
        const length = this.#composeKey(handle, f64[place >> 3])
        log.delete(this.#hashOf(handle) ^ this.#startHash(), this.#key, 0, length)
      }
      this.bytes.free(i32, place + SLICE_VALUE, this.#slots)
      f64[place >> 3] = Number.NaN
    }
    const entry = this.viewsOf(handle).i32
    const at = this.valueAt(handle)
    entry[(at + FIRST) >> 2] += dropped
    entry[(at + COUNT) >> 2] -= dropped
    this.#sliceCount -= dropped
    this.removedCount += dropped
  }

  /** Puts a key into a bucket. It is in no other. */
  schedule(handle: number, bucket: Bucket): void {
    const behind = bucket.head
    bucket.head = handle
    const { i32 } = this.viewsOf(handle)
    i32[(offsetIn(handle) + NEXT_OFFSET) >> 2] = behind
    i32[(this.valueAt(handle) + PREVIOUS) >> 2] = 0
    if (behind !== 0) this.viewsOf(behind).i32[(this.valueAt(behind) + PREVIOUS) >> 2] = handle
  }

  /** Takes a key out of the bucket of an end. */
  unschedule(handle: number, endMillis: number): void {
    const { i32 } = this.viewsOf(handle)
    const before = i32[(this.valueAt(handle) + PREVIOUS) >> 2] >>> 0
    const behind = this.nextOf(handle)
    if (before === 0) this.times.replaceHead(endMillis, behind)
    else this.viewsOf(before).i32[(offsetIn(before) + NEXT_OFFSET) >> 2] = behind
    if (behind !== 0) this.viewsOf(behind).i32[(this.valueAt(behind) + PREVIOUS) >> 2] = before
  }

  override beginSeal(nextLog: ChangeLog | null): void {
    if (this.log !== null && this.doneMillis !== this.#loggedMillis) {
      this.#start[0] = this.doneMillis
      this.log.put(0, NOTHING, 0, 0, this.#startBytes, 0, 8)
      this.#loggedMillis = this.doneMillis
    }
    super.beginSeal(nextLog)
  }

  override holds(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): boolean {
    if (keyLength === 0) return this.doneMillis !== Number.NEGATIVE_INFINITY
    const handle = this.index.find(this.ownHash(hash, key, keyOffset, keyLength), key, keyOffset, keyLength - 8)
    if (handle === 0) return false
    this.sought[0] = this.#start[0]
    const count = this.countOf(handle)
    const index = this.#search(handle, count)
    const place = this.firstAt(handle) + index * this.sliceBytes
    return index < count && this.viewsOf(this.blockOf(handle)).f64[place >> 3] === this.sought[0]
  }

  /** The hash of an entry in a checkpoint is not that of its key. */
  override touch({ hashes, keyEnds, count }: RecordsAhead, view: DataView): void {
    const own = this.#ownHashes
    for (let i = 0; i < count; i++) {
      const at = keyEnds[i] - 8
      own[i] = hashes[i] ^ startHash(view.getInt32(at, true), view.getInt32(at + 4, true))
    }
    this.index.touch(own, count)
  }

  /** Entries of a checkpoint are slices, and nobody knows how many a key has. */
  override expect(): void {}

  /** Puts a slice back, or how far windows were let go; then the handle is 0. The caller schedules the keys when all are there. */
  override restore(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): number {
    if (keyLength === 0) {
      for (let i = 0; i < 8; i++) this.#startBytes[i] = value[valueOffset + i]
      this.doneMillis = this.#loggedMillis = this.#start[0]
      return 0
    }
    const ownHash = this.ownHash(hash, key, keyOffset, keyLength)
    const length = keyLength - 8
    this.sought[0] = this.#start[0]
    let handle = this.index.find(ownHash, key, keyOffset, length)
    if (handle === 0) handle = this.insert(ownHash, key, keyOffset, length)
    this.seek(handle)
    const { i32 } = this.viewsOf(handle)
    const block = this.blockOf(handle)
    const place = i32[(this.valueAt(handle) + CURRENT) >> 2] + SLICE_VALUE
    const bytes = this.sliceBytes - SLICE_VALUE
    copyBytes(value, valueOffset, bytes, this.viewsOf(block).u8, offsetIn(block) + place)
    this.bytes.restore(block, place, this.#slots, value, valueOffset, bytes, valueLength)
    return handle
  }

  /** The hash of a key, from the hash and the key of a record that has a start behind it. */
  ownHash(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number {
    for (let i = 0; i < 8; i++) this.#startBytes[i] = key[keyOffset + keyLength - 8 + i]
    return hash ^ this.#startHash()
  }

  protected override writeEntry(handle: number, log: ChangeLog, tag: number): void {
    const { sliceBytes } = this
    const { u8, i32, f64 } = this.viewsOf(this.blockOf(handle))
    const bytes = sliceBytes - SLICE_VALUE
    const hash = this.#hashOf(handle)
    let place = this.firstAt(handle)
    for (let i = this.countOf(handle); i > 0; i--, place += sliceBytes) {
      if (i32[(place + SLICE_TAG) >> 2] !== tag) continue
      const length = this.#composeKey(handle, f64[place >> 3])
      const mixed = hash ^ this.#startHash()
      if (this.#slots.length === 0) {
        log.put(mixed, this.#key, 0, length, u8, place + SLICE_VALUE, bytes)
      } else {
        const valueLength = this.bytes.encode(u8, i32, place + SLICE_VALUE, bytes, this.#slots)
        log.put(mixed, this.#key, 0, length, this.bytes.encoded, 0, valueLength)
      }
    }
  }

  /** The slices of an entry say for themselves that they are gone. */
  protected override logRemoval(): void {}

  protected override freeEntry(handle: number): void {
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    this.arena.free(i32[(at + BLOCK) >> 2] >>> 0, i32[(at + CAPACITY) >> 2] * this.sliceBytes)
    super.freeEntry(handle)
  }

  #markEntry(handle: number): void {
    if (this.viewsOf(handle).i32[(offsetIn(handle) + TAG_OFFSET) >> 2] === this.tag) return
    this.markDirty(handle)
    this.updatedCount--
  }

  #hashOf(handle: number): number {
    return this.viewsOf(handle).i32[offsetIn(handle) >> 2]
  }

  /** Composes the key of a slice's record. Returns its length. */
  #composeKey(handle: number, start: number): number {
    const { u8, i32 } = this.viewsOf(handle)
    const offset = offsetIn(handle)
    const length = i32[(offset + 4) >> 2]
    if (length + 8 > this.#key.length) this.#key = new Uint8Array(2 * (length + 8))
    const key = this.#key
    for (let i = 0; i < length; i++) key[i] = u8[offset + KEY_OFFSET + i]
    this.#start[0] = start
    for (let i = 0; i < 8; i++) key[length + i] = this.#startBytes[i]
    return length + 8
  }

  /** Of the start in `#start`. A key's slices are many, so they must not share its hash; and the hash can be had back. */
  #startHash(): number {
    return startHash(this.#startWords[0], this.#startWords[1])
  }

  /** The index of the first slice that starts at `sought[0]` or later. Rows come mostly in order, so the last ones are looked at first. */
  #search(handle: number, count: number): number {
    const start = this.sought[0]
    const { f64 } = this.viewsOf(this.blockOf(handle))
    const first = this.firstAt(handle)
    const { sliceBytes } = this
    let [low, high] = [0, count]
    for (let step = 1; low < high; step *= 2) {
      const probe = Math.max(low, high - step)
      if (f64[(first + probe * sliceBytes) >> 3] < start) {
        low = probe + 1
        break
      }
      high = probe
    }
    while (low < high) {
      const middle = (low + high) >> 1
      if (f64[(first + middle * sliceBytes) >> 3] < start) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Makes room for a slice at an index: the fewer neighbours step aside. */
  #makePlace(handle: number, index: number): void {
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    const count = i32[(at + COUNT) >> 2]
    const inFront = index < count - index
    const first = i32[(at + FIRST) >> 2]
    if (inFront ? first === 0 : first + count === i32[(at + CAPACITY) >> 2]) this.#spread(handle, inFront)
    const { sliceBytes } = this
    const place = this.firstAt(handle)
    const views = this.viewsOf(this.blockOf(handle))
    if (inFront) {
      move(views, place, place - sliceBytes, index * sliceBytes)
      i32[(at + FIRST) >> 2]--
    } else {
      move(views, place + index * sliceBytes, place + (index + 1) * sliceBytes, (count - index) * sliceBytes)
    }
    i32[(at + COUNT) >> 2]++
  }

  /** Moves the slices away from the end of the block that they have reached: within it if a quarter is free, else into a larger one. */
  #spread(handle: number, inFront: boolean): void {
    const { arena, sliceBytes } = this
    const { i32 } = this.viewsOf(handle)
    const at = this.valueAt(handle)
    const [capacity, first, count] = [i32[(at + CAPACITY) >> 2], i32[(at + FIRST) >> 2], i32[(at + COUNT) >> 2]]
    const block = i32[(at + BLOCK) >> 2] >>> 0
    const free = capacity - count
    const from = offsetIn(block) + first * sliceBytes
    if (free >= 1 + (capacity >> 2)) {
      // Most streams go forward, so most of the room is wanted behind.
      const to = inFront ? (free + 1) >> 1 : free >> 2
      move(this.viewsOf(block), from, offsetIn(block) + to * sliceBytes, count * sliceBytes)
      i32[(at + FIRST) >> 2] = to
      return
    }
    const wider = capacity + (capacity >> 1) + 1
    const target = arena.allocate(wider * sliceBytes)
    const to = inFront ? (wider - count + 1) >> 1 : 0
    this.viewsOf(target).u8.set(this.viewsOf(block).u8.subarray(from, from + count * sliceBytes), offsetIn(target) + to * sliceBytes)
    arena.free(block, capacity * sliceBytes)
    i32[(at + BLOCK) >> 2] = target
    i32[(at + CAPACITY) >> 2] = wider
    i32[(at + FIRST) >> 2] = to
  }
}

const startHash = (low: number, high: number): number => Math.imul(low ^ (low >>> 15), 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35)

const HANDLE_MASK = new Arena().handleMask

const offsetIn = (handle: number): number => (handle & HANDLE_MASK) << 3

/** Moves bytes within a segment; the places may overlap. */
const move = ({ u8, i32 }: Views, from: number, to: number, bytes: number): void => {
  if (bytes > LOOP_BYTES) {
    u8.copyWithin(to, from, from + bytes)
    return
  }
  const [source, target, words] = [from >> 2, to >> 2, bytes >> 2]
  if (from > to) for (let i = 0; i < words; i++) i32[target + i] = i32[source + i]
  else for (let i = words - 1; i >= 0; i--) i32[target + i] = i32[source + i]
}
