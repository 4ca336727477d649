import type { Doorbell, RingWriter } from 'native-free-buffers'
import type { RecordOutput } from '../operator/chain-output.ts'
import type { ChainState } from '../operator/chain-state.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { copyRecord, SHARED } from '../record/record-copy.ts'
import type { RowLayout } from '../record/row-layout.ts'
import { CONTROL_BYTES, DATA, writePolicy } from './control-frame.ts'

/**
 * One outgoing edge. A record goes straight into the ring; when the ring is full, into memory of the task's own, and from then on
 * everything does until that is empty again, so that order holds. The task sees `outputFull` and reads nothing meanwhile. So emission never
 * fails half-way.
 */
export class RingOutlet implements RecordOutput {
  u8: Uint8Array
  i16: Int16Array
  u16: Uint16Array
  i32: Int32Array
  f32: Float32Array
  f64: Float64Array
  i64: BigInt64Array
  preambleOffset: number
  arrivalMicros = 0
  readonly #ring: RingWriter
  readonly #spill: RecordBuffer
  readonly #state: ChainState
  readonly #bell: Doorbell
  #spilled = false
  /** Frames committed since the last flush. */
  #fresh = false

  constructor(ring: RingWriter, layout: RowLayout, state: ChainState, bell: Doorbell) {
    this.#bell = bell
    this.#ring = ring
    this.#spill = new RecordBuffer(layout)
    this.#state = state
    this.u8 = ring.u8
    this.i16 = ring.i16
    this.u16 = ring.u16
    this.i32 = ring.i32
    this.f32 = ring.f32
    this.f64 = ring.f64
    this.i64 = ring.i64
    this.preambleOffset = ring.preambleOffset
  }

  get spilled(): boolean {
    return this.#spilled
  }

  claim(payloadBytes: number): number {
    if (!this.#spilled) {
      const p = this.#ring.claim(payloadBytes)
      if (p >= 0) return p
      this.#spilled = true
      this.#state.outputFull = true
    }
    const p = this.#spill.claim(payloadBytes)
    this.#adopt(this.#spill)
    return p
  }

  commit(kind: number, payloadBytes: number, hash: number): void {
    if (this.#spilled) {
      this.#spill.arrivalMicros = this.arrivalMicros
      this.#spill.commit(kind, payloadBytes, hash)
    } else {
      this.#ring.arrivalMicros = this.arrivalMicros
      this.#ring.commit(kind, payloadBytes, hash)
      this.#fresh = true
    }
  }

  /** A frame with one number. */
  control(kind: number, value: number): void {
    const p = this.claim(CONTROL_BYTES)
    this.f64[p >> 3] = value
    this.commit(kind, CONTROL_BYTES, 0)
  }

  beginEpoch(kind: number, policy: EpochPolicy): void {
    const p = this.claim(CONTROL_BYTES)
    writePolicy(this.f64, p, policy)
    this.commit(kind, CONTROL_BYTES, 0)
  }

  /** Moves what was spilled into the ring as far as it goes, and makes everything visible. True when nothing is left behind. */
  flush(): boolean {
    if (this.#spilled) {
      this.#drain()
      this.#fresh = true
    }
    if (this.#fresh) {
      this.#ring.publish()
      this.#bell.ring()
      this.#fresh = false
    }
    return !this.#spilled
  }

  #drain(): void {
    const spill = this.#spill
    const ring = this.#ring
    while (spill.hasNext()) {
      const p = spill.peekFrame()
      const word = spill.i32[(p >> 2) - 4]
      const kind = word >>> 24
      const length = word & 0xffffff
      const hash = spill.i32[(p >> 2) - 3]
      ring.arrivalMicros = spill.f64[(p >> 3) - 1]
      const to = ring.claim(length)
      if (to >= 0) {
        if (kind === DATA) copyRecord(spill, p, length, ring, to)
        else for (let i = 0; i < length; i++) ring.u8[to + i] = spill.u8[p + i]
        ring.commit(kind, length, hash)
      } else if (ring.isLarge(length)) {
        if (kind === DATA && p - spill.i32[p >> 2] === spill.preambleOffset) spill.i32[p >> 2] = SHARED
        if (!ring.writeLarge(spill.u8, p, length, kind, hash)) return
      } else {
        return
      }
      spill.skipFrame()
    }
    spill.clear()
    this.#spilled = false
    this.#adopt(ring)
  }

  #adopt(views: RingWriter | RecordBuffer): void {
    this.u8 = views.u8
    this.i16 = views.i16
    this.u16 = views.u16
    this.i32 = views.i32
    this.f32 = views.f32
    this.f64 = views.f64
    this.i64 = views.i64
    this.preambleOffset = views.preambleOffset
  }
}
