import type { DataType } from '../record/data-type.ts'

/**
 * Grouping keys in one canonical form, so that equal keys are equal bytes and the bytes can be read back:
 *
 *   null bits, one a leaf, in as many times 8 bytes as they need, if any leaf is nullable
 *   8 bytes a leaf: int32 and boolean extended to int64 by sign; int64; double (−0 as 0, one NaN); timestamp as double micros;
 *     decimals as int64, above 18 digits as two slots; strings and binaries as u32 offset from the key's start and u32 length
 *   the bytes of strings and binaries in turn, the whole padded with zeros to 8
 *
 * A null leaf has a zero slot.
 */
export interface KeyColumn {
  readonly type: DataType
  readonly nullable: boolean
}

export interface KeyLeaf {
  readonly type: DataType
  readonly nullable: boolean
  /** Byte offset of its slot. */
  readonly offset: number
  /** Its bit among the null bits. */
  readonly bit: number
}

export type KeyShape =
  | { readonly kind: 'leaf'; readonly leaf: KeyLeaf }
  | { readonly kind: 'struct'; readonly type: DataType; readonly presence: KeyLeaf | null; readonly fields: readonly KeyShape[] }

export interface KeyLayout {
  readonly columns: readonly KeyShape[]
  readonly leaves: readonly KeyLeaf[]
  /** How many int32 words of null bits there are; 0 if no leaf is nullable. */
  readonly nullWords: number
  readonly fixedBytes: number
  readonly isFixed: boolean
}

/** Lays the key columns out. Pure: a checkpoint's keys are read by it. */
export const layoutKey = (columns: readonly KeyColumn[]): KeyLayout => {
  const nullWords = columns.some(anyNullable) ? 2 * Math.ceil(columns.reduce((sum, column) => sum + leafCount(column), 0) / 64) : 0
  const leaves: KeyLeaf[] = []
  let offset = 4 * nullWords
  const add = (type: DataType, nullable: boolean): KeyLeaf => {
    const leaf = { type, nullable, offset, bit: leaves.length }
    leaves.push(leaf)
    offset += type.kind === 'decimal' && type.precision > 18 ? 16 : 8
    return leaf
  }
  const shape = ({ type, nullable }: KeyColumn): KeyShape => {
    if (type.kind !== 'struct') return { kind: 'leaf', leaf: add(type, nullable) }
    const presence = nullable ? add({ kind: 'boolean' }, true) : null
    return { kind: 'struct', type, presence, fields: type.fields.map(f => shape({ type: f.type, nullable: f.nullable || nullable })) }
  }
  const shapes = columns.map(shape)
  return { columns: shapes, leaves, nullWords, fixedBytes: offset, isFixed: !leaves.some(leaf => isBytes(leaf.type)) }
}

export const isBytes = (type: DataType): boolean =>
  type.kind === 'string' || type.kind === 'binary' || type.kind === 'array' || type.kind === 'map'

const anyNullable = ({ type, nullable }: KeyColumn): boolean => nullable || (type.kind === 'struct' && type.fields.some(anyNullable))

const leafCount = ({ type, nullable }: KeyColumn): number =>
  type.kind === 'struct'
    ? type.fields.reduce((sum, f) => sum + leafCount({ type: f.type, nullable: f.nullable || nullable }), nullable ? 1 : 0)
    : 1
