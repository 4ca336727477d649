/** What a copy needs of the buffer that a record leaves or enters. */
export interface RecordSpace {
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly f64: Float64Array
  /** Where the shared vtable of records without nulls stands. */
  readonly preambleOffset: number
}

/**
 * A FlatBuffers table names its vtable by distance. When a record moves, one that uses the shared vtable must name that of its new home;
 * one that brings its own keeps the distance. `SHARED` stands for the shared one while the record is in neither place (in fragments, say).
 */
export const SHARED = 0

/** Up to here a loop is cheaper than the view that the platform's copy needs, which is garbage besides. */
const WORDS_MOST = 256

/** A payload is followed by up to seven bytes of nobody's. */
const copyShort = (source: Int32Array, from: number, count: number, target: Int32Array, to: number): void => {
  for (let i = 0; i < count; i++) target[to + i] = source[from + i]
}

/** Copies a payload and mends its vtable reference. `to` is where the payload begins in the target. */
export const copyRecord = (source: RecordSpace, from: number, length: number, target: RecordSpace, to: number): void => {
  if (source.u8.buffer === target.u8.buffer) target.u8.copyWithin(to, from, from + length)
  else if (length <= WORDS_MOST) copyShort(source.i32, from >> 2, (length + 3) >> 2, target.i32, to >> 2)
  else target.u8.set(source.u8.subarray(from, from + length), to)
  const distance = source.i32[from >> 2]
  if (distance === SHARED || from - distance === source.preambleOffset) target.i32[to >> 2] = to - target.preambleOffset
}
