import { EngineError } from '../base/errors.ts'
import { decodeUtf8, encodeUtf8, equalBytes, Scratch } from '../record/strings.ts'
import { base64Decode, base64EncodeLines, base64EncodeWords } from './base64.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, type BytesValue, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { compileLike } from './like.ts'
import { bytesUnlessNull, scalarUnlessNull } from './null-safe.ts'
import type { ScalarCode } from './scalar-code.ts'
import type { Value } from './value.ts'

const parts = (bytes: BytesValue): string => `${bytes.buffer}, ${bytes.offset}, ${bytes.length}`

/** UTF-8 characters are as many as bytes that do not continue one. */
const countChars = (u8: Uint8Array, offset: number, length: number): number => {
  let count = 0
  for (let i = offset; i < offset + length; i++) if ((u8[i] & 0xc0) !== 0x80) count++
  return count
}

const isAscii = (u8: Uint8Array, offset: number, length: number): boolean => {
  for (let i = offset; i < offset + length; i++) if (u8[i] >= 0x80) return false
  return true
}

const changeCase = (scratch: Scratch, u8: Uint8Array, offset: number, length: number, upper: boolean): number => {
  if (!isAscii(u8, offset, length)) {
    const text = decodeUtf8(u8, offset, length)
    return scratch.encode(upper ? text.toUpperCase() : text.toLowerCase())
  }
  const target = scratch.reserve(length)
  const [from, to, flip] = upper ? [97, 122, -32] : [65, 90, 32]
  for (let i = 0; i < length; i++) {
    const c = u8[offset + i]
    target[i] = c >= from && c <= to ? c + flip : c
  }
  return length
}

/**
 * Where the range of `substring` begins and ends, in bytes, packed as begin * 2^32 + end. Positions count from 1, from the end if negative;
 * 0 is 1.
 */
const range = new Int32Array(2)
const findRange = (u8: Uint8Array, offset: number, length: number, from: number, count: number, chars: boolean): number => {
  const total = chars ? countChars(u8, offset, length) : length
  const start = from > 0 ? from - 1 : from < 0 ? total + from : 0
  // The end is reckoned from the start asked for, even if that lies before the string.
  const end = Math.min(total, start + count)
  const begin = Math.max(0, start)
  if (end <= begin || count <= 0) {
    range[0] = offset
    range[1] = 0
    return 0
  }
  if (!chars || total === length) {
    range[0] = offset + begin
    range[1] = end - begin
    return end - begin
  }
  let at = offset
  let index = 0
  while (index < begin) if ((u8[++at] & 0xc0) !== 0x80) index++
  range[0] = at
  const limit = offset + length
  while (index < end) {
    at++
    if (at >= limit || (u8[at] & 0xc0) !== 0x80) index++
  }
  range[1] = at - range[0]
  return range[1]
}

const contains = (u8: Uint8Array, offset: number, length: number, v8: Uint8Array, at: number, size: number): boolean => {
  if (size === 0) return true
  const first = v8[at]
  for (let i = offset; i <= offset + length - size; i++) if (u8[i] === first && equalBytes(u8, i, size, v8, at, size)) return true
  return false
}

const append = (scratch: Scratch, to: number, u8: Uint8Array, offset: number, length: number): number => {
  if (length > 48) scratch.u8.set(u8.subarray(offset, offset + length), to)
  else for (let i = 0; i < length; i++) scratch.u8[to + i] = u8[offset + i]
  return to + length
}

const trimRange = (u8: Uint8Array, offset: number, length: number): number => {
  let [from, to] = [offset, offset + length]
  while (from < to && u8[from] === 32) from++
  while (to > from && u8[to - 1] === 32) to--
  range[0] = from
  range[1] = to - from
  return to - from
}

const failBase64 = (u8: Uint8Array, offset: number, length: number): never => {
  throw new EngineError('CONVERSION_INVALID_INPUT', {
    value: decodeUtf8(u8, offset, Math.min(length, 100)),
    to: 'BINARY',
    format: 'base64',
  })
}

const decode64 = (scratch: Scratch, u8: Uint8Array, offset: number, length: number): number => {
  const size = base64Decode(u8, offset, length, scratch.reserve(((length + 3) >> 2) * 3))
  return size < 0 ? failBase64(u8, offset, length) : size
}

/** Scratch memory with a view of it by words. */
class WordScratch extends Scratch {
  words = new Int32Array(this.u8.buffer)

  reserveWords(count: number): void {
    if (count <= this.words.length) return
    this.u8 = new Uint8Array(8 * count)
    this.words = new Int32Array(this.u8.buffer)
  }
}

const encode64 = (scratch: WordScratch, u8: Uint8Array, offset: number, length: number): number => {
  scratch.reserveWords(Math.ceil(length / 3))
  return base64EncodeWords(u8, offset, length, scratch.u8, scratch.words)
}

const encodeLines = (scratch: Scratch, u8: Uint8Array, offset: number, length: number): number =>
  base64EncodeLines(u8, offset, length, scratch.reserve(Math.ceil(length / 3) * 4 + 2 * Math.floor(length / 57)))

const newScratch = (cg: CodeBuilder): string => cg.constant(new Scratch())

const boolean = { kind: 'boolean' } as const

/** A part of the argument itself: no copy. `call` leaves the range in `range`. */
const partOf = (cg: CodeBuilder, type: Value['type'], args: readonly Value[], bytes: BytesValue, call: string): Value => {
  const length = scalarUnlessNull(cg, { kind: 'integer' }, args, call)
  const offset = cg.fresh('o')
  cg.line(`const ${offset} = ${cg.constant(range)}[0]`)
  return { form: 'bytes', type, isNull: length.isNull, buffer: bytes.buffer, offset, length: scalarCode(length) }
}

const caseCode =
  (upper: boolean): ScalarCode =>
  (cg, node, [value]) => {
    const scratch = newScratch(cg)
    return bytesUnlessNull(
      cg,
      node.type,
      [value],
      scratch,
      `${cg.constant(changeCase)}(${scratch}, ${parts(asBytes(cg, value))}, ${upper})`,
    )
  }

const literalText = (bound: Bound): string | null => (bound.kind === 'literal' && typeof bound.value === 'string' ? bound.value : null)

const encodeNew = (text: string): Uint8Array => {
  const bytes = new Uint8Array(3 * text.length)
  return bytes.subarray(0, encodeUtf8(text, bytes, 0))
}

export const stringCodes: Readonly<Record<string, ScalarCode>> = {
  length: (cg, node, [value]) => {
    const bytes = asBytes(cg, value)
    if (value.type.kind === 'binary') return scalarUnlessNull(cg, node.type, [value], bytes.length)
    return scalarUnlessNull(cg, node.type, [value], `${cg.constant(countChars)}(${parts(bytes)})`)
  },
  upper: caseCode(true),
  lower: caseCode(false),
  substring: (cg, node, args) => {
    const bytes = asBytes(cg, args[0])
    const [, from, count] = args
    const call = `${cg.constant(findRange)}(${parts(bytes)}, ${scalarCode(from)}, ${scalarCode(count)}, ${args[0].type.kind !== 'binary'})`
    return partOf(cg, node.type, args, bytes, call)
  },
  trim: (cg, node, args) => {
    const bytes = asBytes(cg, args[0])
    return partOf(cg, node.type, args, bytes, `${cg.constant(trimRange)}(${parts(bytes)})`)
  },
  contains: (cg, _node, args) => {
    const [a, b] = args.map(arg => asBytes(cg, arg))
    return scalarUnlessNull(cg, boolean, args, `${cg.constant(contains)}(${parts(a)}, ${parts(b)})`)
  },
  startswith: (cg, _node, args) => {
    const [a, b] = args.map(arg => asBytes(cg, arg))
    const call = `${cg.constant(equalBytes)}(${a.buffer}, ${a.offset}, ${b.length}, ${parts(b)})`
    return scalarUnlessNull(cg, boolean, args, `${a.length} >= ${b.length} && ${call}`)
  },
  endswith: (cg, _node, args) => {
    const [a, b] = args.map(arg => asBytes(cg, arg))
    const call = `${cg.constant(equalBytes)}(${a.buffer}, ${a.offset} + ${a.length} - ${b.length}, ${b.length}, ${parts(b)})`
    return scalarUnlessNull(cg, boolean, args, `${a.length} >= ${b.length} && ${call}`)
  },
  concat: (cg, node, args) => {
    const all = args.map(arg => asBytes(cg, arg))
    if (all.length === 1) return all[0]
    const scratch = newScratch(cg)
    const total = all.map(bytes => bytes.length).join(' + ')
    const reserve = `${scratch}.reserve(${total})`
    let code = '0'
    for (const bytes of all) code = `${cg.constant(append)}(${scratch}, ${code}, ${parts(bytes)})`
    return bytesUnlessNull(cg, node.type, args, scratch, `(${reserve}, ${code})`)
  },
  base64: (cg, node, [value]) => {
    const scratch = newScratch(cg)
    return bytesUnlessNull(cg, node.type, [value], scratch, `${cg.constant(encodeLines)}(${scratch}, ${parts(asBytes(cg, value))})`)
  },
  base64Unbroken: (cg, node, [value]) => {
    const scratch = cg.constant(new WordScratch())
    return bytesUnlessNull(cg, node.type, [value], scratch, `${cg.constant(encode64)}(${scratch}, ${parts(asBytes(cg, value))})`)
  },
  unbase64: (cg, node, [value]) => {
    const scratch = newScratch(cg)
    return bytesUnlessNull(cg, node.type, [value], scratch, `${cg.constant(decode64)}(${scratch}, ${parts(asBytes(cg, value))})`)
  },
  like: (cg, node, args) => {
    const value = asBytes(cg, args[0])
    const pattern = literalText(node.args[1])
    const escapeText = node.args[2] === undefined ? '\\' : literalText(node.args[2])
    if (escapeText === null || escapeText.length !== 1) throw new EngineError('BAD_ESCAPE', { escape: String(escapeText) })
    if (pattern !== null) {
      const match = compileLike(encodeNew(pattern), escapeText.charCodeAt(0), pattern)
      return scalarUnlessNull(cg, boolean, [args[0]], `${cg.constant(match)}(${parts(value)})`)
    }
    const bytes = asBytes(cg, args[1])
    const matchAny = (u8: Uint8Array, o: number, l: number, p8: Uint8Array, po: number, pl: number): boolean =>
      compileLike(p8.slice(po, po + pl), escapeText.charCodeAt(0), decodeUtf8(p8, po, pl))(u8, o, l)
    return scalarUnlessNull(cg, boolean, args, `${cg.constant(matchAny)}(${parts(value)}, ${parts(bytes)})`)
  },
}
