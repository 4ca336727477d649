import { readFileSync } from 'node:fs'
import type { Expression } from '../../../src/expression/expression.ts'
import type { UserRow } from '../../../src/expression/object-codec.ts'
import { parseType } from '../../../src/expression/parse-type.ts'
import { type DataType, field, type StructType, structType } from '../../../src/record/data-type.ts'
import { decimalText } from '../../../src/record/user-value.ts'

/** The golden files that generate.py writes; their format is described there. */
export interface GoldenCase {
  readonly name: string
  readonly sql: string
  readonly expression: unknown
  readonly schema: readonly (readonly [string, string, boolean])[]
  readonly rows: readonly (readonly unknown[])[]
  readonly answers: readonly unknown[]
  readonly resultType: string
  readonly analysisError?: string
}

export const readGolden = (file: string): readonly GoldenCase[] =>
  (JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { cases: GoldenCase[] }).cases

export const goldenSchema = (golden: GoldenCase): StructType =>
  structType(golden.schema.map(([name, type, nullable]) => field(name, parseType(type), nullable)))

/** What a wrapped value stands for: {"$bigint"}, {"$binary"}, {"$double"}. */
const unwrap = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if ('$bigint' in value) return BigInt(String(value.$bigint))
  if ('$binary' in value) return new Uint8Array(Buffer.from(String(value.$binary), 'base64'))
  if ('$double' in value) return value.$double === '-0' ? -0 : Number(value.$double)
  return undefined
}

export const decodeExpression = (json: unknown): Expression => decode(json) as Expression

const decode = (json: unknown): unknown => {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(decode)
  return unwrap(json) ?? Object.fromEntries(Object.entries(json).map(([key, value]) => [key, decode(value)]))
}

/** A row of a golden file as a user would hand it to the engine. */
export const userRow = (row: readonly unknown[], schema: StructType): UserRow =>
  Object.fromEntries(schema.fields.map((f, i) => [f.name, userValue(row[i], f.type)]))

const userValue = (value: unknown, type: DataType): unknown => {
  if (value === null) return null
  if (type.kind === 'timestamp') {
    const millis = Number(value) / 1000
    if (Math.round(millis * 1000) !== value) throw new Error(`${value} is no timestamp that millis can hold`)
    return millis
  }
  if (type.kind === 'struct') return Object.fromEntries(type.fields.map(f => [f.name, userValue((value as UserRow)[f.name], f.type)]))
  return typeof value === 'object' ? unwrap(value) : value
}

/** A value as generated code holds it, in the form of a golden file. */
export const goldenValue = (value: unknown, type: DataType): unknown => {
  if (value === null) return null
  switch (type.kind) {
    case 'long': {
      const long = value as bigint
      return Number.isSafeInteger(Number(long)) ? Number(long) : { $bigint: String(long) }
    }
    case 'decimal':
      return decimalText(value as bigint, type.scale)
    case 'timestamp':
      return Number.isSafeInteger(value) ? (value as number) + 0 : { $bigint: String(BigInt(value as number)) }
    case 'float':
    case 'double':
      if (Object.is(value, -0)) return { $double: '-0' }
      return Number.isFinite(value) ? value : { $double: String(value) }
    case 'binary':
      return { $binary: Buffer.from(value as Uint8Array).toString('base64') }
    case 'struct':
      return Object.fromEntries(type.fields.map((f, i) => [f.name, goldenValue((value as unknown[])[i], f.type)]))
    default:
      return value
  }
}
