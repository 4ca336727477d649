/**
 * Micros by the machine's monotonic clock: one base for all threads and processes. `performance.now()` is the cheapest clock there is, but
 * each thread counts from its own start; the difference is taken from `hrtime`, several times, since either call may be interrupted.
 */
const measureOffset = (): number => {
  let [least, offset] = [Number.POSITIVE_INFINITY, 0]
  for (let i = 0; i < 200; i++) {
    const before = performance.now()
    const [seconds, nanos] = process.hrtime()
    const after = performance.now()
    if (after - before >= least) continue
    least = after - before
    offset = seconds * 1e6 + nanos / 1e3 - ((before + after) / 2) * 1e3
  }
  return offset
}

const OFFSET_MICROS = measureOffset()

export const nowMicros = (): number => OFFSET_MICROS + performance.now() * 1000
