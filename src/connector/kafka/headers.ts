import { binaryType, type DataType, field, stringType, structType } from '../../record/data-type.ts'

/**
 * The column `headers`: typed as Spark has it, and held as Kafka itself writes headers in a record, so that on their way through they
 * are copied and never taken apart. All numbers are zigzag varints:
 *
 *   count, then for each: length of the name · name in UTF-8 · length of the value (−1: null) · value
 */
export const headersType: DataType = {
  kind: 'array',
  element: structType([field('key', stringType, false), field('value', binaryType)]),
  containsNull: false,
}

/** A header of a Kafka record. */
export interface KafkaHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** The headers that the column's bytes mean. Throws RangeError for other bytes. */
export const decodeKafkaHeaders = (bytes: Uint8Array): KafkaHeader[] => {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= bytes.length) break
      const byte = bytes[at++]
      value |= (byte & 127) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    throw new RangeError('headers that end too early')
  }
  const run = (length: number): Uint8Array => {
    if (length < 0 || at + length > bytes.length) throw new RangeError('a header that ends behind its record')
    at += length
    // Not `slice`: a Buffer's copies nothing.
    return new Uint8Array(bytes.subarray(at - length, at))
  }
  const headers: KafkaHeader[] = []
  for (let left = varint(); left > 0; left--) {
    const key = new TextDecoder().decode(run(varint()))
    const length = varint()
    headers.push({ key, value: length === -1 ? null : run(length) })
  }
  return headers
}

/** The bytes of the column `headers`. */
export const encodeKafkaHeaders = (
  headers: readonly { readonly key: string; readonly value: Uint8Array | string | null }[],
): Uint8Array => {
  const bytes: number[] = []
  const varint = (value: number): void => {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
    bytes.push(rest)
  }
  const run = (part: Uint8Array): void => {
    varint(part.length)
    for (const byte of part) bytes.push(byte)
  }
  const encoder = new TextEncoder()
  varint(headers.length)
  for (const { key, value } of headers) {
    run(encoder.encode(key))
    if (value === null) varint(-1)
    else run(typeof value === 'string' ? encoder.encode(value) : value)
  }
  return Uint8Array.from(bytes)
}
