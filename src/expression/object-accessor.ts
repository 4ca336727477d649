import type { DataType, StructType } from '../record/data-type.ts'
import { dateDays, decimalUnscaled, refuseNull, refuseValue, timestampMicros } from '../record/user-value.ts'
import { cachedAccessor } from './cached-accessor.ts'
import type { CodeBuilder } from './code-builder.ts'
import type { RowAccessor, Value } from './value.ts'

/** Reads the columns of a plain JS object in place, checking the type of each. Missing and undefined count as null. `object` names the row. */
export const objectAccessor = (cg: CodeBuilder, schema: StructType, object: string): RowAccessor =>
  cachedAccessor(cg, ordinal => {
    const { name, type, nullable } = schema.fields[ordinal]
    return readField(cg, `${object}[${JSON.stringify(name)}]`, name, type, nullable)
  })

/** Longs become bigints through memory: a bigint made by `BigInt(n)` would be allocated. */
const words = new Int32Array(2)
const long = new BigInt64Array(words.buffer)

/** The value of one field of one object. `path` is how errors name it. Also used for what a user function returns. */
export const readField = (cg: CodeBuilder, source: string, path: string, type: DataType, nullable: boolean): Value => {
  const raw = cg.fresh('raw')
  cg.line(`const ${raw} = ${source}`)
  const nullTest = `${raw} === null || ${raw} === undefined`
  const refuse = `${cg.constant(refuseValue)}(${JSON.stringify(path)}, ${raw}, ${cg.constant(type)})`
  let isNull = 'false'
  if (nullable) {
    isNull = cg.fresh('nul')
    cg.line(`const ${isNull} = ${nullTest}`)
  } else {
    cg.line(`if (${nullTest}) ${cg.constant(refuseNull)}(${JSON.stringify(path)})`)
  }
  const ifThere = (code: string, otherwise: string): string => (nullable ? `${isNull} ? ${otherwise} : ${code}` : code)
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
      return scalar(ifThere(`${raw} << 24 >> 24 === ${raw} ? ${raw} : ${refuse}`, '0'))
    case 'short':
      return scalar(ifThere(`${raw} << 16 >> 16 === ${raw} ? ${raw} : ${refuse}`, '0'))
    case 'integer':
      return scalar(ifThere(`(${raw} | 0) === ${raw} ? ${raw} : ${refuse}`, '0'))
    case 'long': {
      const [w, l] = [cg.constant(words), cg.constant(long)]
      cg.open(`if (typeof ${raw} === 'number' && Number.isSafeInteger(${raw})) {`)
      cg.line(`const hi = Math.floor(${raw} / 4294967296)`)
      cg.line(`${w}[1] = hi; ${w}[0] = ${raw} - hi * 4294967296 | 0`)
      cg.close(`} else if (typeof ${raw} === 'bigint' && BigInt.asIntN(64, ${raw}) === ${raw}) {`)
      cg.line(`${l}[0] = ${raw}`)
      cg.close(nullable ? `} else if (${isNull}) {` : '} else {')
      cg.line(nullable ? `${l}[0] = 0n` : refuse)
      if (nullable) {
        cg.close('} else {')
        cg.line(refuse)
      }
      cg.close()
      return scalar(`${l}[0]`)
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
      // A field of a null struct is null, whatever its own promise.
      const fields = type.fields.map(f => readField(cg, `${local}[${JSON.stringify(f.name)}]`, `${path}.${f.name}`, f.type, f.nullable || nullable))
      return { form: 'struct', type, isNull, fields }
    }
  }
}

const NOTHING = new Uint8Array(0)
