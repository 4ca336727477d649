import { describe, expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { base64Decode, base64Encode, base64EncodeWords } from '../../src/expression/base64.ts'
import type { Bound } from '../../src/expression/expression.ts'
import { JsonScanner, MALFORMED } from '../../src/expression/json-scanner.ts'
import { parseSchema, parseType } from '../../src/expression/parse-type.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { overObjects, overRecords } from './golden/evaluate.ts'

// Goal: no input, however broken, crashes the process, hangs it, or makes it look at bytes that are not its own. Method: random bytes and
// damaged JSON by seed (WALKWAY_SEED=n runs one), read twice from the middle of different surroundings: the answers must agree.

const ddl =
  'a INT, b BIGINT, c DOUBLE, d FLOAT, e STRING, f BOOLEAN, g DATE, h TIMESTAMP, i BINARY, j DECIMAL(10,2), k TINYINT, n STRUCT<x: STRING, y: STRUCT<z: BIGINT>>'
const encoder = new TextEncoder()

const samples = [
  '{"a":1,"b":9007199254740993,"c":1.5e3,"d":-0.0,"e":"gr\\u00fcn \\ud83d\\ude42 \\" x","f":true,"g":"2020-01-01","h":"2020-01-01T00:00:00Z","i":"YWJj","j":12.345,"k":-7}',
  '{"n":{"x":"v","y":{"z":12}},"other":[1,2,{"q":[[],{}]}],"e":{"raw": [1, 2.50, "\\n"]}}',
  `{'a':-12,'e':'it is',"c":NaN,"d":-Infinity,"n":null}`,
]

const damaged = (random: SeededRandom): Uint8Array => {
  if (random.below(4) === 0) return Uint8Array.from({ length: random.below(80) }, () => random.below(256))
  const bytes = [...encoder.encode(random.pick(samples))]
  for (let n = random.below(6); n >= 0; n--) {
    const at = random.below(bytes.length + 1)
    const kind = random.below(4)
    if (kind === 0) bytes.splice(at, 1 + random.below(4))
    else if (kind === 1) bytes.splice(at, 0, random.pick([...encoder.encode('{}[]",:\\\'0-+.eNIntf\u0000 ')]))
    else if (kind === 2) bytes.splice(at, 1, random.below(256))
    else bytes.length = at
  }
  return Uint8Array.from(bytes)
}

/** Everything that the scanner found, as text. */
const found = (scanner: JsonScanner, status: number): string => {
  const values = [...scanner.present].map((present, i) =>
    present === 1
      ? [
          scanner.numbers[i],
          String(scanner.longs[i]),
          String(scanner.bigs[i]),
          ...scanner.buffers[i].slice(scanner.offsets[i], scanner.offsets[i] + scanner.lengths[i]),
        ]
      : null,
  )
  return JSON.stringify([status, values])
}

const surrounded = (bytes: Uint8Array, before: string, after: string): Uint8Array =>
  Uint8Array.from([...encoder.encode(before), ...bytes, ...encoder.encode(after)])

describe('JSON that is none', () => {
  test.each(seeds(40))('is read to its end and no further, seed %i', seed => {
    const random = seededRandom(seed)
    for (let n = 0; n < 200; n++) {
      const bytes = damaged(random)
      // A new scanner each: what an earlier text left behind does not count.
      const answers = [
        ['', ''],
        ['{"a":', '0123"}]e5\\"}'],
        ['\\', '-1e-5}}'],
      ].map(([before, after]) => {
        const scanner = new JsonScanner(parseSchema(ddl))
        return found(scanner, scanner.scan(surrounded(bytes, before, after), before.length, bytes.length))
      })
      expect(new Set(answers).size, JSON.stringify({ seed, n, bytes: [...bytes] })).toBe(1)
    }
  })

  test.each(seeds(40))('is told from what JSON.parse takes, seed %i', seed => {
    const random = seededRandom(seed)
    const scanner = new JsonScanner(parseSchema(ddl))
    for (let n = 0; n < 500; n++) {
      const bytes = damaged(random)
      let parsed: unknown
      try {
        parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
      } catch {
        continue
      }
      const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      const status = scanner.scan(bytes, 0, bytes.length)
      expect(status === MALFORMED, JSON.stringify({ seed, n, text: Buffer.from(bytes).toString() })).toBe(!isObject)
    }
  })

  test.each(['PERMISSIVE', 'FAILFAST'])('gives nulls or an EngineError through both back ends, mode %s', mode => {
    const schema = parseSchema('t BINARY')
    const json = { kind: 'cast', child: { kind: 'column', name: 't' }, to: parseType('string') } as const
    const bound = resolveExpression({ kind: 'fromJson', child: json, schema: parseType(`struct<${ddl}>`), options: { mode } }, schema)
    const [objects, records] = [overObjects(bound, schema), overRecords(bound, schema)]
    for (const seed of seeds(4)) {
      const random = seededRandom(seed)
      for (let n = 0; n < 200; n++) {
        const row = { t: damaged(random) }
        const [a, b] = [objects, records].map(run => outcome(() => run(row)))
        expect(b, JSON.stringify({ seed, n })).toBe(a)
        if (mode === 'PERMISSIVE') expect(a, JSON.stringify({ seed, n })).not.toMatch(/^error/)
      }
    }
  })

  test('a nesting deeper than a thousand is malformed, and does not break the stack', () => {
    const scanner = new JsonScanner(parseSchema('a INT, e STRING'))
    const nested = (depth: number, key: string): Uint8Array => encoder.encode(`{"${key}":${'['.repeat(depth)}${']'.repeat(depth)},"a":1}`)
    for (const key of ['e', 'other']) {
      for (const [depth, isMalformed] of [
        [999, false],
        [1000, true],
        [1_000_000, true],
      ] as const) {
        const text = nested(depth, key)
        expect(scanner.scan(text, 0, text.length) === MALFORMED, `${key} ${depth}`).toBe(isMalformed)
      }
    }
  })

  test('a number of a million digits costs no time', () => {
    const scanner = new JsonScanner(parseSchema('a INT, b BIGINT, c DOUBLE, j DECIMAL(10,2)'))
    for (const key of ['a', 'b', 'c', 'j', 'other']) {
      const text = encoder.encode(`{"${key}":${'9'.repeat(1_000_000)}}`)
      expect(scanner.scan(text, 0, text.length)).toBe(MALFORMED)
    }
  })
})

/** The value as text, or the code of the EngineError; anything else that is thrown goes on. */
const outcome = (run: () => unknown): string => {
  try {
    return JSON.stringify(run()) ?? 'undefined'
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'INTERNAL') return `error ${error.code}`
    throw error
  }
}

describe('strings that mean nothing', () => {
  const types = [
    'boolean',
    'tinyint',
    'smallint',
    'int',
    'bigint',
    'float',
    'double',
    'decimal(10,2)',
    'decimal(18,0)',
    'date',
    'timestamp',
    'binary',
  ]
  const alphabet = [...'0123456789012345678901234567890+-.eE:TZ /\t\u00a0aftrueNIxyé🙂\ud800\u0000']

  test.each(types)('cast to %s is a value or an EngineError, the same through both back ends', type => {
    const schema = parseSchema('t STRING')
    const cast: Bound = resolveExpression({ kind: 'cast', child: { kind: 'column', name: 't' }, to: parseType(type) }, schema)
    const [objects, records] = [overObjects(cast, schema), overRecords(cast, schema)]
    for (const seed of seeds(3)) {
      const random = seededRandom(seed)
      for (let n = 0; n < 400; n++) {
        const t = Array.from({ length: random.below(n % 10 === 0 ? 60 : 12) }, () => random.pick(alphabet)).join('')
        const [a, b] = [objects, records].map(run => outcome(() => run({ t })))
        expect(b, JSON.stringify({ seed, n, t })).toBe(a)
      }
    }
  })

  test('numbers of a hundred thousand digits are refused', () => {
    const schema = parseSchema('t STRING')
    for (const type of ['int', 'bigint', 'decimal(18,0)']) {
      const cast = resolveExpression({ kind: 'cast', child: { kind: 'column', name: 't' }, to: parseType(type) }, schema)
      expect(outcome(() => overRecords(cast, schema)({ t: '9'.repeat(100_000) }))).toMatch(/^error/)
      expect(outcome(() => overRecords(cast, schema)({ t: `1e${'9'.repeat(1000)}` }))).toMatch(/^error/)
    }
  })
})

describe('base64', () => {
  test.each(seeds(20))('encodes as Buffer does and decodes what it encoded, from any offset, seed %i', seed => {
    const random = seededRandom(seed)
    for (let n = 0; n < 100; n++) {
      const source = Uint8Array.from({ length: random.below(100) }, () => random.below(256))
      const offset = random.below(source.length + 1)
      const length = random.below(source.length - offset + 1)
      const wanted = Buffer.from(source.slice(offset, offset + length)).toString('base64')
      const start = random.below(5)
      const target = new Uint8Array(start + 140)
      const size = base64Encode(source, offset, length, target, start)
      expect(Buffer.from(target.slice(start, start + size)).toString(), `seed ${seed}`).toBe(wanted)
      const words = new Int32Array(40)
      const bytes = new Uint8Array(words.buffer)
      const length64 = base64EncodeWords(source, offset, length, bytes, words)
      expect(Buffer.from(bytes.slice(0, length64)).toString(), `seed ${seed}`).toBe(wanted)
      const back = new Uint8Array(100)
      expect(back.slice(0, base64Decode(target, start, size, back)), `seed ${seed}`).toEqual(source.slice(offset, offset + length))
    }
  })

  test.each(seeds(20))('of rubbish is decoded or refused, and never from outside, seed %i', seed => {
    const random = seededRandom(seed)
    const letters = [...encoder.encode('ABab01+/====  \n!_-\u00ff')]
    for (let n = 0; n < 300; n++) {
      const bytes = Uint8Array.from({ length: random.below(20) }, () => random.pick(letters))
      const answers = ['', '=', 'A', '=='].map(after => {
        const target = new Uint8Array(40)
        const size = base64Decode(surrounded(bytes, 'AA', after), 2, bytes.length, target)
        return JSON.stringify([size, ...target.slice(0, Math.max(0, size))])
      })
      expect(new Set(answers).size, JSON.stringify({ seed, n, bytes: [...bytes] })).toBe(1)
    }
  })
})
