/**
 * A ring in a shared buffer. All offsets are bytes from the ring's start, which is a multiple of 128. Head and tail have cache lines of
 * their own, two each, because processors fetch lines in pairs.
 *
 *     0  i32 tail      how far the producer has published; wraps                      written by the producer
 *   128  i32 head      how far the consumer has released; wraps                       written by the consumer
 *   132  i32 limit     a producer that is so many bytes ahead must wait                written by the consumer
 *   256  i32 capacity  a power of two    260 i32 preamble bytes                       written once
 *   384  preamble      anything that all frames refer to (a shared vtable, say), padded to 8
 *        data          `capacity` bytes
 *
 * A frame, 8-byte aligned, never wraps: what is left at the end of the data is filled with a PAD frame.
 *
 *     0  u32 kind << 24 | payload length      kind 0 is PAD
 *     4  i32 hash
 *     8  f64 arrival, micros
 *    16  payload, padded to 8
 *
 * A payload above a quarter of the capacity travels as FRAGMENT frames, each with a header of its own before its piece:
 *
 *     0  u32 total length · 4 u32 offset of this piece · 8 u32 kind · 12 i32 hash · 16 the piece
 */
export const TAIL = 0
export const HEAD = 128
export const LIMIT = 132
export const CAPACITY = 256
export const PREAMBLE_BYTES = 260
export const PREAMBLE = 384
export const FRAME_HEADER_BYTES = 16
export const FRAGMENT_HEADER_BYTES = 16

export const PAD = 0
export const DATA = 1
/** Kinds from here on are the package's own; a user's are below. */
export const FRAGMENT = 250

/** What released bytes are overwritten with when a reader was made with `poison`. */
export const POISON = 0xdeadbeef | 0

export const MAX_RECORD_BYTES = 16 * 1024 * 1024 - 1

export const align8 = (bytes: number): number => (bytes + 7) & ~7
