import { assert } from './assert.ts'
import { align8 } from './layout.ts'

/**
 * Labelled doubles in shared memory: 32 bits would overflow within the hour at a million a second. One writer; anybody who has the buffer
 * may read, labels and all, without a lock.
 *
 *   0  i32 number of counters · 4 i32 bytes of the labels · 8 f64 per counter · labels in UTF-8, a line each
 */
const HEADER_BYTES = 8

const encoded = (labels: readonly string[]): Uint8Array => new TextEncoder().encode(labels.join('\n'))

/** How many bytes the counters take in their buffer, a multiple of 128, so that two writers do not share a cache line. */
export const countersBytes = (labels: readonly string[]): number =>
  (HEADER_BYTES + 8 * labels.length + align8(encoded(labels).length) + 127) & ~127

/** Lays counters out at `offset`, all 0. Called once, before anybody reads or writes them. */
export const initCounters = (buffer: ArrayBufferLike, offset: number, labels: readonly string[]): void => {
  for (const label of labels) assert(!label.includes('\n'), `a label of two lines: ${label}`)
  const bytes = encoded(labels)
  new Uint8Array(buffer).set(bytes, offset + HEADER_BYTES + 8 * labels.length)
  new Float64Array(buffer, offset + HEADER_BYTES, labels.length).fill(0)
  new Int32Array(buffer, offset, 2).set([labels.length, bytes.length])
}

/** Counters that `initCounters` laid out. */
export class Counters {
  readonly labels: readonly string[]
  /** Where the writer adds: `counters.cells[index] += n`. */
  readonly cells: Float64Array

  constructor(buffer: ArrayBufferLike, offset: number) {
    const [count, labelBytes] = new Int32Array(buffer, offset, 2)
    this.cells = new Float64Array(buffer, offset + HEADER_BYTES, count)
    // A copy, for the decoder takes no shared memory.
    const bytes = new Uint8Array(buffer, offset + HEADER_BYTES + 8 * count, labelBytes).slice()
    this.labels = count === 0 ? [] : new TextDecoder().decode(bytes).split('\n')
  }

  /** The index of a label's cell, to be looked up once. Throws for a label that does not exist. */
  index(label: string): number {
    const index = this.labels.indexOf(label)
    if (index < 0) throw new RangeError(`no counter ${label}: there are ${this.labels.join(', ')}`)
    return index
  }

  read(): Record<string, number> {
    return Object.fromEntries(this.labels.map((label, i) => [label, this.cells[i]]))
  }
}
