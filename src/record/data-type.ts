/** Column types under Spark's JSON names. Plain data: a type crosses threads and stands in checkpoints as it is. */
export type DataType =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'byte' }
  | { readonly kind: 'short' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'long' }
  | { readonly kind: 'float' }
  | { readonly kind: 'double' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'string' }
  | { readonly kind: 'binary' }
  | { readonly kind: 'date' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'array'; readonly element: DataType; readonly containsNull: boolean }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: DataType; readonly valueContainsNull: boolean }
  | StructType

/** A row's shape, and the type of a nested record. */
export interface StructType {
  readonly kind: 'struct'
  readonly fields: readonly Field[]
}

/** One named column. `nullable: false` is a promise: readers of the column never test for null. */
export interface Field {
  readonly name: string
  readonly type: DataType
  readonly nullable: boolean
}

export const nullType: DataType = { kind: 'null' }
export const booleanType: DataType = { kind: 'boolean' }
export const integerType: DataType = { kind: 'integer' }
export const longType: DataType = { kind: 'long' }
export const doubleType: DataType = { kind: 'double' }
export const stringType: DataType = { kind: 'string' }
export const binaryType: DataType = { kind: 'binary' }
export const timestampType: DataType = { kind: 'timestamp' }

export const decimalType = (precision: number, scale: number): DataType => ({ kind: 'decimal', precision, scale })

export const structType = (fields: readonly Field[]): StructType => ({ kind: 'struct', fields })

export const field = (name: string, type: DataType, nullable = true): Field => ({ name, type, nullable })

/** The same fields, each nullable at every depth: what is read from text may always be missing. */
export const allNullable = ({ fields }: StructType): StructType =>
  structType(fields.map(f => field(f.name, f.type.kind === 'struct' ? allNullable(f.type) : f.type)))

/** The type of a column made by `window(…)`. */
export const windowType: StructType = structType([field('start', timestampType), field('end', timestampType)])

/** The name that Spark prints: `bigint`, `decimal(10,2)`, `struct<start:timestamp,end:timestamp>`. */
export const typeName = (type: DataType): string => {
  switch (type.kind) {
    case 'null':
      return 'void'
    case 'byte':
      return 'tinyint'
    case 'short':
      return 'smallint'
    case 'integer':
      return 'int'
    case 'long':
      return 'bigint'
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'array':
      return `array<${typeName(type.element)}>`
    case 'map':
      return `map<${typeName(type.key)},${typeName(type.value)}>`
    case 'struct':
      return `struct<${type.fields.map(f => `${f.name}:${typeName(f.type)}`).join(',')}>`
    default:
      return type.kind
  }
}

/** True when two types are the same; nullability of nested fields is not looked at. */
export const sameType = (left: DataType, right: DataType): boolean => typeName(left) === typeName(right)
