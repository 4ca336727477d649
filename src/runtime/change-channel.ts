import { Arena, type Doorbell, FRAME_HEADER_BYTES, type RingWriter } from 'native-free-buffers'
import type { TaskReport } from './control-protocol.ts'

/** The chunks in which change logs leave a task. */
export const CHUNK_BYTES = 16 * 1024
/** A chunk for the disk of an inline query, which costs a message each, is larger. */
const MESSAGE_BYTES = 256 * 1024

/** Takes the change logs of a task to where files are written. The order of what one operator and epoch sends is kept. */
export interface ChangeChannel {
  /** The size of the chunks that it likes. */
  readonly chunkBytes: number
  /** Takes the first `length` bytes of a chunk. Returns the chunk if its memory may be used again. */
  send(operatorId: number, epoch: number, chunk: Uint8Array, length: number): Uint8Array | null
  /** Passes on what waits. False while the other side takes no more: whoever writes state only because it has time should wait. */
  flush(): boolean
}

/** By reports to the coordinator, which writes files itself: for tasks on its own thread. */
export const reportChanges = (task: string, report: (report: TaskReport) => void): ChangeChannel => ({
  chunkBytes: MESSAGE_BYTES,
  send: (operatorId, epoch, chunk, length) => {
    report({ kind: 'changes', task, operatorId, epoch, chunk: chunk.subarray(0, length) })
    return null
  },
  flush: () => true,
})

/**
 * A frame on the ring to the persister: f64 epoch · u32 operator · u32 how many bytes of this chunk are still to come · bytes. A chunk
 * holds whole operations of the change log; the frames of one follow each other.
 */
const CHANGES = 1
export const CHANGES_HEADER_BYTES = 16
/** How full a ring must be before the persister is woken for it. A frame never takes more than that. */
const WAKE_FILL = 0.25

/** A chunk that the ring did not take, in the arena. */
interface Waiting {
  readonly operatorId: number
  readonly epoch: number
  readonly block: number
  readonly length: number
  sent: number
}

/**
 * By a ring to the persister's thread; all tasks of a host share it. What the ring does not take at once waits in memory of our own, so
 * that a row that changes an entry under seal never waits for the disk.
 */
export class RingChanges implements ChangeChannel {
  readonly chunkBytes = CHUNK_BYTES
  readonly #ring: RingWriter
  readonly #bell: Doorbell
  readonly #pieceBytes: number
  readonly #waiting: Waiting[] = []
  /** Which of them is the next to go. Taking it off the list's head would move the others. */
  #next = 0
  /** Their bytes. The collector would hold hundreds of megabytes long after they have gone. */
  readonly #arena = new Arena()

  constructor(ring: RingWriter, bell: Doorbell) {
    this.#ring = ring
    this.#bell = bell
    // A frame may take a quarter of a ring; tests have small ones.
    this.#pieceBytes = Math.min(CHUNK_BYTES, (ring.capacity >> 2) - FRAME_HEADER_BYTES - CHANGES_HEADER_BYTES)
  }

  send(operatorId: number, epoch: number, chunk: Uint8Array, length: number): Uint8Array {
    const at = this.#waiting.length === 0 ? this.#write(operatorId, epoch, chunk, 0, length) : 0
    if (at < length) this.#wait(operatorId, epoch, chunk, at, length)
    return chunk
  }

  flush(): boolean {
    const arena = this.#arena
    for (; this.#next < this.#waiting.length; this.#next++) {
      const { operatorId, epoch, block, length, sent } = this.#waiting[this.#next]
      const { u8 } = arena.segments[block >>> arena.segmentShift]
      const from = (block & arena.handleMask) << 3
      const now = this.#write(operatorId, epoch, u8, from + sent, from + length) - from
      this.#waiting[this.#next].sent = now
      if (now < length) return false
      arena.free(block, length)
    }
    this.#waiting.length = 0
    this.#next = 0
    return true
  }

  #wait(operatorId: number, epoch: number, chunk: Uint8Array, from: number, to: number): void {
    const arena = this.#arena
    const block = arena.allocate(to - from)
    arena.segments[block >>> arena.segmentShift].u8.set(chunk.subarray(from, to), (block & arena.handleMask) << 3)
    this.#waiting.push({ operatorId, epoch, block, length: to - from, sent: 0 })
  }

  /** As much as goes in now. Returns the offset of the first byte that did not. */
  #write(operatorId: number, epoch: number, bytes: Uint8Array, from: number, to: number): number {
    const ring = this.#ring
    let at = from
    while (at < to) {
      const length = Math.min(this.#pieceBytes, to - at)
      const p = ring.claim(CHANGES_HEADER_BYTES + length)
      if (p < 0) break
      ring.f64[p >> 3] = epoch
      ring.i32[(p >> 2) + 2] = operatorId
      ring.i32[(p >> 2) + 3] = to - at - length
      ring.u8.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), p + CHANGES_HEADER_BYTES)
      ring.commit(CHANGES, CHANGES_HEADER_BYTES + length, 0)
      at += length
    }
    ring.publish()
    // A few wake-ups an epoch and not one a chunk: what is left the persister finds when it is told to finish the epoch.
    if (ring.fillBytes() >= ring.capacity * WAKE_FILL) this.#bell.ring()
    return at
  }
}
