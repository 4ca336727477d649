import type { WindowSlices } from '../plan/window-slices.ts'

/**
 * Where slices begin and end. Time is cut wherever a window begins or ends, so a slice lies in a window whole or not at all: one slice a
 * slide, or two where the size is no multiple of the slide. All times are micros, as doubles.
 */
export class Slicing {
  readonly size: number
  readonly slide: number
  readonly #offset: number
  /** How far after each beginning of a window another one ends. */
  readonly #rest: number

  constructor({ sizeMicros, slideMicros, startMicros }: Pick<WindowSlices, 'sizeMicros' | 'slideMicros' | 'startMicros'>) {
    this.size = sizeMicros
    this.slide = slideMicros
    this.#offset = startMicros
    this.#rest = sizeMicros % slideMicros
  }

  /** The start of the last window that holds a time. */
  lastWindow(time: number): number {
    const { slide } = this
    const start = Math.floor((time - this.#offset) / slide) * slide + this.#offset
    // The division rounds; a micro before the border may come out on it. One step back or forth mends that.
    if (start > time) return start - slide
    return time - start >= slide ? start + slide : start
  }

  /** The start of the first window that holds a time. */
  firstWindow(time: number): number {
    return this.lastWindow(time - this.size) + this.slide
  }

  /** The start of the slice that holds a time. */
  sliceStart(time: number): number {
    const window = this.lastWindow(time)
    return time - window >= this.#rest ? window + this.#rest : window
  }

  /** The end of the slice that holds a time. */
  sliceEnd(time: number): number {
    const window = this.lastWindow(time)
    return time - window >= this.#rest ? window + this.slide : window + this.#rest
  }

  /** The first millisecond at or after the end of a window. */
  endMillis(window: number): number {
    return Math.ceil((window + this.size) / 1000)
  }

  /** The start of the first window that is not over when the watermark stands at `millis`. */
  firstOpen(millis: number): number {
    return Number.isFinite(millis) ? this.firstWindow(millis * 1000) : millis
  }
}
