import { gzipSync } from 'node:zlib'
import { copyBytes } from '../../record/strings.ts'
import { crc32c } from './crc32c.ts'
import { type Compression, CRC_FROM, codecs, HEADER_BYTES } from './record-batch.ts'
import { snappyEncode } from './snappy.ts'

const writeInt64 = (bytes: Buffer, at: number, value: number): void => {
  bytes.writeInt32BE(Math.floor(value / 4294967296), at)
  bytes.writeInt32BE(value | 0, at + 4)
}

const varintBytes = (value: number): number => {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let bytes = 1
  for (; rest > 127; rest >>>= 7) bytes++
  return bytes
}

/** Collects records for one partition and makes a batch of them, again and again. */
export class BatchBuilder {
  count = 0
  #bytes: Buffer
  #end = HEADER_BYTES
  #baseMillis = 0
  #maxMillis = 0

  constructor(bytes = 16_384) {
    this.#bytes = Buffer.allocUnsafe(bytes)
  }

  /** Memory that it has. */
  get capacity(): number {
    return this.#bytes.length
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

  /** Begins a new batch. What `finish` gave before is not valid any more. */
  clear(): void {
    this.count = 0
    this.#end = HEADER_BYTES
  }

  /** The batch, ready to be sent, in memory of this builder. */
  finish(compression: Compression): Buffer {
    let bytes = this.#bytes.subarray(0, this.#end)
    if (compression !== 'none') {
      const records = bytes.subarray(HEADER_BYTES)
      const packed = compression === 'gzip' ? gzipSync(records) : snappyEncode(records)
      bytes = Buffer.concat([bytes.subarray(0, HEADER_BYTES), packed])
    }
    writeInt64(bytes, 0, 0)
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes.writeInt32BE(-1, 12)
    bytes[16] = 2
    bytes.writeInt16BE(codecs.indexOf(compression), 21)
    bytes.writeInt32BE(this.count - 1, 23)
    writeInt64(bytes, 27, this.#baseMillis)
    writeInt64(bytes, 35, this.#maxMillis)
    writeInt64(bytes, 43, -1)
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

/** What all idle builders of a producer may have: a builder that has grown for a large batch saves the next one the growing. */
const SPARE_BYTES = 16 * 1024 * 1024

/** Builders that are used again, so that a stream of batches makes no garbage. */
export class BuilderPool {
  readonly #spare: BatchBuilder[] = []
  #bytes = 0

  take(): BatchBuilder {
    const builder = this.#spare.pop()
    if (builder === undefined) return new BatchBuilder()
    this.#bytes -= builder.capacity
    return builder
  }

  /** What its `finish` gave is not valid any more. */
  give(builder: BatchBuilder): void {
    if (this.#bytes + builder.capacity > SPARE_BYTES) return
    builder.clear()
    this.#spare.push(builder)
    this.#bytes += builder.capacity
  }
}
