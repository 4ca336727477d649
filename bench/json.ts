import { base64Decode, base64EncodeWords } from '../dist/expression/base64.js'
import type { Expression } from '../dist/expression/expression.js'
import { parseSchema, parseType } from '../dist/expression/parse-type.js'
import { nanosPerCall, Projection } from './engine/projection.ts'
import type { Benchmark, Outcome } from './kit/benchmark.ts'

const ROWS = 256

/** Twelve fields, some 200 bytes. */
const textOf = (i: number): string =>
  JSON.stringify({
    id: 100_000 + i,
    user: `user-${(i * 7919) % 1000}`,
    card: `4000-${1000 + i}`,
    merchant: 'corner shop',
    amount: ((i * 31) % 1000) / 8,
    currency: 'EUR',
    country: 'DE',
    online: i % 3 === 0,
    attempt: i % 5,
    score: i / 256,
    time: 1_700_000_000_000 + i,
    note: 'nothing',
  })

const WANTED = parseType('STRUCT<user: STRING, amount: DOUBLE, time: BIGINT>')

const value: Expression = { kind: 'column', name: 'value' }
const fieldOf = (name: string): Expression => ({ kind: 'field', child: { kind: 'column', name: 'e0' }, name })

/** Three of twelve fields out of bytes, as a stage does it, beside what JavaScript has for it; and base64 beside Buffer's. */
export const json: Benchmark = {
  name: 'json',
  question: 'What does from_json take for 3 of the 12 fields of a record of 200 bytes?',
  rounds: 5,
  warmups: 0,
  marks: { fromJsonNanos: { atMost: 400 } },
  run: async (size): Promise<Outcome> => {
    const seconds = size === 'full' ? 1 : 0.02
    const texts = Array.from({ length: ROWS }, (_, i) => textOf(i))
    const rows = texts.map(text => ({ value: Buffer.from(text) }))
    const decode: Expression = { kind: 'cast', child: value, to: { kind: 'string' } }
    const projection = new Projection(
      parseSchema('value BINARY NOT NULL'),
      rows,
      [{ kind: 'fromJson', child: decode, schema: WANTED, options: {} }],
      ['user', 'amount', 'time'].map(fieldOf),
    )
    for (const [i, { e0, e1, e2 }] of projection.answers().entries()) {
      const { user, amount, time } = JSON.parse(texts[i]) as Record<string, unknown>
      if (e0 !== user || e1 !== amount || e2 !== time)
        return { wrong: `record ${i} gave ${e0}, ${e1}, ${e2}: expected ${user}, ${amount}, ${time}`, figures: {} }
    }
    const wrong = checkBase64()
    if (wrong !== null) return { wrong, figures: {} }
    const pass = new Projection(parseSchema('value BINARY NOT NULL'), rows, [value])
    // What JSON.parse needs is a string; the bytes come from somewhere.
    const byHand = (): void => {
      for (const { value: bytes } of rows) {
        const { user, amount, time } = JSON.parse(bytes.toString()) as Record<string, unknown>
        kept += user === undefined || amount === undefined || time === undefined ? 1 : 0
      }
    }
    return {
      wrong: kept === 0 ? null : 'a field is missing',
      figures: {
        fromJsonNanos: nanosPerCall(() => projection.run(), 1, seconds) / ROWS,
        copyNanos: nanosPerCall(() => pass.run(), 1, seconds) / ROWS,
        jsonParseNanos: nanosPerCall(byHand, 1, seconds) / ROWS,
        base64Nanos: nanosPerCall(() => base64EncodeWords(plain, 0, plain.length, coded, codedWords), 100, seconds),
        bufferBase64Nanos: nanosPerCall(() => void plain.toString('base64'), 100, seconds),
        unbase64Nanos: nanosPerCall(() => base64Decode(codedText, 0, codedText.length, decoded), 100, seconds),
        bufferUnbase64Nanos: nanosPerCall(() => void Buffer.from(codedString, 'base64'), 100, seconds),
      },
    }
  },
}

/** Looked at once, so that nothing is left out as useless. */
let kept = 0
const plain = Buffer.from(Uint8Array.from({ length: 1024 }, (_, i) => (i * 7919) >> 3))
const codedString = plain.toString('base64')
const codedText = Buffer.from(codedString)
const codedWords = new Int32Array(512)
const coded = new Uint8Array(codedWords.buffer)
const decoded = new Uint8Array(1100)

const checkBase64 = (): string | null => {
  const length = base64EncodeWords(plain, 0, plain.length, coded, codedWords)
  if (Buffer.from(coded.subarray(0, length)).toString() !== codedString) return 'base64 differs from Buffer\u2019s'
  const size = base64Decode(codedText, 0, codedText.length, decoded)
  return Buffer.compare(decoded.subarray(0, size), plain) === 0 ? null : 'unbase64 did not bring the bytes back'
}
