/**
 * Memory that the collector need not know of. An ArrayBuffer of some MiB makes V8 start a collection ("external memory pressure"): 2 to 5
 * ms in the middle of growing. A SharedArrayBuffer is 3 µs whatever its size, its pages come zeroed from the system as they are touched,
 * and typed arrays over it are as fast. The other side of that: V8 does not notice when much of it is dropped, and gives nothing back until
 * something else makes it look. So we tell it.
 */
export const allocateBytes = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes)

const DROPPED_BYTES_PER_HINT = 32 * 2 ** 20
/** What V8 needs to see to start a full collection by itself. It is never touched, so it is no memory, only an address range. */
const HINT_BYTES = 64 * 2 ** 20

let droppedBytes = 0

/** Tells that nothing refers to so many bytes any more. Now and then that starts a collection, in the background for the most part. */
export const dropBytes = (bytes: number): void => {
  droppedBytes += bytes
  if (droppedBytes < DROPPED_BYTES_PER_HINT) return
  droppedBytes = 0
  new ArrayBuffer(HINT_BYTES)
}
