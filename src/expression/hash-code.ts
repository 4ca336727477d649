import type { DataType } from '../record/data-type.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import { murmurBytes, murmurInt, murmurLong, XxHash } from './hashes.ts'
import type { ScalarCode } from './scalar-code.ts'
import type { Value } from './value.ts'

const floatWord = new Int32Array(1)
const floatBits = (value: number): number => {
  new Float32Array(floatWord.buffer)[0] = value === 0 ? 0 : value
  return Number.isNaN(value) ? 0x7fc00000 : floatWord[0]
}

const doubleView = new Float64Array(1)
const doubleWords = new Int32Array(doubleView.buffer)
const doubleBits = (value: number): bigint => {
  doubleView[0] = value === 0 ? 0 : value
  if (Number.isNaN(value)) return 0x7ff8000000000000n
  return BigInt.asIntN(64, (BigInt(doubleWords[1]) << 32n) | BigInt(doubleWords[0] >>> 0))
}

const bigBytes = (unscaled: bigint): Uint8Array => {
  // Java's BigInteger.toByteArray: two's complement, big-endian, as short as possible.
  let length = 1
  while (BigInt.asIntN(8 * length, unscaled) !== unscaled) length++
  return Uint8Array.from({ length }, (_, i) => Number((unscaled >> BigInt(8 * (length - 1 - i))) & 255n))
}

/** One column's part, with the name of the hash so far; `int`, `long` and `bytes` make the calls of one hash family. */
interface Family {
  int(code: string, seed: string): string
  long(code: string, seed: string): string
  bytes(parts: string, seed: string): string
}

const update = (cg: CodeBuilder, value: Value, hash: string, family: Family): void => {
  if (value.isNull === 'true') return
  if (value.isNull !== 'false') cg.open(`if (!${value.isNull}) {`)
  if (value.form === 'struct') for (const field of value.fields) update(cg, field, hash, family)
  else cg.line(`${hash} = ${part(cg, value, value.type, hash, family)}`)
  if (value.isNull !== 'false') cg.close()
}

const part = (cg: CodeBuilder, value: Value, type: DataType, hash: string, family: Family): string => {
  switch (type.kind) {
    case 'boolean':
      return family.int(`(${scalarCode(value)} ? 1 : 0)`, hash)
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return family.int(scalarCode(value), hash)
    case 'float':
      return family.int(`${cg.constant(floatBits)}(${scalarCode(value)})`, hash)
    case 'long':
      return family.long(scalarCode(value), hash)
    case 'double':
      return family.long(`${cg.constant(doubleBits)}(${scalarCode(value)})`, hash)
    case 'timestamp':
      return family.long(`BigInt(${scalarCode(value)})`, hash)
    case 'decimal': {
      if (type.precision <= 18) return family.long(scalarCode(value), hash)
      const bytes = cg.fresh('b')
      cg.line(`const ${bytes} = ${cg.constant(bigBytes)}(${scalarCode(value)})`)
      return family.bytes(`${bytes}, 0, ${bytes}.length`, hash)
    }
    default: {
      const bytes = asBytes(cg, value)
      return family.bytes(`${bytes.buffer}, ${bytes.offset}, ${bytes.length}`, hash)
    }
  }
}

export const hashCodes: Readonly<Record<string, ScalarCode>> = {
  hash: (cg, node, args) => {
    const hash = cg.fresh('h')
    cg.line(`let ${hash} = 42`)
    const family: Family = {
      int: (code, seed) => `${cg.constant(murmurInt)}(${code}, ${seed})`,
      long: (code, seed) => `${cg.constant(murmurLong)}(${code}, ${seed})`,
      bytes: (code, seed) => `${cg.constant(murmurBytes)}(${code}, ${seed})`,
    }
    for (const arg of args) update(cg, arg, hash, family)
    return { form: 'scalar', type: node.type, isNull: 'false', code: hash }
  },
  xxhash64: (cg, node, args) => {
    const xx = cg.constant(new XxHash())
    const hash = cg.fresh('h')
    cg.line(`let ${hash} = 42n`)
    const family: Family = {
      int: (code, seed) => `${xx}.int(${code}, ${seed})`,
      long: (code, seed) => `${xx}.long(${code}, ${seed})`,
      bytes: (code, seed) => `${xx}.bytes(${code}, ${seed})`,
    }
    for (const arg of args) update(cg, arg, hash, family)
    return { form: 'scalar', type: node.type, isNull: 'false', code: hash }
  },
}
