import { type ChainState, EVENT_MAX, EVENT_MAX_EVER, watermarkRegister } from '../operator/chain-state.ts'
import type { WatermarkPolicy } from './watermark-merge.ts'

/** What a task's watermark is made of: those that its operators compute, and the one that its input brings. */
export interface WatermarkParts {
  readonly state: ChainState
  readonly watermarks: readonly { readonly watermarkId: number; readonly delayMillis: number }[]
  /** True if rows come from rings above which a watermark operator stands. */
  readonly hasInputWatermark: boolean
  /** How its own watermarks and that of its input make one. */
  readonly watermarkPolicy: WatermarkPolicy
}

/** The watermark of a task, which never goes back. */
export class TaskWatermark {
  /** Where it stands. */
  millis = Number.NEGATIVE_INFINITY
  /** The watermark of the input. */
  inputMillis: number
  /** The watermark that an epoch in real time began with, which the input's has yet to reach. */
  owedMillis = Number.NEGATIVE_INFINITY
  readonly #parts: WatermarkParts

  constructor(parts: WatermarkParts) {
    this.#parts = parts
    this.inputMillis = parts.hasInputWatermark ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }

  /** Looks at what came. True if it has moved on. */
  advance(): boolean {
    const { state, watermarks, hasInputWatermark, watermarkPolicy } = this.#parts
    const isMin = watermarkPolicy === 'min'
    let merged = isMin || hasInputWatermark ? this.inputMillis : Number.NEGATIVE_INFINITY
    for (let w = 0; w < watermarks.length; w++) {
      const at = watermarkRegister(w)
      const max = Math.max(state.registers[at + EVENT_MAX], state.registers[at + EVENT_MAX_EVER])
      const millis = max === Number.NEGATIVE_INFINITY ? max : Math.floor(max / 1000) - watermarks[w].delayMillis
      if (isMin ? millis < merged : millis > merged) merged = millis
    }
    if (hasInputWatermark && this.inputMillis >= this.owedMillis && merged < this.owedMillis) merged = this.owedMillis
    if (merged === Number.POSITIVE_INFINITY || !(merged > this.millis)) return false
    this.millis = merged
    return true
  }
}
