import { Arena, KeyIndex } from 'native-free-buffers'
import type { KeyedStore } from '../state/keyed-store.ts'

/** What a stored row's value holds. Links are handles of entries and mean nothing in a checkpoint. */
export const LINKS = {
  /** i32, the hash of the join's keys: it says which task the row belongs to. */
  keyHash: 0,
  /** u32, its list's head; 0 while it is in none. */
  head: 4,
  previous: 8,
  next: 12,
  /** i32, 1 once it has been put out with a partner. */
  matched: 16,
  /** i32: 0 left, 1 right. */
  side: 20,
  /** f64, the watermark in millis at which it goes. */
  due: 24,
  bytes: 32,
} as const

const HEAD_BYTES = 8

/**
 * The rows of each join key, doubly chained, a list a side. The heads stand in an index of their own, in memory alone: a row finds its list
 * again when a checkpoint is restored.
 */
export class JoinLists {
  readonly #store: KeyedStore
  readonly #arena = new Arena()
  readonly #heads = new KeyIndex(this.#arena)

  constructor(store: KeyedStore) {
    this.#store = store
  }

  get usedBytes(): number {
    return this.#arena.usedBytes
  }

  /** The handle of the two lists of a key, 0 if it has none. */
  find(hash: number, key: Uint8Array, keyLength: number): number {
    return this.#heads.find(hash, key, 0, keyLength)
  }

  /** New lists for a key that has none. */
  open(hash: number, key: Uint8Array, keyLength: number): number {
    return this.#heads.insert(hash, key, 0, keyLength, HEAD_BYTES)
  }

  /** The first row of a side's list. */
  first(head: number, side: number): number {
    if (head === 0) return 0
    const arena = this.#arena
    return arena.segments[head >>> arena.segmentShift].i32[this.#slotOf(head, side)] >>> 0
  }

  read(handle: number, field: number): number {
    const { arena } = this.#store
    return arena.segments[handle >>> arena.segmentShift].i32[this.#at(handle, field)]
  }

  /** Puts a row at the front of a list. */
  link(handle: number, head: number, side: number): void {
    const first = this.first(head, side)
    this.#write(handle, LINKS.head, head)
    this.#write(handle, LINKS.previous, 0)
    this.#write(handle, LINKS.next, first)
    if (first !== 0) this.#write(first, LINKS.previous, handle)
    this.#setFirst(head, side, handle)
  }

  /** Takes a row out of its list, if it is in one. The lists of a key go with their last row. */
  unlink(handle: number, side: number): void {
    const head = this.read(handle, LINKS.head) >>> 0
    if (head === 0) return
    const previous = this.read(handle, LINKS.previous) >>> 0
    const next = this.read(handle, LINKS.next) >>> 0
    if (previous === 0) this.#setFirst(head, side, next)
    else this.#write(previous, LINKS.next, next)
    if (next !== 0) this.#write(next, LINKS.previous, previous)
    if (this.first(head, 0) !== 0 || this.first(head, 1) !== 0) return
    this.#heads.remove(head)
    const arena = this.#arena
    arena.free(head, this.#slotOf(head, 2) * 4 - ((head & arena.handleMask) << 3))
  }

  #slotOf(head: number, side: number): number {
    const arena = this.#arena
    const at = (head & arena.handleMask) << 3
    const { i32 } = arena.segments[head >>> arena.segmentShift]
    return ((at + this.#store.valueOffset(i32[(at >> 2) + 1])) >> 2) + side
  }

  #setFirst(head: number, side: number, handle: number): void {
    const arena = this.#arena
    arena.segments[head >>> arena.segmentShift].i32[this.#slotOf(head, side)] = handle
  }

  #at(handle: number, field: number): number {
    const { arena } = this.#store
    const at = (handle & arena.handleMask) << 3
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    return (at + this.#store.valueOffset(i32[(at >> 2) + 1]) + field) >> 2
  }

  #write(handle: number, field: number, value: number): void {
    const { arena } = this.#store
    arena.segments[handle >>> arena.segmentShift].i32[this.#at(handle, field)] = value
  }
}
