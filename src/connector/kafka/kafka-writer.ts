import { EngineError } from '../../base/errors.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import { RowView } from '../../record/row-view.ts'
import type { RecordWriterSink, SinkContext, SinkToken, Ticket } from '../connector.ts'
import { ticketOf } from '../promise-ticket.ts'
import { BatchBuilder } from './batch-builder.ts'
import { type KafkaSinkOptions, kafkaSinkOptions } from './kafka-options.ts'
import { partitionOfKey } from './murmur2.ts'
import { KafkaProducer } from './producer.ts'
import { HEADER_BYTES } from './record-batch.ts'

/** Rows that wait to be sent; beyond that the sink takes no more until some have been acknowledged. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024

/** Writes rows to Kafka, at least once: each becomes a record of the partition that its columns say. */
export class KafkaWriter implements RecordWriterSink {
  readonly rows = 'records'
  readonly #options: KafkaSinkOptions
  readonly #clock: () => number
  readonly #producer: KafkaProducer
  readonly #view: RowView
  readonly #keyLeaf: number
  readonly #valueLeaf: number
  readonly #topicLeaf: number
  readonly #partitionLeaf: number
  readonly #headersLeaf: number
  #wake: () => void = () => {}
  #offered = 0

  /** Throws what a wrong option is refused with. */
  constructor(context: SinkContext) {
    this.#options = kafkaSinkOptions(context.options)
    this.#clock = context.clock
    this.#producer = new KafkaProducer(this.#options, () => this.#wake())
    const layout = RowLayout.of(context.schema)
    const leaf = (name: string): number => layout.leaves.findIndex(({ path }) => path.length === 1 && path[0].toLowerCase() === name)
    this.#view = new RowView(layout)
    this.#keyLeaf = leaf('key')
    this.#valueLeaf = leaf('value')
    this.#topicLeaf = this.#options.topic === null ? leaf('topic') : -1
    this.#headersLeaf = leaf('headers')
    this.#partitionLeaf = leaf('partition')
  }

  open(): Ticket<void> {
    return ticketOf(this.#producer.open())
  }

  onReady(_wake: () => void, runNow: () => void): void {
    this.#wake = runNow
  }

  beginEpoch(): void {}

  offer(rows: RecordBuffer): void {
    this.#producer.check()
    const millis = Math.floor(this.#clock() / 1000)
    while (this.#producer.waitingBytes < MOST_WAITING_BYTES) {
      const p = rows.next()
      if (p < 0) break
      this.#view.at(rows, p)
      if (this.#append(rows, millis)) continue
      rows.back()
      break
    }
    this.#producer.send()
  }

  step(): boolean {
    this.#producer.check()
    return this.#producer.send()
  }

  prepare(): Ticket<SinkToken> {
    return this.#producer.prepare()
  }

  offeredCount(): number {
    return this.#offered
  }

  acknowledgedCount(): number {
    return this.#producer.acknowledgedRows
  }

  close(): Ticket<void> {
    return ticketOf(this.#producer.close())
  }

  /** False: the topic's partitions are not known yet. */
  #append(rows: RecordBuffer, millis: number): boolean {
    const view = this.#view
    const hasTopic = this.#topicLeaf >= 0 && !view.isNull(this.#topicLeaf)
    const name = hasTopic ? view.string(this.#topicLeaf) : this.#options.topic
    if (name === null) throw new EngineError('KAFKA_NO_TOPIC', {})
    const isNull = (leaf: number): boolean => leaf < 0 || view.isNull(leaf)
    const chosen = isNull(this.#partitionLeaf) ? -1 : view.int32(this.#partitionLeaf)
    const topic = this.#producer.topic(name, chosen)
    if (topic === null) return false
    const keyLength = isNull(this.#keyLeaf) ? -1 : view.bytesLength(this.#keyLeaf)
    const keyOffset = keyLength < 0 ? 0 : view.bytesOffset(this.#keyLeaf)
    const valueLength = isNull(this.#valueLeaf) ? -1 : view.bytesLength(this.#valueLeaf)
    const valueOffset = valueLength < 0 ? 0 : view.bytesOffset(this.#valueLeaf)
    const headersLength = isNull(this.#headersLeaf) ? 0 : view.bytesLength(this.#headersLeaf)
    const headersOffset = headersLength === 0 ? 0 : view.bytesOffset(this.#headersLeaf)
    const count = topic.partitions.length
    if (chosen >= count || (chosen < 0 && !isNull(this.#partitionLeaf)))
      throw new EngineError('KAFKA_NO_PARTITION', { topic: name, partition: chosen, count })
    const partition = chosen >= 0 ? chosen : keyLength < 0 ? topic.sticky : partitionOfKey(rows.u8, keyOffset, keyLength, count)
    const bytes = BatchBuilder.recordBytes(keyLength, valueLength, headersLength)
    const { requestBytes } = this.#options
    if (bytes + HEADER_BYTES > requestBytes) throw new EngineError('KAFKA_RECORD_TOO_LARGE', { topic: name, bytes, limit: requestBytes })
    topic.partitions[partition]
      .builder(bytes, requestBytes)
      .append(millis, rows.u8, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength)
    this.#producer.waitingBytes += bytes
    this.#offered++
    return true
  }
}
