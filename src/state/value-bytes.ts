import type { Arena } from 'native-free-buffers'

const NO_BYTES = 0xffffffff
/** A block for variable bytes: u32 length, u32 capacity, bytes. */
const VAR_HEADER_BYTES = 8

/**
 * The strings and binaries of values in an arena: each has a block of its own, whose handle stands as u32 in a slot of the value, 0 for
 * none. In the log they stand behind the value, with their lengths in the slots.
 */
export class ValueBytes {
  /** Where `encode` composes a value. */
  encoded = new Uint8Array(256)
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Stores a copy of some bytes under the u32 handle at `slot` (an offset in the entry), in place of what is there. */
  set(handle: number, slot: number, source: Uint8Array, offset: number, length: number): void {
    const arena = this.#arena
    const slotIndex = (((handle & arena.handleMask) << 3) + slot) >> 2
    let block = arena.segments[handle >>> arena.segmentShift].i32[slotIndex] >>> 0
    if (block === 0 || this.#capacity(block) < length) {
      if (block !== 0) arena.free(block, VAR_HEADER_BYTES + this.#capacity(block))
      const capacity = (length + 7) & ~7
      block = arena.allocate(VAR_HEADER_BYTES + capacity)
      arena.segments[block >>> arena.segmentShift].i32[(((block & arena.handleMask) << 3) >> 2) + 1] = capacity
      arena.segments[handle >>> arena.segmentShift].i32[slotIndex] = block
    }
    const { u8, i32 } = arena.segments[block >>> arena.segmentShift]
    const at = (block & arena.handleMask) << 3
    i32[at >> 2] = length
    u8.set(source.subarray(offset, offset + length), at + VAR_HEADER_BYTES)
  }

  #capacity(block: number): number {
    const arena = this.#arena
    return arena.segments[block >>> arena.segmentShift].i32[(((block & arena.handleMask) << 3) >> 2) + 1]
  }

  /** Variable bytes of a value that stands `offset` bytes into a block, as the log has them: lengths at the slots, the bytes in turn. */
  restore(
    handle: number,
    offset: number,
    slots: readonly number[],
    value: Uint8Array,
    valueOffset: number,
    fixedBytes: number,
    valueLength: number,
  ): void {
    const arena = this.#arena
    const { i32 } = arena.segments[handle >>> arena.segmentShift]
    const at = ((handle & arena.handleMask) << 3) + offset
    let from = valueOffset + fixedBytes
    for (const slot of slots) {
      const length = i32[(at + slot) >> 2] >>> 0
      i32[(at + slot) >> 2] = 0
      if (length === NO_BYTES) continue
      this.set(handle, offset + slot, value, from, length)
      from += length
    }
    if (from !== valueOffset + valueLength) throw new Error(`a stored value has ${valueLength} bytes: expected ${from - valueOffset}`)
  }

  /** Composes a value with its variable bytes in `encoded`, as they stand in the log. Returns the length. */
  encode(u8: Uint8Array, i32: Int32Array, at: number, valueBytes: number, slots: readonly number[]): number {
    const arena = this.#arena
    let length = valueBytes
    for (const slot of slots) {
      const block = i32[(at + slot) >> 2] >>> 0
      if (block !== 0) length += arena.segments[block >>> arena.segmentShift].i32[((block & arena.handleMask) << 3) >> 2]
    }
    if (length > this.encoded.length) this.encoded = new Uint8Array(2 * length)
    const value = this.encoded
    value.set(u8.subarray(at, at + valueBytes), 0)
    let to = valueBytes
    for (const slot of slots) {
      const block = i32[(at + slot) >> 2] >>> 0
      const segment = arena.segments[block >>> arena.segmentShift]
      const from = (block & arena.handleMask) << 3
      const size = block === 0 ? NO_BYTES : segment.i32[from >> 2]
      value[slot] = size & 255
      value[slot + 1] = (size >>> 8) & 255
      value[slot + 2] = (size >>> 16) & 255
      value[slot + 3] = size >>> 24
      if (block === 0) continue
      value.set(segment.u8.subarray(from + VAR_HEADER_BYTES, from + VAR_HEADER_BYTES + size), to)
      to += size
    }
    return length
  }

  /** Frees the variable bytes of a value. */
  free(i32: Int32Array, at: number, slots: readonly number[]): void {
    for (const slot of slots) {
      const block = i32[(at + slot) >> 2] >>> 0
      if (block !== 0) this.#arena.free(block, VAR_HEADER_BYTES + this.#capacity(block))
    }
  }
}
