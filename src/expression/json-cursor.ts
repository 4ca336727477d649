import { decodeUtf8, Scratch } from '../record/strings.ts'
import { hexCode, plainLetter, unescapeJson } from './json-escapes.ts'

/** Kinds of values that a cursor stands before. */
export const OBJECT = 123
export const ARRAY = 91
export const STRING = 34
export const TRUE = 116
export const FALSE = 102
export const NULL = 110
export const NUMBER = 48

const APOSTROPHE = 39
const COLON = 58

/** 1 for what a scan of plain letters stops at: the quote, a backslash, control characters. */
const STOPS = new Uint8Array(256)
STOPS.fill(1, 0, 32)
STOPS[STRING] = STOPS[92] = 1

/**
 * Jackson's limits, and so Spark's: what nests deeper, or a number of more characters, is malformed. They also keep the stack and the time
 * bounded.
 */
const NESTING_MOST = 1000
const NUMBER_LENGTH_MOST = 1000

/** Thrown (always the same object) where the text is no JSON. Caught by the generated scanner: malformed input is data, not a fault. */
export class MalformedJson extends Error {}
const MALFORMED = new MalformedJson('malformed JSON')

const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i)

/**
 * Walks over JSON text as bytes, without making objects. A method leaves what it found in the cursor's fields, and the cursor behind the
 * value.
 */
export class JsonCursor {
  u8: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0
  /** A string: its bytes between the quotes, escapes not undone; or the raw text of any value. */
  start = 0
  length = 0
  escaped = false
  /**
   * A number: its value, and whether it had neither fraction nor exponent. Beyond 15 digits `exact` is false and the text must be looked
   * at.
   */
  number = 0
  isInteger = false
  exact = false
  readonly #allowsApostrophes: boolean
  readonly #scratch = new Scratch()
  #nesting = 0

  constructor(allowsApostrophes = true) {
    this.#allowsApostrophes = allowsApostrophes
  }

  begin(u8: Uint8Array, offset: number, length: number): void {
    this.u8 = u8
    this.at = offset
    this.end = offset + length
    this.#nesting = 1
  }

  fail(): never {
    throw MALFORMED
  }

  /** True if only white space is left. */
  isBlank(): boolean {
    this.space()
    return this.at >= this.end
  }

  space(): void {
    const { u8, end } = this
    let { at } = this
    while (at < end) {
      const c = u8[at]
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) break
      at++
    }
    this.at = at
  }

  /** What kind of value comes next. */
  peek(): number {
    this.space()
    if (this.at >= this.end) this.fail()
    const c = this.u8[this.at]
    // NaN, Infinity, +INF and the like are numbers: Spark allows them unless told otherwise.
    if (c === 45 || (c >= 48 && c <= 57) || c === 78 || c === 73 || c === 43) return NUMBER
    return c === APOSTROPHE && this.#allowsApostrophes ? STRING : c
  }

  expect(c: number): void {
    this.space()
    if (this.at >= this.end || this.u8[this.at] !== c) this.fail()
    this.at++
  }

  /** Inside an object or array, after a value: true if another follows, false at the end. */
  more(close: number): boolean {
    this.space()
    if (this.at >= this.end) this.fail()
    const c = this.u8[this.at++]
    if (c === 44) return true
    if (c !== close) this.fail()
    return false
  }

  /** After the opening bracket: true if the object or array is empty; then it is passed. */
  closesAtOnce(close: number): boolean {
    this.space()
    if (this.at >= this.end) this.fail()
    if (this.u8[this.at] !== close) return false
    this.at++
    return true
  }

  string(): void {
    const { u8, end } = this
    const quote = u8[this.at]
    let at = this.at + 1
    this.start = at
    this.escaped = false
    while (at < end) {
      const c = u8[at]
      if (c === quote) {
        this.length = at - this.start
        this.at = at + 1
        return
      }
      if (c === 92) {
        // Also where nobody wants the string: what does not escape anything is malformed.
        this.escaped = true
        if (u8[++at] === 117) {
          if (hexCode(u8, at + 1, end) < 0) this.fail()
          at += 4
        } else if (plainLetter(u8[at], this.#allowsApostrophes) === 0) this.fail()
      } else if (c < 32) {
        this.fail()
      }
      at++
    }
    this.fail()
  }

  key(): void {
    this.space()
    if (this.at >= this.end) this.fail()
    const c = this.u8[this.at]
    if (c !== STRING && (c !== APOSTROPHE || !this.#allowsApostrophes)) this.fail()
    this.string()
  }

  /** A member's name, and the colon behind it. */
  memberKey(): void {
    // Most names are plain and have no white space around them: seen in one go, and without a call.
    const { u8, end, at } = this
    if (at < end && u8[at] === STRING) {
      let i = at + 1
      while (i < end && STOPS[u8[i]] === 0) i++
      if (i + 1 < end && u8[i] === STRING && u8[i + 1] === COLON) {
        this.start = at + 1
        this.length = i - at - 1
        this.escaped = false
        this.at = i + 2
        return
      }
    }
    this.key()
    this.expect(COLON)
  }

  /** Passes over a member's value and what ends it: true if another member follows, false if the object ends. */
  skipMember(): boolean {
    const { u8, end } = this
    let { at } = this
    if (at < end) {
      const first = u8[at]
      if (first === STRING) {
        at++
        while (at < end && STOPS[u8[at]] === 0) at++
        at = at < end && u8[at] === STRING ? at + 1 : end
      } else {
        at = plainEnd(u8, at, end)
      }
      // Only what is surely whole and right: all else goes the long way.
      if (at < end) {
        const next = u8[at]
        if (next === 44 || next === 125) {
          this.at = at + 1
          return next === 44
        }
      }
    }
    this.skip()
    return this.more(125)
  }

  literal(kind: number): void {
    const word = kind === TRUE ? 'true' : kind === FALSE ? 'false' : 'null'
    if (this.at + word.length > this.end) this.fail()
    for (let i = 1; i < word.length; i++) if (this.u8[this.at + i] !== word.charCodeAt(i)) this.fail()
    this.at += word.length
  }

  readNumber(): void {
    const { u8, end } = this
    let { at } = this
    this.start = at
    const negative = u8[at] === 45
    if (negative) at++
    let digits = 0
    let value = 0
    let scale = 0
    this.isInteger = true
    const first = at
    if (at < end && (u8[at] < 48 || u8[at] > 57)) {
      this.#notFinite()
      return
    }
    for (; at < end; at++) {
      const c = u8[at] - 48
      if (c < 0 || c > 9) break
      value = value * 10 + c
      digits++
    }
    if (digits === 0 || (digits > 1 && u8[first] === 48)) this.fail()
    if (at < end && u8[at] === 46) {
      this.isInteger = false
      const fraction = ++at
      for (; at < end; at++) {
        const c = u8[at] - 48
        if (c < 0 || c > 9) break
        value = value * 10 + c
        digits++
        scale++
      }
      if (at === fraction) this.fail()
    }
    let exponent = 0
    if (at < end && (u8[at] | 32) === 101) {
      this.isInteger = false
      at++
      const down = at < end && u8[at] === 45
      if (down || (at < end && u8[at] === 43)) at++
      const power = at
      for (; at < end; at++) {
        const c = u8[at] - 48
        if (c < 0 || c > 9) break
        if (exponent < 10_000) exponent = exponent * 10 + c
      }
      if (at === power) this.fail()
      if (down) exponent = -exponent
    }
    this.at = at
    this.length = at - this.start
    if (this.length > NUMBER_LENGTH_MOST) this.fail()
    exponent -= scale
    this.exact = digits <= 15 && exponent >= -22 && exponent <= 22
    if (this.exact) value = exponent < 0 ? value / POWERS[-exponent] : value * POWERS[exponent]
    else value = Math.abs(Number(this.text()))
    this.number = negative ? -value : value
  }

  /** What stands where a number's digits should. The sign, if there is one, may be a plus only before a word. */
  #notFinite(): void {
    for (const [word, value] of WORDS) {
      if (this.at + word.length > this.end) continue
      let i = 0
      while (i < word.length && this.u8[this.at + i] === word.charCodeAt(i)) i++
      if (i < word.length) continue
      this.start = this.at
      this.length = word.length
      this.at += word.length
      this.isInteger = false
      this.exact = true
      this.number = value
      return
    }
    this.fail()
  }

  /** Passes over a value of any kind and notes its raw text. */
  skip(): void {
    const kind = this.peek()
    const from = this.at
    switch (kind) {
      case STRING:
        this.string()
        return
      case NUMBER:
        this.readNumber()
        return
      case TRUE:
      case FALSE:
      case NULL:
        this.literal(kind)
        break
      case OBJECT:
      case ARRAY:
        this.#skipNested(kind)
        break
      default:
        this.fail()
    }
    this.start = from
    this.length = this.at - from
    this.escaped = false
  }

  #skipNested(kind: number): void {
    // A stack of brackets would allocate; recursion is bounded by the nesting of the text.
    const close = this.enter(kind)
    if (!this.closesAtOnce(close)) {
      do {
        if (kind === OBJECT) {
          this.key()
          this.expect(COLON)
        }
        this.skip()
      } while (this.more(close))
    }
    this.leave()
  }

  /** Behind the opening bracket of an object or array. Returns the closing one. `leave` must follow. */
  enter(kind: number): number {
    this.at++
    if (++this.#nesting > NESTING_MOST) this.fail()
    return kind + 2
  }

  leave(): void {
    this.#nesting--
  }

  /** The range of the value as text. */
  text(): string {
    return decodeUtf8(this.u8, this.start, this.length)
  }

  /** Undoes escapes of the string at hand into `scratch`. Returns its length. */
  unescape(scratch: Scratch): number {
    return unescapeJson(this.u8, this.start, this.start + this.length, scratch.reserve(this.length))
  }

  /** The string at hand as a JS string, escapes undone. */
  unescapedText(): string {
    if (!this.escaped) return this.text()
    const length = this.unescape(this.#scratch)
    return decodeUtf8(this.#scratch.u8, 0, length)
  }
}

/** Behind a number of few digits or a word, `end` if it is anything else. */
const plainEnd = (u8: Uint8Array, from: number, end: number): number => {
  let at = from
  const most = at + 16 < end ? at + 16 : end
  if (u8[at] === 45) at++
  const digits = at
  while (at < most && u8[at] >= 48 && u8[at] <= 57) at++
  if (at > digits) {
    if (at - digits > 1 && u8[digits] === 48) return end
    if (at === most || u8[at] !== 46) return at === most ? end : at
    const fraction = ++at
    while (at < most && u8[at] >= 48 && u8[at] <= 57) at++
    return at === most || at === fraction ? end : at
  }
  if (at !== from || from + 5 >= end) return end
  if (u8[at] === TRUE) return u8[at + 1] === 114 && u8[at + 2] === 117 && u8[at + 3] === 101 ? at + 4 : end
  if (u8[at] === NULL) return u8[at + 1] === 117 && u8[at + 2] === 108 && u8[at + 3] === 108 ? at + 4 : end
  if (u8[at] !== FALSE) return end
  return u8[at + 1] === 97 && u8[at + 2] === 108 && u8[at + 3] === 115 && u8[at + 4] === 101 ? at + 5 : end
}

const WORDS: readonly (readonly [string, number])[] = [
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['+Infinity', Number.POSITIVE_INFINITY],
  ['+INF', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-INF', Number.NEGATIVE_INFINITY],
]
