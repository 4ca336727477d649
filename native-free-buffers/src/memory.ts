/**
 * Memory that the collector need not know of. An ArrayBuffer of some MiB makes V8 start a collection ("external memory pressure"): 2 to 5
 * ms in the middle of growing. A SharedArrayBuffer is 3 µs whatever its size, its pages come zeroed from the system as they are touched,
 * and typed arrays over it are as fast. The other side of that: V8 does not notice when much of it is dropped, and gives nothing back until
 * something else makes it look. So we tell it.
 */
export const allocateBytes = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes)

/**
 * Allocations of so many bytes are always the system's own and go straight back to it. What is smaller glibc takes from pools of 64 MiB a
 * thread as soon as something of that size has once been freed, and of a pool in which a single block is in use it gives nothing back, not
 * even when the thread ends: half a gigabyte stayed of what 10 M keys had taken.
 */
export const SYSTEM_BYTES = 32 * 2 ** 20

/**
 * A place in an allocation of `SYSTEM_BYTES` or more at which a cache line begins: glibc keeps the first 16 bytes of its pages for itself.
 * What is as long as a line and begins here costs one wait for memory, and two where it begins at 0. [reads of both ends of 2^20 buckets,
 * in random order: 40 against 78 ns]
 */
export const LINE_OFFSET = process.platform === 'linux' ? 48 : 64

const DROPPED_BYTES_PER_HINT = 32 * 2 ** 20
/** What V8 needs to see to start a full collection by itself. It is never touched, so it is no memory, only an address range. */
const HINT_BYTES = 64 * 2 ** 20

/**
 * One more hint ends the collection that another has started; and what was still in use then, or was dropped while that one ran, is free
 * after one more.
 */
const HINTS_TO_FOLLOW = 8
/**
 * A collection that has begun should be over before the next hint: it would be in vain. On a busy machine V8's own threads may take seconds
 * for one, so the last hints come at twice the distance of the one before.
 */
const MILLIS_BETWEEN_HINTS = 500
const DOUBLING_HINTS = 4

const millisToNext = (owed: number): number => MILLIS_BETWEEN_HINTS * 2 ** Math.max(0, DOUBLING_HINTS + 1 - owed)

let droppedBytes = 0
let hintsOwed = 0
let hintedMillis = 0

/** Tells that nothing refers to so many bytes any more. Now and then that starts a collection, in the background for the most part. */
export const dropBytes = (bytes: number): void => {
  droppedBytes += bytes
  if (droppedBytes < DROPPED_BYTES_PER_HINT) return
  droppedBytes = 0
  hintsOwed = HINTS_TO_FOLLOW
  hint()
}

const hint = (): void => {
  hintedMillis = performance.now()
  new ArrayBuffer(HINT_BYTES)
}

/**
 * To be called now and then by a thread that never returns to its event loop. V8 ends a collection that it has started in a task of the
 * event loop, or when it comes under pressure again: a thread that waits on a futex and makes no garbage would keep dropped memory for
 * ever. Does nothing when nothing has been dropped; else it may take the milliseconds of a collection.
 */
export const collectDropped = (): void => {
  if (hintsOwed === 0 || performance.now() - hintedMillis < millisToNext(hintsOwed)) return
  hintsOwed--
  hint()
}
