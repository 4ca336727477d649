/** Kafka's primitive types, big-endian, written to and read from one buffer. For requests and answers, not for records. */
export class WireWriter {
  #bytes: Buffer
  #end = 0

  constructor(bytes = 1024) {
    this.#bytes = Buffer.allocUnsafe(bytes)
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

  bytes(value: Buffer): this {
    this.int32(value.length)
    this.#room(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
    return this
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#end + bytes, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}

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
