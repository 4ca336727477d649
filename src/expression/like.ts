import { EngineError } from '../base/errors.ts'
import { equalBytes } from '../record/strings.ts'

/** Tests some bytes. */
export type ByteMatcher = (u8: Uint8Array, offset: number, length: number) => boolean

const PERCENT = 37
const UNDERSCORE = 95
/** Pattern items: a byte, or one of these. */
const ANY_RUN = -1
const ANY_CHAR = -2

/** A matcher for a LIKE pattern. Plain prefixes, suffixes and whole words become byte comparisons. Throws INVALID_FORMAT_ESCAPE. */
export const compileLike = (pattern: Uint8Array, escapeByte: number, shown: string): ByteMatcher => {
  const items: number[] = []
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]
    if (c === escapeByte) {
      const next = pattern[++i]
      if (next !== PERCENT && next !== UNDERSCORE && next !== escapeByte) throw new EngineError('BAD_ESCAPE', { escape: shown })
      items.push(next)
    } else if (c === PERCENT) {
      if (items.at(-1) !== ANY_RUN) items.push(ANY_RUN)
    } else {
      items.push(c === UNDERSCORE ? ANY_CHAR : c)
    }
  }
  const runs = items.filter(item => item === ANY_RUN).length
  const literal = Uint8Array.from(items.filter(item => item >= 0))
  const size = literal.length
  if (!items.includes(ANY_CHAR) && runs === 0) return (u8, o, l) => l === size && equalBytes(u8, o, l, literal, 0, size)
  if (!items.includes(ANY_CHAR) && runs === 1 && items.at(-1) === ANY_RUN)
    return (u8, o, l) => l >= size && equalBytes(u8, o, size, literal, 0, size)
  if (!items.includes(ANY_CHAR) && runs === 1 && items[0] === ANY_RUN) {
    return (u8, o, l) => l >= size && equalBytes(u8, o + l - size, size, literal, 0, size)
  }
  return general(Int16Array.from(items))
}

/** Greedy with one point to come back to: linear in practice, never exponential. */
const general =
  (items: Int16Array): ByteMatcher =>
  (u8, offset, length) => {
    const end = offset + length
    let [at, item] = [offset, 0]
    let [retryAt, retryItem] = [-1, -1]
    while (at < end) {
      const wanted = item < items.length ? items[item] : Number.NaN
      if (wanted === ANY_RUN) {
        retryItem = ++item
        retryAt = at
      } else if (wanted === ANY_CHAR) {
        at++
        while (at < end && (u8[at] & 0xc0) === 0x80) at++
        item++
      } else if (wanted === u8[at]) {
        at++
        item++
      } else if (retryItem >= 0) {
        item = retryItem
        at = ++retryAt
      } else {
        return false
      }
    }
    while (item < items.length && items[item] === ANY_RUN) item++
    return item === items.length
  }
