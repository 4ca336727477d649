import { EngineError } from '../../base/errors.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { endOfBatches } from './record-batch.ts'
import { RecordCursor, Unpacked } from './record-cursor.ts'
import type { FetchedPart } from './requests.ts'
import type { SourceRowWriter } from './source-columns.ts'

export const partitionName = (topic: string, partition: number): string => `${topic}:${partition}`

interface Chunk {
  readonly cursor: RecordCursor
  readonly bytes: number
  readonly arrivalMicros: number
}

/** One partition as its reader sees it: what has been handed over, what has been fetched and waits, where it ends. It knows no sockets. */
export class SourcePartition {
  readonly name: string
  readonly topic: string
  readonly partition: number
  /** What lies below has been handed over. */
  position: number
  /** Where the next fetch begins. All below has been handed over, waits here, or is gone. */
  fetchAt: number
  /** Where a finite read, or a micro-batch, ends. */
  end: number
  highWatermark: number
  /** Fetched and not yet decoded. */
  aheadBytes = 0
  /** Since when its leader answers with a passing fault; 0: it does not. Others go on meanwhile. */
  failingSince = 0
  /** Not fetched before. */
  pausedUntil = 0
  readonly #topicBytes: Buffer
  readonly #chunks: Chunk[] = []
  readonly #unpacked = new Unpacked()
  /** The log did not hold what was next, and reading went on elsewhere. */
  #wasReset: boolean

  constructor(topic: string, partition: number, position: number, end: number, wasReset: boolean) {
    this.name = partitionName(topic, partition)
    this.topic = topic
    this.partition = partition
    this.position = this.fetchAt = this.highWatermark = position
    this.end = end
    this.#topicBytes = Buffer.from(topic)
    this.#wasReset = wasReset
  }

  get hasRows(): boolean {
    return this.#chunks.length > 0
  }

  /**
   * Takes what a fetch brought; `answerBytes` is the size of the whole answer, which `records` is a view of. True if there is something to
   * hand over, or none to wait for any more. Throws KAFKA_BAD_DATA.
   */
  keep({ records, aborted, highWatermark }: FetchedPart, answerBytes: number, arrivalMicros: number): boolean {
    this.failingSince = 0
    this.highWatermark = highWatermark
    if (records.length === 0) return this.#endsHere()
    const next = endOfBatches(records)
    if (next < 0) {
      throw new EngineError('KAFKA_BAD_DATA', { where: this.name, offset: this.fetchAt, what: 'a fetch without a whole batch' })
    }
    if (next <= this.fetchAt) return false
    // What may wait long must not hold on to an answer that others have used up.
    const mayWait = this.#chunks.length > 0 || this.position >= this.end
    const own = mayWait && records.length < answerBytes >> 1 ? Buffer.from(records) : records
    const cursor = new RecordCursor(own, this.fetchAt, aborted, this.name, this.#unpacked)
    this.#chunks.push({ cursor, bytes: own.length, arrivalMicros })
    this.aheadBytes += own.length
    this.fetchAt = next
    return true
  }

  /** A log that was made anew, or cut off, may never come to where this epoch was to end. */
  #endsHere(): boolean {
    const isAtEnd = this.#chunks.length === 0 && this.highWatermark <= this.fetchAt
    if (!this.#wasReset || !isAtEnd || this.end <= this.fetchAt || this.end === Number.POSITIVE_INFINITY) return false
    this.end = this.fetchAt
    return true
  }

  /** Reading goes on elsewhere: the log does not hold what is next. */
  reset(offset: number): void {
    this.fetchAt = offset
    this.#wasReset = true
    if (this.#chunks.length === 0) this.#skipGap()
  }

  /** Hands over up to `budget` rows below `end`. Throws KAFKA_BAD_DATA and KAFKA_UNSUPPORTED_CODEC. */
  take(writer: SourceRowWriter, out: RecordBuffer, budget: number): number {
    let count = 0
    const chunks = this.#chunks
    while (count < budget && chunks.length > 0 && this.position < this.end) {
      const { cursor, bytes, arrivalMicros } = chunks[0]
      out.arrivalMicros = arrivalMicros
      let isOpen = true
      while (count < budget) {
        if (!cursor.next()) {
          isOpen = false
          break
        }
        if (cursor.offset >= this.end) {
          // The rest belongs to a later epoch; what lies between, if anything, holds no records.
          cursor.back()
          this.position = this.end
          return count
        }
        writer.write(this.#topicBytes, this.partition, cursor, out)
        this.position = cursor.offset + 1
        count++
      }
      if (isOpen) return count
      this.position = Math.min(Math.max(this.position, cursor.position), this.end)
      chunks.shift()
      this.aheadBytes -= bytes
      if (chunks.length === 0) this.#skipGap()
    }
    return count
  }

  /** What lies between the position and the next fetch is gone, or never held records. After a new beginning the position may go back. */
  #skipGap(): void {
    this.position = Math.min(this.fetchAt, this.end)
  }
}
