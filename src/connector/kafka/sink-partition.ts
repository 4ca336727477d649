import { EngineError } from '../../base/errors.ts'
import type { SinkToken, Ticket } from '../connector.ts'
import { BatchBuilder, type BuilderPool } from './batch-builder.ts'
import type { Compression } from './record-batch.ts'
import { RecordCursor } from './record-cursor.ts'

/** An epoch whose rows are not all acknowledged yet. */
export interface Preparation {
  remaining: number
  readonly ticket: Ticket<SinkToken>
}

/** Ready to be sent. */
export interface Batch {
  readonly bytes: Buffer
  readonly rows: number
  /** What its rows count for in the bytes that wait. */
  readonly charge: number
  readonly waiting: Preparation[]
  /** Whose memory the bytes are, if they are a builder's. */
  readonly builder: BatchBuilder | null
}

/** What is on its way to one partition: records that gather, and batches that are sent one after the other. It knows no sockets. */
export class SinkPartition {
  readonly topic: string
  readonly partition: number
  /** The first batch is on its way, perhaps to a broker that leads no more: it is sent nowhere else until that is settled. */
  isSending = false
  /** Since when the first batch cannot be delivered; 0: it can. */
  failingSince = 0
  /** Not sent before. */
  pausedUntil = 0
  readonly #compression: Compression
  readonly #pool: BuilderPool
  #gathering: BatchBuilder | null = null
  #charge = 0
  /** Oldest first. */
  #batches: Batch[] = []

  constructor(topic: string, partition: number, compression: Compression, pool: BuilderPool) {
    this.topic = topic
    this.partition = partition
    this.#compression = compression
    this.#pool = pool
  }

  get isEmpty(): boolean {
    return this.#gathering === null && this.#batches.length === 0
  }

  /** Where a record of so many bytes goes. A batch that would be larger than `mostBytes` with it is sealed before. */
  builder(bytes: number, mostBytes: number): BatchBuilder {
    if (this.#gathering !== null && this.#gathering.size + bytes > mostBytes) this.#seal()
    this.#gathering ??= this.#pool.take()
    this.#charge += bytes
    return this.#gathering
  }

  /** The batch to be sent next: what has gathered, if nothing older waits. */
  first(): Batch {
    if (this.#batches.length === 0) this.#seal()
    return this.#batches[0]
  }

  /** `preparation` waits for everything that is here. */
  prepare(preparation: Preparation): void {
    this.#seal()
    for (const batch of this.#batches) batch.waiting.push(preparation)
    preparation.remaining += this.#batches.length
  }

  /** The first batch is safe. */
  acknowledge(): Batch {
    const [batch] = this.#batches.splice(0, 1)
    this.failingSince = 0
    if (batch.builder !== null) this.#pool.give(batch.builder)
    for (const preparation of batch.waiting) if (--preparation.remaining === 0) preparation.ticket.complete(null)
    return batch
  }

  /** A topic may take less than a request: two halves go instead of the first batch. Throws KAFKA_RECORD_TOO_LARGE for a single record. */
  split(): void {
    const [batch] = this.#batches
    if (batch.rows === 1) {
      throw new EngineError('KAFKA_RECORD_TOO_LARGE', { topic: this.topic, bytes: batch.bytes.length, limit: 'its max.message.bytes' })
    }
    const halves = [new BatchBuilder(), new BatchBuilder()]
    const cursor = new RecordCursor(batch.bytes, 0, [], `${this.topic}:${this.partition}`)
    for (let i = 0; cursor.next(); i++) {
      const { timestampMillis, bytes, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength } = cursor
      const half = halves[2 * i < batch.rows ? 0 : 1]
      half.append(timestampMillis, bytes, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength)
    }
    for (const preparation of batch.waiting) preparation.remaining++
    this.#batches.splice(0, 1, ...halves.map(half => this.#batch(half, batch.charge / 2, [...batch.waiting])))
  }

  #seal(): void {
    if (this.#gathering === null) return
    this.#batches.push(this.#batch(this.#gathering, this.#charge, []))
    this.#gathering = null
    this.#charge = 0
  }

  #batch(builder: BatchBuilder, charge: number, waiting: Preparation[]): Batch {
    const bytes = builder.finish(this.#compression)
    const rows = builder.count
    if (this.#compression === 'none') return { bytes, rows, charge, waiting, builder }
    this.#pool.give(builder)
    return { bytes, rows, charge, waiting, builder: null }
  }
}
