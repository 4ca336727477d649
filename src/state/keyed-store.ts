import { Arena, KeyIndex } from 'native-free-buffers'
import { copyBytes } from '../record/strings.ts'
import type { ChangeLog } from './change-log.ts'
import { type RecordsAhead, viewOf } from './change-record.ts'
import { HandleList } from './handle-list.ts'
import { TimeBuckets } from './time-buckets.ts'
import { ValueBytes } from './value-bytes.ts'

/**
 * Keyed state of one operator in one task, as bytes in an arena. An entry is the block that KeyIndex lays out:
 *
 *   0 u32 hash · 4 u32 keyLength · 8 i32 tag · 12 u32 next in its time bucket · 16 key, padded to 8 · value (`valueBytes`)
 *
 * The tag says in which epoch the entry was last changed. The same dirty list serves "rows to emit at the barrier" and "rows to persist".
 * A checkpoint does not stop the flow: `beginSeal` freezes the list of epoch N, `sealSlice` writes it piece by piece, and an entry that is
 * about to change again in epoch N+1 is written first (`markDirty`), so that the file holds the state as it was at the barrier.
 */

export const TAG_OFFSET = 8
export const NEXT_OFFSET = 12
export const KEY_OFFSET = 16
const DEAD = 0x40000000
/** Tags count from 1 on; 0 is an entry that no list names. */
const NO_TAG = -1
const NOTHING = new Uint8Array(0)
/** More bytes are copied by the platform. */
const COPY_LOOP_BYTES = 256

/** Copies bytes from any place to one at a multiple of 4. */
const copyViewed = (
  source: Uint8Array,
  view: DataView,
  from: number,
  length: number,
  target: Uint8Array,
  targetWords: Int32Array,
  to: number,
): void => {
  if (length > COPY_LOOP_BYTES) {
    target.set(source.subarray(from, from + length), to)
    return
  }
  const words = length >> 2
  const t = to >> 2
  for (let i = 0; i < words; i++) targetWords[t + i] = view.getInt32(from + (i << 2), true)
  for (let i = words << 2; i < length; i++) target[to + i] = source[from + i]
}

export interface KeyedStoreOptions {
  readonly valueBytes: number
  /** Offsets in the value of u32 handles to variable bytes. */
  readonly varSlots: readonly number[]
  /** True when entries are evicted by time. */
  readonly timed: boolean
  /** False where nobody looks for an entry by its key, once a checkpoint has been restored. */
  readonly searched?: boolean
}

export class KeyedStore {
  readonly arena = new Arena()
  readonly bytes: ValueBytes = new ValueBytes(this.arena)
  readonly index: KeyIndex
  readonly valueBytes: number
  readonly buckets: TimeBuckets | null
  /**
   * The current epoch's tag, from 1 on, which the constructor sets. Generated code compares an entry's tag with it. A field that was never
   * set twice is a constant to V8: it would be compiled in, and the code given up at the first barrier.
   */
  tag = 0
  /** False while nobody needs to know what changed: no checkpoint, and no emission at the barrier. */
  tracking = true
  /** True when changes are persisted; then deletions are logged as well. */
  log: ChangeLog | null = null
  /** Whether entries are in the index; and how many there are that are not. */
  #isIndexed = true
  #unindexed = 0
  readonly #searched: boolean
  /** The log of the epoch that is being sealed; entries about to change go there. */
  #sealLog: ChangeLog | null = null
  /** The tag of the entries that are being sealed; no entry has it while none are. */
  #sealTag = NO_TAG
  #dirty = new HandleList()
  #sealing = new HandleList()
  #sealCursor = 0
  /** What is left of the bucket at hand: a chain that nothing else refers to any more. */
  #due = 0
  readonly #varSlots: readonly number[]
  /** The bytes that `restore` was given last, and a view of them. */
  #piece: Uint8Array = NOTHING
  #pieceView = viewOf(NOTHING)
  /** Rows updated and removed since the last look, for progress. */
  updatedCount = 0
  removedCount = 0

  constructor(options: KeyedStoreOptions) {
    this.index = new KeyIndex(this.arena)
    this.valueBytes = options.valueBytes
    this.#varSlots = options.varSlots
    this.buckets = options.timed ? new TimeBuckets() : null
    this.#searched = options.searched ?? true
    this.tag = 1
  }

  get size(): number {
    return this.index.size + this.#unindexed
  }

  get usedBytes(): number {
    return this.arena.usedBytes
  }

  /** True from `beginSeal` until `sealSlice` has been through the whole list. */
  get sealing(): boolean {
    return this.#sealTag !== NO_TAG
  }

  /** A new entry with a zeroed value. `endMillis` is when it is due; ignored by a store that is not timed. */
  insert(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, endMillis: number): number {
    const handle = this.insertLoose(hash, key, keyOffset, keyLength)
    if (this.buckets !== null) this.addToBucket(handle, endMillis)
    return handle
  }

  /** All that a checkpoint holds has been restored. May be called again. */
  restored(): void {
    if (this.#searched || !this.#isIndexed) return
    this.#unindexed = this.index.size
    this.#isIndexed = false
    this.index.clear()
  }

  /** Chains an entry into the bucket of the time at which it is due. */
  addToBucket(handle: number, endMillis: number): void {
    if (this.buckets === null) return
    const next = this.buckets.add(endMillis, handle)
    const { arena } = this
    arena.segments[handle >>> arena.segmentShift].i32[(((handle & arena.handleMask) << 3) + NEXT_OFFSET) >> 2] = next
  }

  /** Must be called before an entry whose tag is not the current one changes. */
  markDirty(handle: number): void {
    const { arena } = this
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (((handle & arena.handleMask) << 3) + TAG_OFFSET) >> 2
    const tag = i32[at]
    if (tag === this.#sealTag && this.#sealLog !== null) this.writeEntry(handle, this.#sealLog, tag)
    i32[at] = this.tag
    this.#dirty.push(handle)
    this.updatedCount++
  }

  /** The same for what is no row's update: progress does not count it. */
  markMatched(handle: number): void {
    this.markDirty(handle)
    this.updatedCount--
  }

  /** A new entry that nobody else will know of: it is in no bucket and no list of changes, and `discard` takes it away again. */
  insertLoose(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number {
    if (this.#isIndexed) return this.index.insert(hash, key, keyOffset, keyLength, this.valueBytes)
    this.#unindexed++
    return this.index.allocate(hash, key, keyOffset, keyLength, this.valueBytes)
  }

  discard(handle: number): void {
    this.#forget(handle)
    this.freeEntry(handle)
  }

  #forget(handle: number): void {
    if (this.#isIndexed) this.index.remove(handle)
    else this.#unindexed--
  }

  /** True if an entry is due when the watermark stands there. */
  hasDue(millis: number): boolean {
    const { buckets } = this
    return this.#due !== 0 || (buckets !== null && !buckets.isEmpty && buckets.least() <= millis)
  }

  /** An entry that `hasDue` told of. It is in no bucket any more: the caller removes it. */
  takeDue(): number {
    if (this.#due === 0) this.#due = this.buckets?.take() ?? 0
    const handle = this.#due
    this.#due = this.nextOf(handle)
    return handle
  }

  /** The next entry of the same time bucket, 0 at the end. */
  nextOf(handle: number): number {
    const { arena } = this
    return arena.segments[handle >>> arena.segmentShift].i32[(((handle & arena.handleMask) << 3) + NEXT_OFFSET) >> 2] >>> 0
  }

  /** How many entries have changed in this epoch. `dirtyAt` may give 0 for one that was removed since. */
  get dirtyCount(): number {
    return this.#dirty.length
  }

  dirtyAt(index: number): number {
    const handle = this.#dirty.at(index)
    return this.#tagOf(handle) === this.tag ? handle : 0
  }

  /** Removes an entry. Its block is freed at once, or once no list can still name it. */
  remove(handle: number): void {
    const { arena } = this
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (((handle & arena.handleMask) << 3) + TAG_OFFSET) >> 2
    const tag = i32[at]
    if (tag === this.#sealTag && this.#sealLog !== null) this.writeEntry(handle, this.#sealLog, tag)
    this.#forget(handle)
    this.logRemoval(handle)
    if (tag === this.tag) {
      i32[at] = this.tag | DEAD
    } else if (tag === this.#sealTag) {
      i32[at] = this.tag | DEAD
      this.#dirty.push(handle)
    } else {
      this.freeEntry(handle)
    }
  }

  /**
   * The barrier: what changed until now belongs to the epoch that ends. The epoch before must be sealed. `nextLog` takes the operations of
   * the epoch that begins. Without a log nothing is written, but the list is still gone through, because blocks of removed entries wait in
   * it.
   */
  beginSeal(nextLog: ChangeLog | null): void {
    if (this.sealing) throw new Error('the epoch before is still being sealed')
    const list = this.#dirty
    this.#dirty = this.#sealing
    this.#sealing = list
    this.#sealCursor = 0
    this.#sealTag = this.tag
    this.#sealLog = this.log
    this.log = nextLog
    this.tag = this.tag === DEAD - 1 ? 1 : this.tag + 1
  }

  /** Writes at most `budget` entries of the frozen list. True when all are written. */
  sealSlice(budget: number): boolean {
    if (!this.sealing) return true
    const [list, log, tag] = [this.#sealing, this.#sealLog, this.#sealTag]
    // A cursor between two entries would write one of them twice, and free it twice.
    const end = Math.min(list.length, this.#sealCursor + Math.ceil(budget))
    for (let i = this.#sealCursor; i < end; i++) {
      const handle = list.at(i)
      const found = this.#tagOf(handle)
      if (found === tag) {
        if (log !== null) this.writeEntry(handle, log, tag)
        this.#setTag(handle, 0)
      } else if (found === (tag | DEAD)) {
        this.freeEntry(handle)
      }
    }
    this.#sealCursor = end
    if (end < list.length) return false
    list.clear()
    this.#sealLog = null
    this.#sealTag = NO_TAG
    return true
  }

  /** True if there is an entry with this key, as the log names it. */
  holds(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): boolean {
    return this.index.find(hash, key, keyOffset, keyLength) !== 0
  }

  /** Tells which entries will soon be asked for, or restored. */
  touch(records: RecordsAhead, _view: DataView): void {
    this.index.touch(records.hashes, records.count)
  }

  /** Tells an empty store how many entries `restore` will bring, about. */
  expect(entries: number): void {
    this.index.reserve(entries)
  }

  /** Puts an entry from a checkpoint back and returns it. The caller adds it to its time bucket. */
  restore(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): number {
    const { arena, valueBytes } = this
    const handle = this.index.insertBlank(hash, keyLength, valueBytes)
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    if (key !== this.#piece) {
      this.#piece = key
      this.#pieceView = viewOf(key)
    }
    const keyAt = at + KEY_OFFSET
    const padded = (keyLength + 7) & ~7
    if (keyLength & 7) i32[(keyAt + padded - 4) >> 2] = i32[(keyAt + padded - 8) >> 2] = 0
    copyViewed(key, this.#pieceView, keyOffset, keyLength, u8, i32, keyAt)
    if (value === key) copyViewed(key, this.#pieceView, valueOffset, valueBytes, u8, i32, keyAt + padded)
    else copyBytes(value, valueOffset, valueBytes, u8, keyAt + padded)
    if (this.#varSlots.length === 0 && valueLength === valueBytes) return handle
    this.bytes.restore(handle, this.valueOffset(keyLength), this.#varSlots, value, valueOffset, this.valueBytes, valueLength)
    return handle
  }

  /** Where the value begins in an entry whose key has this length. */
  valueOffset(keyLength: number): number {
    return KEY_OFFSET + ((keyLength + 7) & ~7)
  }

  #tagOf(handle: number): number {
    const { arena } = this
    return arena.segments[handle >>> arena.segmentShift].i32[(((handle & arena.handleMask) << 3) + TAG_OFFSET) >> 2]
  }

  #setTag(handle: number, tag: number): void {
    const { arena } = this
    arena.segments[handle >>> arena.segmentShift].i32[(((handle & arena.handleMask) << 3) + TAG_OFFSET) >> 2] = tag
  }

  /** True while an entry as it was at the last barrier is still to be written. */
  protected isAwaited(handle: number): boolean {
    return this.#sealTag !== NO_TAG && this.#tagOf(handle) === this.#sealTag
  }

  /** An entry is no longer there: counts it, and says so in the log. */
  protected logRemoval(handle: number): void {
    const { arena } = this
    const { i32, u8 } = arena.segments[handle >>> arena.segmentShift]
    const offset = (handle & arena.handleMask) << 3
    this.removedCount++
    this.log?.delete(i32[offset >> 2], u8, offset + KEY_OFFSET, i32[(offset + 4) >> 2])
  }

  protected freeEntry(handle: number): void {
    const { arena } = this
    const offset = (handle & arena.handleMask) << 3
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = this.valueOffset(i32[(offset + 4) >> 2])
    this.bytes.free(i32, offset + at, this.#varSlots)
    arena.free(handle, at + this.valueBytes)
  }

  /** Writes what the epoch with this tag changed in an entry. */
  protected writeEntry(handle: number, log: ChangeLog, _tag: number): void {
    const { arena } = this
    const offset = (handle & arena.handleMask) << 3
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const keyLength = i32[(offset + 4) >> 2]
    const at = offset + this.valueOffset(keyLength)
    if (this.#varSlots.length === 0) {
      log.put(i32[offset >> 2], u8, offset + KEY_OFFSET, keyLength, u8, at, this.valueBytes)
      return
    }
    const length = this.bytes.encode(u8, i32, at, this.valueBytes, this.#varSlots)
    log.put(i32[offset >> 2], u8, offset + KEY_OFFSET, keyLength, this.bytes.encoded, 0, length)
  }
}
