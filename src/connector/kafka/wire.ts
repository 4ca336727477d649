/**
 * A request, or whatever else is made of Kafka's primitive types, big-endian. It can be written again and again into the same memory.
 *
 *   0 i32 length of what follows · 4 i16 which request · 6 i16 its version · 8 i32 correlation id · 12 string client id · the body
 */
export class WireWriter {
  readonly apiKey: number
  readonly apiVersion: number
  #bytes = Buffer.allocUnsafe(1024)
  #end = 0
  readonly #bodyAt: number

  constructor(apiKey: number, apiVersion: number, clientId: string) {
    this.apiKey = apiKey
    this.apiVersion = apiVersion
    this.int32(0).int16(apiKey).int16(apiVersion).int32(0).string(clientId)
    this.#bodyAt = this.#end
  }

  /** Forgets what was written. */
  restart(): this {
    this.#end = this.#bodyAt
    // A request that was large once need not keep its memory: the head is all that matters.
    if (this.#bytes.length > LARGE_BYTES) {
      const head = this.#bytes
      this.#bytes = Buffer.allocUnsafe(1024)
      this.#bytes.set(head.subarray(0, this.#bodyAt))
    }
    return this
  }

  int8(value: number): this {
    this.#room(1)
    this.#end = this.#bytes.writeInt8(value, this.#end)
    return this
  }

  int16(value: number): this {
    this.#room(2)
    this.#end = this.#bytes.writeInt16BE(value, this.#end)
    return this
  }

  int32(value: number): this {
    this.#room(4)
    this.#end = this.#bytes.writeInt32BE(value, this.#end)
    return this
  }

  int64(value: number): this {
    this.int32(Math.floor(value / 4294967296))
    return this.int32(value | 0)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const length = Buffer.byteLength(value)
    this.int16(length)
    this.#room(length)
    this.#end += this.#bytes.write(value, this.#end)
    return this
  }

  bytes(value: Uint8Array): this {
    this.int32(value.length)
    this.#room(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
    return this
  }

  /** The whole, as it goes over the line. It is this writer's memory. */
  frame(correlationId: number): Buffer {
    this.#bytes.writeInt32BE(this.#end - 4, 0)
    this.#bytes.writeInt32BE(correlationId, 8)
    return this.#bytes.subarray(0, this.#end)
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#end + bytes, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}

/** Twice the largest produce request, as memory doubles. */
const LARGE_BYTES = 16 * 1024 * 1024

export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  int64(): number {
    return this.int32() * 4294967296 + (this.int32() >>> 0)
  }

  bigint64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  string(): string {
    const length = this.int16()
    this.#at += Math.max(0, length)
    return this.#bytes.toString('utf8', this.#at - Math.max(0, length), this.#at)
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = Math.max(0, this.int32())
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  list<T>(read: () => T): T[] {
    const count = this.int32()
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read())
    return items
  }
}
