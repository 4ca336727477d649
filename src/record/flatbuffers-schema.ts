import type { Views } from 'native-free-buffers'
import { type StructType, typeName } from './data-type.ts'
import { type Leaf, RowLayout } from './row-layout.ts'

/**
 * The schema of our records in FlatBuffers' own language: code that `flatc` makes of it reads what `standalone` gives. Structs stand
 * flattened, as `window_start`; a field that may be null is optional, so generated code gives null for it. The comment behind a field names
 * its type and path.
 */
export const toFbs = (schema: StructType, table = 'Row'): string => {
  const { leaves } = RowLayout.of(schema)
  const names = fieldNames(leaves)
  const isWide = (leaf: Leaf): boolean => leaf.type.kind === 'decimal' && leaf.type.precision > 18
  const fields = leaves.map((leaf, i) => {
    const what = leaf.presence ? 'true when the struct is there' : typeName(leaf.type)
    return `  ${names[i]}:${fbsType(leaf)}${attribute(leaf)}; // ${leaf.path.map(part => JSON.stringify(part)).join('.')} ${what}`
  })
  const wide = leaves.some(isWide)
    ? ["/// A two's complement integer of 128 bits.", 'struct Int128 {', '  low:ulong;', '  high:long;', '}', '']
    : []
  return [...wide, `table ${table} {`, ...fields, '}', '', `root_type ${table};`, ''].join('\n')
}

/**
 * A FlatBuffer of its own of one record: root offset, vtable and table, 8-byte aligned. What leaves the engine as a FlatBuffer must be
 * this: a record on a ring may use a vtable that stands elsewhere.
 */
export const standalone = (views: Views, p: number, layout: RowLayout): Uint8Array => {
  const length = views.i32[(p >> 2) - 4] & 0xffffff
  const hasOwnVtable = views.i32[p >> 2] === -layout.ownVtableOffset
  const vtableBytes = hasOwnVtable ? 0 : layout.vtable.length
  // The root offset, then the vtable, then the table at a multiple of 8.
  const table = (4 + vtableBytes + 7) & ~7
  const bytes = new Uint8Array((table + length + 7) & ~7)
  bytes.set(views.u8.subarray(p, p + length), table)
  const words = new Int32Array(bytes.buffer)
  words[0] = table
  if (!hasOwnVtable) {
    bytes.set(layout.vtable, table - vtableBytes)
    words[table >> 2] = vtableBytes
  }
  return bytes
}

/** Names that the FlatBuffers language takes: paths joined by `_`, made unique in case they clash. */
const fieldNames = (leaves: readonly Leaf[]): string[] => {
  const taken = new Set<string>(KEYWORDS)
  return leaves.map(leaf => {
    const joined = [...leaf.path, ...(leaf.presence ? ['is_there'] : [])].join('_').replace(/[^A-Za-z0-9_]/g, '_')
    const name = /^[A-Za-z_]/.test(joined) ? joined : `_${joined}`
    let unique = name
    for (let i = 2; taken.has(unique); i++) unique = `${name}_${i}`
    taken.add(unique)
    return unique
  })
}

const KEYWORDS =
  'bool byte ubyte int8 uint8 short ushort int16 uint16 int uint int32 uint32 float float32 long ulong int64 uint64 double float64 string table struct enum union namespace include attribute root_type rpc_service file_identifier file_extension native_include true false null'.split(
    ' ',
  )

const fbsType = ({ type }: Leaf): string => {
  switch (type.kind) {
    case 'null':
    case 'boolean':
      return 'bool'
    case 'integer':
    case 'date':
      return 'int'
    case 'long':
    case 'timestamp':
      return 'long'
    case 'decimal':
      return type.precision > 18 ? 'Int128' : 'long'
    case 'binary':
    case 'array':
    case 'map':
      return '[ubyte]'
    case 'struct':
      throw new Error('a struct is flattened')
    default:
      return type.kind
  }
}

/** Scalars are optional by `= null`, everything else by nature. */
const attribute = (leaf: Leaf): string => {
  const type = fbsType(leaf)
  const isScalar = type !== 'string' && type !== '[ubyte]' && type !== 'Int128'
  if (leaf.nullable) return isScalar ? ' = null' : ''
  return isScalar ? '' : ' (required)'
}
