import type { DataType, StructType } from '../record/data-type.ts'
import { dateDays, decimalUnscaled, refuseNull, refuseValue, timestampMicros } from '../record/user-value.ts'
import { cachedAccessor } from './cached-accessor.ts'
import type { CodeBuilder } from './code-builder.ts'
import { emitLongOfBigint, emitLongOfNumber, zeroLong } from './long-words.ts'
import type { RowAccessor, Value } from './value.ts'

/**
 * Reads the columns of a plain JS object in place, checking the type of each. Missing and undefined count as null. `object` names the row.
 * The code throws VALUE_TYPE_MISMATCH and NULL_IN_NON_NULLABLE.
 */
export const objectAccessor = (cg: CodeBuilder, schema: StructType, object: string): RowAccessor => {
  cg.line(`if (typeof ${object} !== 'object' || ${object} === null) ${cg.constant(refuseValue)}('*', ${object}, ${cg.constant(schema)})`)
  return cachedAccessor(cg, ordinal => {
    const { name, type, nullable } = schema.fields[ordinal]
    return readField(cg, property(object, name), name, type, nullable)
  })
}

/** A column named like something that every object inherits must be the object's own. */
const property = (object: string, name: string): string => {
  const read = `${object}[${JSON.stringify(name)}]`
  return name in Object.prototype ? `Object.hasOwn(${object}, ${JSON.stringify(name)}) ? ${read} : undefined` : read
}

/**
 * The value of one field of one object. `path` is how errors name it. Also used for what a user function returns. `outerNull` says when the
 * struct around it is null: then so is the field, whatever its own promise.
 */
export const readField = (cg: CodeBuilder, source: string, path: string, type: DataType, nullable: boolean, outerNull = 'false'): Value => {
  const raw = cg.fresh('raw')
  cg.line(`const ${raw} = ${source}`)
  const nullTest = `${raw} === null || ${raw} === undefined`
  const refuse = `${cg.constant(refuseValue)}(${JSON.stringify(path)}, ${raw}, ${cg.constant(type)})`
  let isNull = outerNull
  if (nullable) {
    isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${nullTest}`)
  } else {
    const there = outerNull === 'false' ? `(${nullTest})` : `!${outerNull} && (${nullTest})`
    cg.line(`if (${there}) ${cg.constant(refuseNull)}(${JSON.stringify(path)})`)
  }
  const ifThere = (code: string, otherwise: string): string => (isNull === 'false' ? code : `${isNull} ? ${otherwise} : ${code}`)
  const local = cg.fresh('v')
  const scalar = (code: string): Value => {
    cg.line(`const ${local} = ${code}`)
    return { form: 'scalar', type, isNull, code: local }
  }
  const convert = (fn: unknown, otherwise: string): Value =>
    scalar(ifThere(`${cg.constant(fn)}(${raw}, ${JSON.stringify(path)}, ${cg.constant(type)})`, otherwise))
  switch (type.kind) {
    case 'null':
      return { form: 'scalar', type, isNull: 'true', code: '0' }
    case 'boolean':
      return scalar(ifThere(`typeof ${raw} === 'boolean' ? ${raw} : ${refuse}`, 'false'))
    case 'byte':
      return scalar(ifThere(`typeof ${raw} === 'number' && ${raw} << 24 >> 24 === ${raw} ? ${raw} | 0 : ${refuse}`, '0'))
    case 'short':
      return scalar(ifThere(`typeof ${raw} === 'number' && ${raw} << 16 >> 16 === ${raw} ? ${raw} | 0 : ${refuse}`, '0'))
    case 'integer':
      return scalar(ifThere(`typeof ${raw} === 'number' && (${raw} | 0) === ${raw} ? ${raw} | 0 : ${refuse}`, '0'))
    case 'long': {
      cg.line(`let ${local} = ${zeroLong(cg)}`)
      cg.open(`if (typeof ${raw} === 'number' && Number.isSafeInteger(${raw})) {`)
      cg.line(`${local} = ${emitLongOfNumber(cg, raw)}`)
      cg.close(`} else if (typeof ${raw} === 'bigint' && BigInt.asIntN(64, ${raw}) === ${raw}) {`)
      cg.line(`${local} = ${emitLongOfBigint(cg, raw)}`)
      cg.close(isNull === 'false' ? '} else {' : `} else if (!${isNull}) {`)
      cg.line(refuse)
      cg.close()
      return { form: 'scalar', type, isNull, code: local }
    }
    case 'float':
      return scalar(ifThere(`typeof ${raw} === 'number' ? Math.fround(${raw}) : ${refuse}`, '0'))
    case 'double':
      return scalar(ifThere(`typeof ${raw} === 'number' ? ${raw} : ${refuse}`, '0'))
    case 'decimal':
      return convert(decimalUnscaled, '0n')
    case 'date':
      return convert(dateDays, '0')
    case 'timestamp':
      return convert(timestampMicros, '0')
    case 'string':
      cg.line(`const ${local} = ${ifThere(`typeof ${raw} === 'string' ? ${raw} : ${refuse}`, "''")}`)
      return { form: 'text', type, isNull, code: local }
    case 'binary':
    case 'array':
    case 'map':
      cg.line(`const ${local} = ${ifThere(`${raw} instanceof Uint8Array ? ${raw} : ${refuse}`, cg.constant(NOTHING))}`)
      return { form: 'bytes', type, isNull, buffer: local, offset: '0', length: `${local}.length` }
    case 'struct': {
      cg.line(`const ${local} = ${ifThere(`typeof ${raw} === 'object' ? ${raw} : ${refuse}`, cg.constant({}))}`)
      const fields = type.fields.map(f => readField(cg, property(local, f.name), `${path}.${f.name}`, f.type, f.nullable, isNull))
      return { form: 'struct', type, isNull, fields }
    }
  }
}

const NOTHING = new Uint8Array(0)
