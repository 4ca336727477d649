import { EngineError, reasonOf } from '../../base/errors.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import type { RecordReader, SourceContext, SourceOffset, Ticket } from '../connector.ts'
import { ticketOf } from '../promise-ticket.ts'
import { EARLIEST, KafkaCluster, LATEST } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import { readInitialOffsets, writeInitialOffsets } from './initial-offsets.ts'
import { type KafkaSourceOptions, kafkaSourceOptions } from './kafka-options.ts'
import { isPassing } from './kafkajs.ts'
import { stillThere } from './lost-records.ts'
import { SourceRowWriter } from './source-columns.ts'
import { partitionName, SourcePartition } from './source-partition.ts'
import { chosenOffsets, subscribedPartitions } from './subscription.ts'

/** How often it is looked whether there are new partitions. */
const METADATA_MILLIS = 2000

/** Reads partitions by offsets of its own, without a consumer group. `poll` decodes record batches straight into records. */
export class KafkaReader implements RecordReader {
  readonly rows = 'records'
  readonly #options: KafkaSourceOptions
  readonly #context: SourceContext
  readonly #cluster: KafkaCluster
  readonly #fetcher: Fetcher
  readonly #writer: SourceRowWriter
  readonly #partitions = new Map<string, SourcePartition>()
  #list: SourcePartition[] = []
  #turn = 0
  #limited = false
  #wake: () => void = () => {}
  #timer: NodeJS.Timeout | null = null
  #finding: Promise<void> = Promise.resolve()
  #refreshing = false
  #failure: unknown = null
  #closed = false
  #arrival = 0

  /** Throws what a wrong option is refused with. */
  constructor(context: SourceContext) {
    this.#context = context
    this.#options = kafkaSourceOptions(context.options, context.streaming)
    this.#cluster = new KafkaCluster(this.#options)
    this.#writer = new SourceRowWriter(context.columns)
    this.#fetcher = new Fetcher(this.#cluster, this.#options, context.clock, {
      partitions: this.#partitions,
      arrived: () => this.#wake(),
      vanished: partition => this.#vanished(partition),
      failed: error => this.#fail(error),
    })
  }

  open(start: SourceOffset | null): Ticket<void> {
    return ticketOf(this.#open(start), () => this.#wake())
  }

  onReady(_wake: () => void, runNow: () => void): void {
    this.#wake = runNow
  }

  poll(out: RecordBuffer, budget: number): number {
    if (this.#failure !== null) throw this.#failure
    const list = this.#list
    let count = 0
    for (let k = 0; k < list.length && count < budget; k++) {
      const partition = list[(this.#turn + k) % list.length]
      if (!partition.hasRows) continue
      const before = partition.aheadBytes
      const taken = partition.take(this.#writer, out, budget - count)
      if (taken > 0) this.#arrival = out.arrivalMicros
      count += taken
      if (partition.aheadBytes < before) this.#fetcher.resume()
    }
    this.#turn = (this.#turn + 1) % Math.max(1, list.length)
    return count
  }

  position(): SourceOffset {
    return Object.fromEntries(this.#list.map(({ name, position }) => [name, position]))
  }

  latest(whole: boolean): Ticket<SourceOffset> {
    return ticketOf(this.#latest(whole), () => this.#wake())
  }

  limit(end: SourceOffset | null): void {
    this.#limited = end !== null || !this.#context.streaming
    if (end === null) {
      if (this.#context.streaming) for (const partition of this.#list) partition.end = Number.POSITIVE_INFINITY
      return
    }
    for (const partition of this.#list) partition.end = end[partition.name] ?? partition.position
  }

  exhausted(): boolean {
    return this.#failure === null && this.#limited && this.#list.every(partition => partition.position >= partition.end)
  }

  arrivalMicros(): number {
    return this.#arrival
  }

  backlog(): number {
    return this.#list.reduce((sum, { highWatermark, position }) => sum + Math.max(0, highWatermark - position), 0)
  }

  committed(): void {}

  close(): Ticket<void> {
    this.#closed = true
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#fetcher.close()
    return ticketOf(this.#cluster.disconnect())
  }

  async #open(start: SourceOffset | null): Promise<void> {
    await this.#cluster.connect()
    const initial = start === null ? await readInitialOffsets(this.#context) : null
    await this.#find(start ?? initial, start === null)
    if (start === null) await writeInitialOffsets(this.#context, initial, this.position())
    if (!this.#context.streaming) await this.#setEnds()
    if (this.#closed) return
    this.#fetcher.start()
    if (this.#context.streaming) this.#timer = setInterval(() => void this.#refresh(), METADATA_MILLIS)
  }

  /**
   * Adds partitions that are not read yet. In a first run they begin where the options say, those that appear later at their first record.
   * One call at a time.
   */
  #find(start: SourceOffset | null, first: boolean): Promise<void> {
    const found = this.#finding.then(() => this.#findNow(start, first))
    this.#finding = found.catch(() => {})
    return found
  }

  async #findNow(start: SourceOffset | null, first: boolean): Promise<void> {
    const { failOnDataLoss, startingOffsets, startingTimes, withoutLater } = this.#options
    const wanted = await subscribedPartitions(this.#cluster, this.#options, !first && !failOnDataLoss)
    for (const [topic, partitions] of wanted) {
      const fresh = partitions.filter(partition => this.#isOwn(partition) && !this.#partitions.has(partitionName(topic, partition)))
      if (fresh.length === 0) continue
      const known = new Map<number, number>()
      for (const partition of fresh) {
        const offset = start?.[partitionName(topic, partition)]
        if (offset !== undefined) known.set(partition, offset)
      }
      const unknown = fresh.filter(partition => !known.has(partition))
      const offsets = first
        ? await chosenOffsets(this.#cluster, topic, unknown, 'starting', startingOffsets, startingTimes, withoutLater)
        : await this.#cluster.offsets(topic, unknown, EARLIEST)
      for (const [partition, offset] of await stillThere(this.#cluster, this.#options, topic, known)) offsets.set(partition, offset)
      for (const partition of fresh) {
        const position = offsets.get(partition) ?? 0
        const wasReset = known.has(partition) && known.get(partition) !== position
        const end = this.#limited ? position : Number.POSITIVE_INFINITY
        this.#partitions.set(partitionName(topic, partition), new SourcePartition(topic, partition, position, end, wasReset))
      }
    }
    this.#list = [...this.#partitions.values()]
    const gone = first ? undefined : Object.keys(start ?? {}).find(name => !this.#partitions.has(name) && this.#isOwn(partitionOf(name)))
    if (gone !== undefined && failOnDataLoss) {
      throw new EngineError('KAFKA_DATA_LOSS', { partition: gone, wanted: start?.[gone] ?? 0, first: 'nothing: the partition is gone' })
    }
  }

  #isOwn(partition: number): boolean {
    return partition % this.#context.readerCount === this.#context.readerIndex
  }

  /** Where a batch ends. */
  async #setEnds(): Promise<void> {
    this.#limited = true
    const { endingOffsets, endingTimes } = this.#options
    for (const [topic, own] of this.#byTopic()) {
      const partitions = own.map(({ partition }) => partition)
      const ends = await chosenOffsets(this.#cluster, topic, partitions, 'ending', endingOffsets, endingTimes, 'latest')
      for (const partition of own) partition.end = ends.get(partition.partition) ?? partition.position
    }
  }

  async #latest(whole: boolean): Promise<SourceOffset> {
    await this.#find(null, false)
    // What is new is part of the epoch that this is asked for: it is fetched from now on, not from the next look for partitions.
    this.#fetcher.start()
    const ends: Record<string, number> = {}
    for (const [topic, own] of this.#byTopic()) {
      const partitions = own.map(({ partition }) => partition)
      const offsets = await this.#cluster.offsets(topic, partitions, LATEST)
      for (const { name, partition, position } of own) ends[name] = Math.max(position, offsets.get(partition) ?? position)
    }
    const waiting = this.#list.reduce((sum, { name, position }) => sum + (ends[name] ?? position) - position, 0)
    const { maxOffsetsPerTrigger } = this.#options
    if (whole || waiting <= maxOffsetsPerTrigger) return ends
    // Each partition's share is that of its backlog, as in Spark.
    return Object.fromEntries(
      this.#list.map(({ name, position }) => {
        const backlog = (ends[name] ?? position) - position
        return [name, position + Math.ceil((backlog * maxOffsetsPerTrigger) / waiting)]
      }),
    )
  }

  #byTopic(): Map<string, SourcePartition[]> {
    const topics = new Map<string, SourcePartition[]>()
    for (const partition of this.#list) topics.set(partition.topic, [...(topics.get(partition.topic) ?? []), partition])
    return topics
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#closed || this.#failure !== null) return
    this.#refreshing = true
    try {
      await this.#cluster.refreshMetadata()
      await this.#find(null, false)
      this.#fetcher.start()
    } catch (error) {
      // The fetcher meets the same fault, and is patient with it.
      if (!isPassing(error) && !(error instanceof EngineError)) this.#fail(error)
    } finally {
      this.#refreshing = false
    }
  }

  #vanished(partition: SourcePartition): void {
    this.#partitions.delete(partition.name)
    this.#list = [...this.#partitions.values()]
    if (!this.#list.some(({ topic }) => topic === partition.topic)) this.#cluster.forgetTopic(partition.topic)
    this.#wake()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure ??=
      error instanceof EngineError ? error : new EngineError('SOURCE_FAILED', { source: 'kafka', reason: reasonOf(error) }, error)
    this.#wake()
  }
}

const partitionOf = (name: string): number => Number(name.slice(name.lastIndexOf(':') + 1))
