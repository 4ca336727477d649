import type { Arena } from './arena.ts'
import { BUCKET_LAYOUT, BucketTable } from './bucket-table.ts'
import { ENTRY_KEY_OFFSET, sameWords } from './entry.ts'
import { KeyFront } from './key-front.ts'

const { LINK, HANDLES, COUNT, BUCKET_SHIFT, CHUNK_SHIFT, CHUNK_MASK } = BUCKET_LAYOUT

/** From key bytes to the handle of an entry's block in an arena. One thread only. */
export class KeyIndex extends BucketTable {
  readonly front: KeyFront = new KeyFront()
  readonly #arena: Arena

  constructor(arena: Arena) {
    super()
    this.#arena = arena
  }

  override get reservedBytes(): number {
    return super.reservedBytes + this.front.reservedBytes
  }

  /** The handle of the entry with this key, or 0. */
  find(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): number {
    let bucket = this.bucketOf(hash)
    let chunk = this.chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const count = chunk[base + COUNT]
      for (let i = 0; i < count; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        if (this.#sameKey(handle, key, keyOffset, keyLength)) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /** The same for keys of 8 bytes, given as two int32. All keys of the index must have that length. */
  findFixed8(hash: number, low: number, high: number): number {
    const arena = this.#arena
    let bucket = this.bucketOf(hash)
    let chunk = this.chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const count = chunk[base + COUNT]
      for (let i = 0; i < count; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        const { i32 } = arena.segments[handle >>> arena.segmentShift]
        const at = ((handle & arena.handleMask) << 1) + (ENTRY_KEY_OFFSET >> 2)
        if (i32[at] === low && i32[at + 1] === high) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /** The same for keys of whole words, given as int32, which are compared sooner than bytes. */
  findWords(hash: number, words: Int32Array, count: number): number {
    const arena = this.#arena
    let bucket = this.bucketOf(hash)
    let chunk = this.chunks[bucket >> CHUNK_SHIFT]
    let base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    for (;;) {
      const slots = chunk[base + COUNT]
      for (let i = 0; i < slots; i++) {
        if (chunk[base + i] !== hash) continue
        const handle = chunk[base + HANDLES + i] >>> 0
        const { i32 } = arena.segments[handle >>> arena.segmentShift]
        const at = (handle & arena.handleMask) << 1
        if (i32[at + 1] === count << 2 && sameWords(i32, at + (ENTRY_KEY_OFFSET >> 2), words, count)) return handle
      }
      bucket = chunk[base + LINK]
      if (bucket === 0) return 0
      chunk = this.overflow[bucket >> CHUNK_SHIFT]
      base = (bucket & CHUNK_MASK) << BUCKET_SHIFT
    }
  }

  /**
   * Adds an entry for a key that is not there: a block with header and key, the owner's words and `valueBytes` of value zeroed. Returns its
   * handle.
   */
  insert(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, valueBytes: number): number {
    const handle = this.allocate(hash, key, keyOffset, keyLength, valueBytes)
    this.put(hash, handle)
    this.front.came(this.size)
    return handle
  }

  /**
   * The same, but only the header of the block is written. Who calls it writes the key, zeros behind it up to a multiple of 8, and the
   * value, before the index is used again.
   */
  insertBlank(hash: number, keyLength: number, valueBytes: number): number {
    const arena = this.#arena
    const handle = arena.allocate(ENTRY_KEY_OFFSET + ((keyLength + 7) & ~7) + valueBytes)
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 1
    i32[at] = hash
    i32[at + 1] = keyLength
    i32[at + 2] = i32[at + 3] = 0
    this.put(hash, handle)
    this.front.came(this.size)
    return handle
  }

  /** The block of an entry alone, which the index does not know. */
  allocate(hash: number, key: Uint8Array, keyOffset: number, keyLength: number, valueBytes: number): number {
    const arena = this.#arena
    const padded = (keyLength + 7) & ~7
    const handle = arena.allocate(ENTRY_KEY_OFFSET + padded + valueBytes)
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    const end = (at + ENTRY_KEY_OFFSET + padded + ((valueBytes + 7) & ~7)) >> 2
    // For short blocks a loop beats the call.
    if (end - (at >> 2) > 64) i32.fill(0, at >> 2, end)
    else for (let i = at >> 2; i < end; i++) i32[i] = 0
    i32[at >> 2] = hash
    i32[(at >> 2) + 1] = keyLength
    const to = at + ENTRY_KEY_OFFSET
    if (keyLength > 64) u8.set(key.subarray(keyOffset, keyOffset + keyLength), to)
    else for (let i = 0; i < keyLength; i++) u8[to + i] = key[keyOffset + i]
    return handle
  }

  /** Forgets all entries at once. Their blocks stay the owner's. */
  override clear(): void {
    super.clear()
    this.front.forgetAll()
  }

  /** Forgets an entry. Its block is the owner's to free. */
  remove(handle: number): void {
    const arena = this.#arena
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 1
    this.front.forget(i32, at, handle | 0)
    this.take(i32[at], handle | 0)
    this.front.left(this.size)
  }

  #sameKey(handle: number, key: Uint8Array, keyOffset: number, keyLength: number): boolean {
    const arena = this.#arena
    const { u8, i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = (handle & arena.handleMask) << 3
    if (i32[(at >> 2) + 1] !== keyLength) return false
    const from = at + ENTRY_KEY_OFFSET
    for (let i = 0; i < keyLength; i++) if (u8[from + i] !== key[keyOffset + i]) return false
    return true
  }
}
