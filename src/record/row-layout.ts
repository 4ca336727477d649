import { EngineError } from '../base/errors.ts'
import type { DataType, StructType } from './data-type.ts'

/** One slot of a record: a scalar column, a field of a struct column, or the presence of a nullable struct. */
export interface Leaf {
  /** Field names from the top; `['w', 'start']`. */
  readonly path: readonly string[]
  /** The top-level column that it belongs to. */
  readonly ordinal: number
  readonly type: DataType
  readonly nullable: boolean
  /** True for the slot that says whether a nullable struct is there. */
  readonly presence: boolean
  /** Byte offset of the slot in the table. */
  readonly offset: number
  /** Its place among the vtable's entries. */
  readonly index: number
}

/** How a column is made of leaves: one, or one per field and perhaps a presence. */
export type ColumnShape =
  | { readonly kind: 'leaf'; readonly leaf: Leaf }
  | { readonly kind: 'struct'; readonly type: StructType; readonly presence: Leaf | null; readonly fields: readonly ColumnShape[] }

/**
 * Where everything stands in a record: a FlatBuffers table in which every slot is always reserved, so that offsets are constants.
 *
 *   0  i32 soffset: distance from the vtable to the table
 *   4  slots, the 8-byte ones aligned; strings and binaries are u32 offsets to `u32 length · bytes · 0`
 *      the record's own vtable, if a value is null, at `ownVtableOffset`
 *      variable bytes from `fixedBytes` on
 *
 * A null zeroes the vtable entry of its leaf; a record without nulls points to the vtable that all records of a buffer share. Structs are
 * flattened.
 */
export class RowLayout {
  static readonly #known = new Map<string, RowLayout>()

  /** The layout of a schema; the same object for the same schema. */
  static of(schema: StructType): RowLayout {
    const signature = JSON.stringify(schema)
    let layout = RowLayout.#known.get(signature)
    if (layout === undefined) {
      layout = new RowLayout(schema)
      RowLayout.#known.set(signature, layout)
    }
    return layout
  }

  readonly schema: StructType
  readonly leaves: readonly Leaf[]
  readonly columns: readonly ColumnShape[]
  /** The vtable of a record without nulls. */
  readonly vtable: Uint8Array
  /** The same memory as words, which are copied sooner. */
  readonly vtableWords: Int32Array
  readonly tableBytes: number
  readonly ownVtableOffset: number
  /** Where variable bytes begin when the record brings no vtable: all that a record without strings and nulls takes. */
  readonly fixedBytes: number
  /** The same with a vtable of its own. */
  readonly fixedBytesWithVtable: number

  private constructor(schema: StructType) {
    this.schema = schema
    const leaves: { -readonly [K in keyof Leaf]: Leaf[K] }[] = []
    const shape = (type: DataType, nullable: boolean, path: readonly string[], ordinal: number): ColumnShape => {
      const add = (leafType: DataType, leafNullable: boolean, presence: boolean): Leaf => {
        const leaf = { path, ordinal, type: leafType, nullable: leafNullable, presence, offset: 0, index: leaves.length }
        leaves.push(leaf)
        return leaf
      }
      if (type.kind !== 'struct') return { kind: 'leaf', leaf: add(type, nullable, false) }
      const presence = nullable ? add({ kind: 'boolean' }, true, true) : null
      const fields = type.fields.map(f => shape(f.type, f.nullable || nullable, [...path, f.name], ordinal))
      return { kind: 'struct', type, presence, fields }
    }
    this.columns = schema.fields.map((f, ordinal) => shape(f.type, f.nullable, [f.name], ordinal))
    // Four-byte slots first, one of them beside the soffset; then eight-byte ones, then the small.
    let offset = 4
    const bySize = (size: number): void => {
      for (const leaf of leaves) {
        if (slotBytes(leaf.type) !== size) continue
        offset = (offset + Math.min(size, 8) - 1) & ~(Math.min(size, 8) - 1)
        leaf.offset = offset
        offset += size
      }
    }
    for (const size of [4, 8, 16, 2, 1]) bySize(size)
    this.leaves = leaves
    this.tableBytes = (offset + 3) & ~3
    // FlatBuffers counts a table's offsets in 16 bits.
    if (this.tableBytes > 0xffff)
      throw new EngineError('UNSUPPORTED_OPERATION', { operation: `a row of ${leaves.length} columns, which takes more than 64 KB` })
    const vtableBytes = 4 + 2 * leaves.length
    this.vtable = new Uint8Array((vtableBytes + 3) & ~3)
    this.vtableWords = new Int32Array(this.vtable.buffer)
    const view = new DataView(this.vtable.buffer)
    view.setUint16(0, vtableBytes, true)
    view.setUint16(2, this.tableBytes, true)
    for (const leaf of leaves) view.setUint16(4 + 2 * leaf.index, leaf.offset, true)
    this.ownVtableOffset = this.tableBytes
    this.fixedBytes = this.tableBytes
    this.fixedBytesWithVtable = this.tableBytes + this.vtable.length
  }

  /** Indexes of the leaves that one top-level column is made of; the presence of a nullable struct comes first. */
  leavesOf(ordinal: number): readonly number[] {
    return leavesIn(this.columns[ordinal])
  }

  /** The leaf at a path of field names; undefined if there is none. A nullable struct's own path names its presence. */
  leafAt(...path: readonly string[]): Leaf | undefined {
    return this.leaves.find(leaf => leaf.path.length === path.length && leaf.path.every((name, i) => name === path[i]))
  }
}

const leavesIn = (shape: ColumnShape): number[] =>
  shape.kind === 'leaf'
    ? [shape.leaf.index]
    : [...(shape.presence === null ? [] : [shape.presence.index]), ...shape.fields.flatMap(leavesIn)]

/** Strings, binaries and whatever is kept as an opaque run of bytes. */
export const isVariable = (type: DataType): boolean =>
  type.kind === 'string' || type.kind === 'binary' || type.kind === 'array' || type.kind === 'map'

const slotBytes = (type: DataType): number => {
  switch (type.kind) {
    case 'null':
    case 'boolean':
    case 'byte':
      return 1
    case 'short':
      return 2
    case 'integer':
    case 'date':
    case 'float':
    case 'string':
    case 'binary':
    case 'array':
    case 'map':
      return 4
    case 'long':
    case 'double':
    case 'timestamp':
      return 8
    case 'decimal':
      return type.precision > 18 ? 16 : 8
    case 'struct':
      throw new Error('a struct is flattened before it gets a slot')
  }
}
