import type { CodeBuilder } from './code-builder.ts'

/**
 * Longs between bigint and double go through eight bytes of memory, as two int32 words. `BigInt(n)`, `Number(v)` and a bigint that leaves a
 * function make V8 allocate: 18 ns and a heap object, against 1 to 5 ns this way.
 */
const words = new Int32Array(2)
const long = new BigInt64Array(words.buffer)

/** Statements after which `long[0]` is the integer that a double holds. Returns the expression for the bigint, good until the next use. */
export const emitLongOfNumber = (cg: CodeBuilder, code: string): string => {
  const w = cg.constant(words, 'w')
  cg.line(`${w}[0] = ${code}; ${w}[1] = Math.floor(${code} / 4294967296)`)
  return `${cg.constant(long, 'l')}[0]`
}

/** Statements that put a bigint there. */
export const emitLongOfBigint = (cg: CodeBuilder, code: string): string => {
  const l = cg.constant(long, 'l')
  cg.line(`${l}[0] = ${code}`)
  return `${l}[0]`
}

/**
 * Puts a bigint there and gives its halves: what is asked of them is asked of numbers. A negative bigint literal is computed, and
 * allocated, each time.
 */
export const emitLongWords = (cg: CodeBuilder, code: string): { low: string; high: string } => {
  const w = cg.constant(words, 'w')
  emitLongOfBigint(cg, code)
  return { low: `${w}[0]`, high: `${w}[1]` }
}

/** A local with the double nearest to a long. */
export const emitNumberOfLong = (cg: CodeBuilder, code: string): string => {
  const { low, high } = emitLongWords(cg, code)
  const value = cg.fresh('n')
  cg.line(`const ${value} = ${high} * 4294967296 + (${low} >>> 0)`)
  cg.holds('number', value)
  return value
}

const zeroCell = new BigInt64Array(1)

/** Zero for a local that is set later. A literal would have V8 hold the local as an object, and allocate each value that it gets. */
export const zeroLong = (cg: CodeBuilder): string => `${cg.constant(zeroCell, 'z')}[0]`

/** A local with a long as the user sees it: a number when that is exact, else a bigint. */
export const emitUserLong = (cg: CodeBuilder, code: string): string => {
  const [w, value] = [cg.constant(words, 'w'), cg.fresh('n')]
  emitLongOfBigint(cg, code)
  // −2^53 itself is not a safe integer.
  const safe = `${w}[1] >= -2097152 && ${w}[1] < 2097152 && (${w}[0] !== 0 || ${w}[1] !== -2097152)`
  cg.line(`const ${value} = ${safe} ? ${w}[1] * 4294967296 + (${w}[0] >>> 0) : ${cg.constant(bigLong)}()`)
  return value
}

const bigLong = (): bigint => long[0]
