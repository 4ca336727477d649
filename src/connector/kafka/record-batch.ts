import { gunzipSync, gzipSync } from 'node:zlib'
import { EngineError } from '../../base/errors.ts'
import { copyBytes } from '../../record/strings.ts'
import { crc32c } from './crc32c.ts'
import { snappyDecode, snappyEncode } from './snappy.ts'

/**
 * Kafka's record batch, version 2. Big-endian; varints are zigzag.
 *
 *    0 i64 base offset · 8 i32 length of what follows · 12 i32 leader epoch · 16 i8 magic 2 · 17 u32 CRC-32C of all from 21 on
 *   21 i16 attributes: compression (3 bits), timestamp type, transactional, control · 23 i32 last offset delta
 *   27 i64 base timestamp, ms · 35 i64 max timestamp
 *   43 i64 producer id · 51 i16 epoch · 53 i32 base sequence · 57 i32 record count · 61 records, compressed together
 *
 * A record: varint length · i8 attributes · varlong timestamp delta · varint offset delta · varint key length (−1: null) · key · varint
 * value length · value · varint header count · headers
 */
const HEADER_BYTES = 61
const CRC_FROM = 21

export type Compression = 'none' | 'gzip' | 'snappy'
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** An aborted transaction that a fetch response tells of. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4)

/**
 * Walks over the records of one fetched partition. After `next()` is true the fields describe one record; its key and value stand in
 * `bytes`. Nothing is allocated per record. Records below `from` (a batch is fetched whole) and those of aborted transactions are left out.
 */
export class RecordCursor {
  /** Memory that key and value of the record at hand stand in. */
  bytes: Buffer
  offset = 0
  timestampMillis = 0
  /** 0: the time that the producer gave; 1: that of the broker. */
  timestampType = 0
  keyOffset = 0
  /** −1: null. */
  keyLength = -1
  valueOffset = 0
  valueLength = -1
  /** The headers as they stand in the record, their count first; see `headers.ts`. */
  headersOffset = 0
  headersLength = 0
  headerCount = 0
  /** Everything below has been walked over, or holds nothing: what to read next. */
  position: number
  readonly #source: Buffer
  readonly #aborted: AbortedTransaction[]
  readonly #abortedNow = new Set<bigint>()
  readonly #name: string
  #batchAt = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #lastOffset = 0
  #recordsLeft = 0
  #at = 0
  #recordAt = 0
  #end = 0

  /** `aborted` is empty for a reader of uncommitted records. `name` is for errors. */
  constructor(source: Buffer, from: number, aborted: readonly AbortedTransaction[], name: string) {
    this.#source = source
    this.bytes = source
    this.position = from
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
    this.#name = name
  }

  /** Steps to the next record. Throws KAFKA_BAD_DATA and KAFKA_UNSUPPORTED_CODEC. */
  next(): boolean {
    for (;;) {
      while (this.#recordsLeft > 0) {
        this.#recordsLeft--
        this.#record()
        if (this.offset < this.position) continue
        this.position = this.offset + 1
        return true
      }
      if (this.#batchAt > 0 && this.#lastOffset + 1 > this.position) this.position = this.#lastOffset + 1
      if (!this.#batch()) return false
    }
  }

  /** Makes the record at hand the next again. */
  back(): void {
    this.#at = this.#recordAt
    this.#recordsLeft++
    this.position = this.offset
  }

  /** Opens the next batch that has records. False at the end, and at a batch that was cut off by the fetch's limit. */
  #batch(): boolean {
    const source = this.#source
    for (;;) {
      const at = this.#batchAt
      if (at + HEADER_BYTES > source.length) return false
      const end = at + 12 + source.readInt32BE(at + 8)
      if (end > source.length) return false
      if (end < at + HEADER_BYTES) throw this.#bad(`a batch of ${end - at} bytes`)
      const magic = source[at + 16]
      if (magic !== 2) throw this.#bad(`record format ${magic}; only 2, which Kafka writes since 0.11, can be read`)
      if (crc32c(source, at + CRC_FROM, end) !== source.readUInt32BE(at + 17)) throw this.#bad('a checksum that does not fit')
      this.#batchAt = end
      this.#baseOffset = int64(source, at)
      this.#lastOffset = this.#baseOffset + source.readInt32BE(at + 23)
      const attributes = source.readInt16BE(at + 21)
      const producerId = source.readBigInt64BE(at + 43)
      if (this.#isHidden(attributes, producerId, at)) {
        this.position = Math.max(this.position, this.#lastOffset + 1)
        continue
      }
      if (this.#lastOffset < this.position) continue
      this.#baseTimestamp = int64(source, at + 27)
      this.#maxTimestamp = int64(source, at + 35)
      this.timestampType = (attributes >> 3) & 1
      this.#recordsLeft = source.readInt32BE(at + 57)
      const codec = attributes & 7
      if (codec === 0) {
        this.bytes = source
        this.#at = at + HEADER_BYTES
        this.#end = end
      } else {
        this.bytes = this.#decompress(codec, source.subarray(at + HEADER_BYTES, end))
        this.#at = 0
        this.#end = this.bytes.length
      }
      return true
    }
  }

  /** Control batches are never delivered; what an aborted transaction wrote is not until its marker. */
  #isHidden(attributes: number, producerId: bigint, at: number): boolean {
    const isControl = (attributes & 32) !== 0
    const isTransactional = (attributes & 16) !== 0
    while (this.#aborted.length > 0 && this.#aborted[0].firstOffset <= this.#lastOffset) {
      const first = this.#aborted.shift()
      if (first !== undefined) this.#abortedNow.add(first.producerId)
    }
    if (!isControl) return isTransactional && this.#abortedNow.has(producerId)
    // The marker's key: i16 version, i16 type; 0 is an abort. It is the batch's only record and not compressed.
    this.bytes = this.#source
    this.#at = at + HEADER_BYTES
    this.#end = this.#batchAt
    this.#record()
    if (this.keyLength >= 4 && this.bytes.readInt16BE(this.keyOffset + 2) === 0) this.#abortedNow.delete(producerId)
    return true
  }

  #decompress(codec: number, bytes: Buffer): Buffer {
    try {
      if (codec === 1) return gunzipSync(bytes)
      if (codec === 2) {
        const decoded = snappyDecode(bytes)
        return Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length)
      }
    } catch (error) {
      throw this.#bad(error instanceof Error ? error.message : String(error))
    }
    throw new EngineError('KAFKA_UNSUPPORTED_CODEC', { codec: codecs[codec] ?? codec, where: this.#name })
  }

  #record(): void {
    this.#recordAt = this.#at
    if (this.#at >= this.#end) throw this.#bad('fewer records than the batch says')
    const length = this.#varint()
    const end = this.#at + length
    if (length < 0 || end > this.#end) throw this.#bad('a record that ends behind its batch')
    this.#at++
    const timestampDelta = this.#varlong()
    this.offset = this.#baseOffset + this.#varint()
    this.timestampMillis = this.timestampType === 1 ? this.#maxTimestamp : this.#baseTimestamp + timestampDelta
    this.keyLength = this.#varint()
    this.keyOffset = this.#at
    if (this.keyLength > 0) this.#at += this.keyLength
    this.valueLength = this.#varint()
    this.valueOffset = this.#at
    if (this.valueLength > 0) this.#at += this.valueLength
    this.headersOffset = this.#at
    this.headersLength = end - this.#at
    if (this.headersLength <= 0) throw this.#bad('a key or value that ends behind its record')
    this.headerCount = this.#varint()
    this.#at = end
  }

  #varint(): number {
    const bytes = this.bytes
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.#at++]
      value |= (byte & 127) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    throw this.#bad('a number of more than five bytes')
  }

  /** A varlong as a double: exact as far as timestamps go. */
  #varlong(): number {
    const bytes = this.bytes
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = bytes[this.#at++]
      value += (byte & 127) * scale
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 128
    }
    throw this.#bad('a number of more than ten bytes')
  }

  #bad(what: string): EngineError {
    return new EngineError('KAFKA_BAD_DATA', { where: this.#name, offset: this.position, what })
  }
}

const varintBytes = (value: number): number => {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let bytes = 1
  for (; rest > 127; rest >>>= 7) bytes++
  return bytes
}

/** Collects records for one partition and makes a batch of them. */
export class BatchBuilder {
  count = 0
  #bytes: Buffer
  #end = HEADER_BYTES
  #baseMillis = 0
  #maxMillis = 0

  constructor(bytes = 16_384) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  /** Bytes so far, before compression. */
  get size(): number {
    return this.#end
  }

  /** The most that a record can add. */
  static recordBytes(keyLength: number, valueLength: number, headersLength: number): number {
    return 40 + Math.max(0, keyLength) + Math.max(0, valueLength) + headersLength
  }

  /** A length of −1 is null; headers, with their count, are as in a record, and none if their length is 0. */
  append(
    millis: number,
    source: Uint8Array,
    keyOffset: number,
    keyLength: number,
    valueOffset: number,
    valueLength: number,
    headersOffset = 0,
    headersLength = 0,
  ): void {
    if (this.count === 0) this.#baseMillis = this.#maxMillis = millis
    if (millis > this.#maxMillis) this.#maxMillis = millis
    const needed = this.#end + BatchBuilder.recordBytes(keyLength, valueLength, headersLength)
    if (needed > this.#bytes.length) this.#grow(needed)
    const delta = millis - this.#baseMillis
    const body =
      1 +
      varintBytes(delta) +
      varintBytes(this.count) +
      varintBytes(keyLength) +
      Math.max(0, keyLength) +
      varintBytes(valueLength) +
      Math.max(0, valueLength) +
      Math.max(1, headersLength)
    this.#varint(body)
    this.#bytes[this.#end++] = 0
    this.#varint(delta)
    this.#varint(this.count)
    this.#run(source, keyOffset, keyLength)
    this.#run(source, valueOffset, valueLength)
    if (headersLength === 0) this.#bytes[this.#end++] = 0
    else this.#copy(source, headersOffset, headersLength)
    this.count++
  }

  /** The batch, ready to be sent. The builder is not to be used again. */
  finish(compression: Compression): Buffer {
    let bytes = this.#bytes.subarray(0, this.#end)
    if (compression !== 'none') {
      const records = bytes.subarray(HEADER_BYTES)
      const packed = compression === 'gzip' ? gzipSync(records) : snappyEncode(records)
      bytes = Buffer.concat([bytes.subarray(0, HEADER_BYTES), packed])
    }
    bytes.writeBigInt64BE(0n, 0)
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes.writeInt32BE(-1, 12)
    bytes[16] = 2
    bytes.writeInt16BE(codecs.indexOf(compression), 21)
    bytes.writeInt32BE(this.count - 1, 23)
    bytes.writeBigInt64BE(BigInt(this.#baseMillis), 27)
    bytes.writeBigInt64BE(BigInt(this.#maxMillis), 35)
    bytes.writeBigInt64BE(-1n, 43)
    bytes.writeInt16BE(-1, 51)
    bytes.writeInt32BE(-1, 53)
    bytes.writeInt32BE(this.count, 57)
    bytes.writeUInt32BE(crc32c(bytes, CRC_FROM, bytes.length), 17)
    return bytes
  }

  #run(source: Uint8Array, offset: number, length: number): void {
    this.#varint(length)
    if (length > 0) this.#copy(source, offset, length)
  }

  #copy(source: Uint8Array, offset: number, length: number): void {
    copyBytes(source, offset, length, this.#bytes, this.#end)
    this.#end += length
  }

  #varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    for (; rest > 127; rest >>>= 7) this.#bytes[this.#end++] = (rest & 127) | 128
    this.#bytes[this.#end++] = rest
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}
