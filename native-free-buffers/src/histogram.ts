/**
 * Latency buckets in shared memory: log-linear, 32 buckets to each power of two, so a value is known to 3 % from 32 ns up, to the
 * nanosecond below, to more than an hour. Values are micros; what is counted is nanoseconds. One writer; anybody may read.
 *
 *   0  f64 count · 8 f64 sum · 16 f64 max · 24 f64 unused · 32 f64[BUCKETS]
 */
const SUB_BITS = 5
const SUB = 1 << SUB_BITS
const LARGEST_NANOS = 2 ** 42
const BUCKETS = (42 - SUB_BITS + 1) * SUB
const HEADER_DOUBLES = 4

export const HISTOGRAM_BYTES = (8 * (HEADER_DOUBLES + BUCKETS) + 127) & ~127

/** What a histogram held at one moment. Plain data. */
export interface LatencySnapshot {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class Histogram {
  readonly #cells: Float64Array

  /** Over `HISTOGRAM_BYTES` at `offset` of a zeroed buffer; several histograms over the same place show the same counts. */
  constructor(buffer: ArrayBufferLike = new ArrayBuffer(HISTOGRAM_BYTES), offset = 0) {
    this.#cells = new Float64Array(buffer, offset, HEADER_DOUBLES + BUCKETS)
  }

  record(micros: number): void {
    this.recordCount(micros, 1)
  }

  /** The same value, `count` times. */
  recordCount(micros: number, count: number): void {
    const cells = this.#cells
    cells[0] += count
    cells[1] += micros * count
    if (micros > cells[2]) cells[2] = micros
    cells[HEADER_DOUBLES + bucketOf(micros)] += count
  }

  get count(): number {
    return this.#cells[0]
  }

  get max(): number {
    return this.#cells[2]
  }

  /** The value below or at which the share `q` (0 to 1) of the records lies: its bucket's middle, never above the maximum. 0 when empty. */
  percentile(q: number): number {
    return percentileOf(this.#cells, null, q)
  }

  snapshot(): LatencySnapshot {
    return snapshotOf(this.#cells, null)
  }

  /** A copy of the counts, to take a delta from later. */
  mark(): Float64Array {
    return this.#cells.slice()
  }

  /**
   * What has been recorded since `mark`. The maximum is exact only if it was reached since; else it is that of the highest bucket in use.
   */
  since(mark: Float64Array): LatencySnapshot {
    return snapshotOf(this.#cells, mark)
  }

  /** Adds another's counts to this one's. */
  merge(other: Histogram): void {
    const [cells, more] = [this.#cells, other.#cells]
    for (let i = 0; i < cells.length; i++) if (i !== 2) cells[i] += more[i]
    cells[2] = Math.max(cells[2], more[2])
  }

  reset(): void {
    this.#cells.fill(0)
  }
}

const bucketOf = (micros: number): number => {
  const nanos = micros * 1000
  if (!(nanos >= 1)) return 0
  if (nanos < SUB) return nanos | 0
  if (nanos >= LARGEST_NANOS) return BUCKETS - 1
  if (nanos < 2147483648) {
    const shift = 31 - SUB_BITS - Math.clz32(nanos | 0)
    return (shift << SUB_BITS) + (nanos >> shift)
  }
  // Above two seconds 32 bits hold the value without its lowest eleven, which are below a bucket's width.
  const coarse = (nanos / 2048) | 0
  const shift = 31 - SUB_BITS - Math.clz32(coarse)
  return ((shift + 11) << SUB_BITS) + (coarse >> shift)
}

const middleOf = (bucket: number): number => {
  if (bucket < SUB) return (bucket + 0.5) / 1000
  const shift = (bucket >> SUB_BITS) - 1
  return ((SUB + (bucket & (SUB - 1)) + 0.5) * 2 ** shift) / 1000
}

const at = (cells: Float64Array, mark: Float64Array | null, i: number): number => cells[i] - (mark === null ? 0 : mark[i])

const percentileOf = (cells: Float64Array, mark: Float64Array | null, q: number): number => {
  const total = at(cells, mark, 0)
  if (total <= 0) return 0
  const wanted = Math.max(1, Math.ceil(total * q))
  let seen = 0
  for (let b = 0; b < BUCKETS; b++) {
    seen += at(cells, mark, HEADER_DOUBLES + b)
    if (seen >= wanted) return Math.min(middleOf(b), cells[2])
  }
  return cells[2]
}

const snapshotOf = (cells: Float64Array, mark: Float64Array | null): LatencySnapshot => {
  const count = at(cells, mark, 0)
  let top = BUCKETS - 1
  while (top > 0 && at(cells, mark, HEADER_DOUBLES + top) <= 0) top--
  const isNewMax = mark === null || cells[2] > mark[2]
  return {
    count,
    mean: count <= 0 ? 0 : at(cells, mark, 1) / count,
    p50: percentileOf(cells, mark, 0.5),
    p90: percentileOf(cells, mark, 0.9),
    p99: percentileOf(cells, mark, 0.99),
    p999: percentileOf(cells, mark, 0.999),
    max: count <= 0 ? 0 : isNewMax ? cells[2] : Math.min(middleOf(top), cells[2]),
  }
}
