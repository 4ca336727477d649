import type { Bound } from '../expression/expression.ts'
import { mapInputs } from './bound-inputs.ts'

/**
 * Until when a row of a join's side can match rows that are yet to come, which are later than the watermark: until the watermark has passed
 * `time` less `shiftMicros`; with `inclusive`, once it has reached it.
 */
export interface TimeBound {
  /** The row's own time, over its side's columns. */
  readonly time: Bound
  readonly shiftMicros: number
  readonly inclusive: boolean
}

/** One side of a comparison as a time plus a constant. */
interface Term {
  readonly time: Bound
  readonly micros: number
}

/**
 * The bounds that comparisons of the sides' times set: from `x >= y + c` with y under a watermark, no row can come for an x that is less
 * than the watermark + c (for `>`: or equal to it). `parts` are over the columns of left and then right, of which left has `width`.
 */
export const timeBounds = (
  parts: readonly Bound[],
  leftTime: ReadonlySet<number>,
  rightTime: ReadonlySet<number>,
  width: number,
): { readonly left: readonly TimeBound[]; readonly right: readonly TimeBound[] } => {
  const bounds = { left: [] as TimeBound[], right: [] as TimeBound[] }
  for (const part of parts) {
    if (part.kind !== 'call') continue
    const comparison = comparisons[part.name]
    if (comparison === undefined) continue
    const [a, b] = part.args.map(termOf)
    if (a === null || b === null) continue
    // As x ≥ y + c.
    const [x, y] = comparison.turned ? [b, a] : [a, b]
    if (x.time.kind !== 'input' || y.time.kind !== 'input') continue
    const xIsLeft = x.time.ordinal < width
    if (xIsLeft === y.time.ordinal < width) continue
    const underWatermark = xIsLeft ? rightTime.has(y.time.ordinal - width) : leftTime.has(y.time.ordinal)
    if (!underWatermark) continue
    const time = xIsLeft ? x.time : mapInputs(x.time, i => i - width)
    bounds[xIsLeft ? 'left' : 'right'].push({ time, shiftMicros: y.micros - x.micros, inclusive: comparison.strict })
  }
  return bounds
}

const comparisons: Readonly<Record<string, { readonly turned: boolean; readonly strict: boolean }>> = {
  '>=': { turned: false, strict: false },
  '>': { turned: false, strict: true },
  '<=': { turned: true, strict: false },
  '<': { turned: true, strict: true },
}

/** A time plus a constant; null for anything else. */
export const termOf = (bound: Bound): Term | null => {
  if (bound.kind === 'input' && bound.type.kind === 'timestamp') return { time: bound, micros: 0 }
  if (bound.kind !== 'call' || bound.name !== 'timestampAdd') return null
  const [time, micros] = bound.args
  const inner = termOf(time)
  return inner === null || micros.kind !== 'literal' ? null : { time: inner.time, micros: inner.micros + Number(micros.value) }
}
