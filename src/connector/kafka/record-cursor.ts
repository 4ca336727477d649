import { gunzipSync } from 'node:zlib'
import { EngineError, reasonOf } from '../../base/errors.ts'
import { crc32c } from './crc32c.ts'
import { CRC_FROM, codecs, HEADER_BYTES, readOffset } from './record-batch.ts'
import { snappyDecode } from './snappy.ts'

/** An aborted transaction that a fetch response tells of. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

/** Memory for the records of one compressed batch at a time: a partition's cursors are used up one after the other. */
export class Unpacked {
  #bytes = Buffer.allocUnsafe(0)

  readonly room = (bytes: number): Buffer => {
    if (bytes > this.#bytes.length) this.#bytes = Buffer.allocUnsafe(bytes)
    return this.#bytes
  }
}

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
  readonly #unpacked: Unpacked
  #batchAt = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #lastOffset = 0
  #recordsLeft = 0
  #at = 0
  #recordAt = 0
  #end = 0

  /** `aborted` is empty for a reader of uncommitted records. `name` is for errors. Compressed batches are unpacked into `unpacked`. */
  constructor(source: Buffer, from: number, aborted: readonly AbortedTransaction[], name: string, unpacked = new Unpacked()) {
    this.#unpacked = unpacked
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
      this.#baseOffset = readOffset(source, at)
      this.#lastOffset = this.#baseOffset + source.readInt32BE(at + 23)
      const attributes = source.readInt16BE(at + 21)
      const producerId = source.readBigInt64BE(at + 43)
      if (this.#isHidden(attributes, producerId, at)) {
        this.position = Math.max(this.position, this.#lastOffset + 1)
        continue
      }
      if (this.#lastOffset < this.position) continue
      // Left behind by the log cleaner, or all that is there of a batch whose last records it took.
      if (source.readInt32BE(at + 57) === 0) {
        this.position = this.#lastOffset + 1
        continue
      }
      this.#baseTimestamp = readOffset(source, at + 27)
      this.#maxTimestamp = readOffset(source, at + 35)
      this.timestampType = (attributes >> 3) & 1
      this.#recordsLeft = source.readInt32BE(at + 57)
      const codec = attributes & 7
      if (codec === 0) {
        this.bytes = source
        this.#at = at + HEADER_BYTES
        this.#end = end
      } else {
        this.#unpack(codec, source.subarray(at + HEADER_BYTES, end))
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
    // The log cleaner may leave of a marker nothing but its batch.
    if (this.#source.readInt32BE(at + 57) === 0) return true
    // The marker's key: i16 version, i16 type; 0 is an abort. It is the batch's only record and not compressed.
    this.bytes = this.#source
    this.#at = at + HEADER_BYTES
    this.#end = this.#batchAt
    this.#record()
    if (this.keyLength >= 4 && this.bytes.readInt16BE(this.keyOffset + 2) === 0) this.#abortedNow.delete(producerId)
    return true
  }

  #unpack(codec: number, packed: Buffer): void {
    this.#at = 0
    try {
      if (codec === 1) {
        this.bytes = gunzipSync(packed)
        this.#end = this.bytes.length
        return
      }
      if (codec === 2) {
        this.bytes = this.#unpacked.room(0)
        this.#end = snappyDecode(packed, bytes => (this.bytes = this.#unpacked.room(bytes)))
        return
      }
    } catch (error) {
      throw this.#bad(reasonOf(error))
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
