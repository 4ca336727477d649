import { EngineError } from '../base/errors.ts'
import { type StructType, structType } from '../record/data-type.ts'
import { decodeUtf8 } from '../record/strings.ts'
import type { CodeBuilder } from './code-builder.ts'
import { asBytes, scalarCode } from './convert.ts'
import type { Bound } from './expression.ts'
import { readFromJsonOptions } from './json-options.ts'
import { ABSENT, JsonScanner, type JsonShape, PARSED } from './json-scanner.ts'
import { zeroLong } from './long-words.ts'
import { scalarUnlessNull } from './null-safe.ts'
import type { Value } from './value.ts'

const failMalformed = (u8: Uint8Array, offset: number, length: number): never => {
  throw new EngineError('MALFORMED_JSON', { text: decodeUtf8(u8, offset, Math.min(length, 200)) })
}

/** `from_json`: the fields of a schema, out of text. Malformed text gives nulls, or an error in FAILFAST mode. */
export const compileFromJson = (cg: CodeBuilder, child: Value, node: Extract<Bound, { kind: 'fromJson' }>): Value => {
  if (node.type.kind !== 'struct') throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'from_json to a type other than a struct' })
  const options = readFromJsonOptions(node.options)
  const corrupt = node.type.fields.findIndex(f => f.name === options.corruptColumn)
  const scanned: StructType = structType(node.type.fields.filter((_, i) => i !== corrupt))
  const scanner = new JsonScanner(scanned, options)
  const bytes = asBytes(cg, child)
  const s = cg.constant(scanner, 'json')
  const status = scalarUnlessNull(cg, { kind: 'integer' }, [child], `${s}.scan(${bytes.buffer}, ${bytes.offset}, ${bytes.length})`)
  const code = scalarCode(status)
  if (options.failsFast) {
    cg.line(`if (${code} > ${ABSENT}) ${cg.constant(failMalformed)}(${bytes.buffer}, ${bytes.offset}, ${bytes.length})`)
  }
  const isNull = cg.fresh('nul')
  cg.line(`const ${isNull} = ${status.isNull === 'false' ? '' : `${status.isNull} || `}${code} === ${ABSENT}`)
  const fields = scanned.fields.map((_, i) => slotValue(cg, s, scanner.shapes[i], isNull))
  if (corrupt >= 0) {
    const isClean = cg.fresh('nul')
    cg.line(`const ${isClean} = ${isNull} || ${code} === ${PARSED}`)
    fields.splice(corrupt, 0, { ...bytes, isNull: isClean })
  }
  return { form: 'struct', type: node.type, isNull, fields }
}

/** Reads a slot into locals: a later call of the scanner overwrites it. */
export const slotValue = (cg: CodeBuilder, s: string, shape: JsonShape, outerNull: string): Value => {
  const { index, type } = shape.slot
  const isNull = cg.fresh('nul')
  cg.line(`const ${isNull} = ${outerNull} || ${s}.present[${index}] !== 1`)
  if (shape.kind === 'struct') return { form: 'struct', type, isNull, fields: shape.fields.map(f => slotValue(cg, s, f, isNull)) }
  const value = cg.fresh('v')
  switch (type.kind) {
    case 'string':
    case 'binary': {
      const [offset, length] = [cg.fresh('o'), cg.fresh('l')]
      cg.line(
        `const ${value} = ${s}.buffers[${index}], ${offset} = ${s}.offsets[${index}], ${length} = ${isNull} ? 0 : ${s}.lengths[${index}]`,
      )
      return { form: 'bytes', type, isNull, buffer: value, offset, length }
    }
    case 'long':
      cg.line(`const ${value} = ${isNull} ? ${zeroLong(cg)} : ${s}.longs[${index}]`)
      break
    case 'decimal':
      cg.line(`const ${value} = ${isNull} ? 0n : ${s}.bigs[${index}]`)
      break
    case 'boolean':
      cg.line(`const ${value} = !${isNull} && ${s}.numbers[${index}] === 1`)
      break
    case 'byte':
      cg.line(`const ${value} = ${isNull} ? 0 : (${s}.numbers[${index}] << 24) >> 24`)
      break
    case 'short':
    case 'integer':
    case 'date':
      cg.line(`const ${value} = ${isNull} ? 0 : ${s}.numbers[${index}] | 0`)
      break
    default:
      cg.line(`const ${value} = ${isNull} ? 0 : ${s}.numbers[${index}]`)
  }
  return { form: 'scalar', type, isNull, code: value }
}
