import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../base/errors.ts'
import { binaryType, field, integerType, longType, type StructType, stringType, structType, timestampType } from '../../record/data-type.ts'
import type { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import { RowWriter } from '../../record/row-writer.ts'
import type { ConnectorOptions, RecordReader, SourceConnector, SourceContext, SourceOffset, Ticket } from '../connector.ts'
import { writeAtomically } from '../durable-file.ts'
import { ticketOf } from '../promise-ticket.ts'
import { headersType } from './headers.ts'
import {
  includesHeaders,
  type KafkaSourceOptions,
  kafkaSourceOptionNames,
  kafkaSourceOptions,
  type OffsetChoice,
  type TimeChoice,
} from './kafka-options.ts'
import { RecordCursor } from './record-batch.ts'
import { codeName, type FetchedPart, fetchRecords, isPassingCode, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC } from './requests.ts'
import { EARLIEST, isPassing, KafkaCluster, LATEST } from './transport.ts'

/** Spark's columns; `headers` only with the option includeHeaders. */
const allColumns = structType([
  field('key', binaryType, true),
  field('value', binaryType, true),
  field('topic', stringType, true),
  field('partition', integerType, true),
  field('offset', longType, true),
  field('timestamp', timestampType, true),
  field('timestampType', integerType, true),
  field('headers', headersType, true),
])

const [KEY, VALUE, TOPIC, PARTITION, OFFSET, TIMESTAMP, TIMESTAMP_TYPE, HEADERS] = [0, 1, 2, 3, 4, 5, 6, 7]

const schemaOf = (options: ConnectorOptions): StructType =>
  includesHeaders(options) ? allColumns : structType(allColumns.fields.slice(0, HEADERS))

/** Fetched and not yet decoded, of one partition; a partition that has more is left out of the next fetch. */
const AHEAD_BYTES = 4 * 1024 * 1024
/** The same of all partitions: then only those are fetched that have nothing. */
const ALL_AHEAD_BYTES = 64 * 1024 * 1024
/** How long a fetch waits for records while some partition has been left out of it, which may want more in the meantime. */
const SHORT_WAIT_MILLIS = 5
const FETCH_BYTES = 10 * 1024 * 1024
const METADATA_MILLIS = 2000
/** How long a topic may be unknown to its broker, as after a creation, before it counts as gone. */
const UNKNOWN_MILLIS = 5000
const INITIAL_FILE = /^initial-\d+\.json$/

interface Chunk {
  readonly cursor: RecordCursor
  readonly bytes: number
  readonly arrivalMicros: number
}

interface Partition {
  readonly name: string
  readonly topic: string
  readonly topicBytes: Buffer
  readonly partition: number
  /** What lies below has been handed over. */
  position: number
  /** Where the next fetch begins. */
  fetchAt: number
  /** Where a finite read, or a micro-batch, ends. */
  end: number
  highWatermark: number
  readonly chunks: Chunk[]
  aheadBytes: number
  /** Since when its leader answers with a passing fault; 0: it does not. The others go on meanwhile. */
  failingSince: number
  /** Not fetched before. */
  pausedUntil: number
  /** The log did not hold what was next, and reading went on elsewhere. */
  wasReset: boolean
}

const nameOf = (topic: string, partition: number): string => `${topic}:${partition}`

/**
 * Reads partitions by offsets of its own, without a consumer group: one long poll per leading broker at a time, read ahead within bounds.
 * `poll` decodes record batches straight into records.
 */
class KafkaReader implements RecordReader {
  readonly rows = 'records'
  readonly #options: KafkaSourceOptions
  readonly #context: SourceContext
  readonly #cluster: KafkaCluster
  readonly #writer: RowWriter
  readonly #leaves: Int32Array
  readonly #partitions = new Map<string, Partition>()
  #list: Partition[] = []
  #turn = 0
  #limited = false
  #wake: () => void = () => {}
  #wakeLoops: (() => void)[] = []
  readonly #loops = new Set<number>()
  #timer: NodeJS.Timeout | null = null
  #finding: Promise<void> = Promise.resolve()
  #refreshing = false
  #failure: unknown = null
  #closed = false
  #arrival = 0
  #aheadBytes = 0
  /** Records that the log had let go of before they were read, with failOnDataLoss=false. */
  lostCount = 0

  constructor(context: SourceContext) {
    this.#context = context
    this.#options = kafkaSourceOptions(context.options, context.streaming)
    this.#cluster = new KafkaCluster(this.#options)
    this.#writer = new RowWriter(RowLayout.of(structType(context.columns.map(ordinal => allColumns.fields[ordinal]))))
    this.#leaves = Int32Array.from(allColumns.fields, (_, ordinal) => context.columns.indexOf(ordinal))
  }

  open(start: SourceOffset | null): Ticket<void> {
    return ticketOf(this.#open(start))
  }

  onReady(wake: () => void): void {
    this.#wake = wake
  }

  poll(out: RecordBuffer, budget: number): number {
    if (this.#failure !== null) throw this.#failure
    const list = this.#list
    let count = 0
    for (let k = 0; k < list.length && count < budget; k++) {
      const partition = list[(this.#turn + k) % list.length]
      if (partition.chunks.length > 0) count += this.#take(partition, out, budget - count)
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
    this.#resumeLoops()
    return ticketOf(this.#cluster.disconnect())
  }

  // --- Decoding

  #take(partition: Partition, out: RecordBuffer, budget: number): number {
    let count = 0
    const { chunks, end } = partition
    while (count < budget && chunks.length > 0 && partition.position < end) {
      const { cursor, bytes, arrivalMicros } = chunks[0]
      out.arrivalMicros = this.#arrival = arrivalMicros
      let open = true
      while (count < budget) {
        if (!cursor.next()) {
          open = false
          break
        }
        if (cursor.offset >= end) {
          // The rest belongs to a later epoch; what lies between, if anything, holds no records.
          cursor.back()
          partition.position = end
          return count
        }
        this.#write(partition, cursor, out)
        partition.position = cursor.offset + 1
        count++
      }
      if (open) return count
      partition.position = Math.min(Math.max(partition.position, cursor.position), end)
      chunks.shift()
      partition.aheadBytes -= bytes
      this.#aheadBytes -= bytes
      this.#resumeLoops()
    }
    return count
  }

  #write(partition: Partition, cursor: RecordCursor, out: RecordBuffer): void {
    const writer = this.#writer
    const leaves = this.#leaves
    const { keyLength, valueLength, headersLength } = cursor
    writer.start(out, Math.max(0, keyLength) + Math.max(0, valueLength) + partition.topicBytes.length + headersLength + 32)
    if (leaves[KEY] >= 0) {
      if (keyLength < 0) writer.setNull(leaves[KEY])
      else writer.setBytes(leaves[KEY], cursor.bytes, cursor.keyOffset, keyLength)
    }
    if (leaves[VALUE] >= 0) {
      if (valueLength < 0) writer.setNull(leaves[VALUE])
      else writer.setBytes(leaves[VALUE], cursor.bytes, cursor.valueOffset, valueLength)
    }
    if (leaves[TOPIC] >= 0) writer.setBytes(leaves[TOPIC], partition.topicBytes, 0, partition.topicBytes.length)
    if (leaves[PARTITION] >= 0) writer.setInt32(leaves[PARTITION], partition.partition)
    if (leaves[OFFSET] >= 0) writer.setLongNumber(leaves[OFFSET], cursor.offset)
    if (leaves[TIMESTAMP] >= 0) writer.setTimestampMicros(leaves[TIMESTAMP], cursor.timestampMillis * 1000)
    if (leaves[TIMESTAMP_TYPE] >= 0) writer.setInt32(leaves[TIMESTAMP_TYPE], cursor.timestampType)
    if (leaves[HEADERS] >= 0) {
      if (cursor.headerCount === 0) writer.setNull(leaves[HEADERS])
      else writer.setBytes(leaves[HEADERS], cursor.bytes, cursor.headersOffset, headersLength)
    }
    writer.finish()
  }

  // --- Asynchronous: connections, metadata, the fetch loops

  async #open(start: SourceOffset | null): Promise<void> {
    await this.#cluster.connect()
    const initial = start === null ? await this.#readInitial() : null
    await this.#find(start ?? initial, start === null)
    if (start === null) await this.#writeInitial(initial)
    if (!this.#context.streaming) await this.#setEnds()
    this.#startLoops()
    if (this.#context.streaming) this.#timer = setInterval(() => void this.#refresh(), METADATA_MILLIS)
  }

  /**
   * Where a first run began. Kept apart, because it may die before its first checkpoint: what has come since it began, by `latest` say,
   * is not lost then.
   */
  async #readInitial(): Promise<SourceOffset | null> {
    const folder = this.#context.metadataFolder
    if (folder === null || !this.#context.streaming) return null
    const names = (await readdir(folder).catch(() => [])).filter(name => INITIAL_FILE.test(name))
    const texts = await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))
    return names.length === 0 ? null : Object.assign({}, ...texts.map(text => JSON.parse(text) as SourceOffset))
  }

  async #writeInitial(known: SourceOffset | null): Promise<void> {
    const folder = this.#context.metadataFolder
    if (folder === null || !this.#context.streaming || this.#list.every(({ name }) => known?.[name] !== undefined)) return
    await mkdir(folder, { recursive: true })
    await writeAtomically(join(folder, `initial-${this.#context.readerIndex}.json`), JSON.stringify(this.position()))
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
    const { readerIndex, readerCount } = this.#context
    for (const [topic, partitions] of wanted) {
      const fresh = partitions.filter(
        partition => partition % readerCount === readerIndex && !this.#partitions.has(nameOf(topic, partition)),
      )
      const unknown = fresh.filter(partition => start?.[nameOf(topic, partition)] === undefined)
      const offsets = first
        ? await chosenOffsets(this.#cluster, topic, unknown, startingOffsets, startingTimes, withoutLater)
        : await this.#cluster.offsets(topic, unknown, EARLIEST)
      for (const partition of fresh) {
        const name = nameOf(topic, partition)
        const known = start?.[name]
        const position = known === undefined ? (offsets.get(partition) ?? 0) : await this.#stillThere(topic, partition, known)
        this.#partitions.set(name, {
          name,
          topic,
          topicBytes: Buffer.from(topic),
          partition,
          position,
          fetchAt: position,
          end: this.#limited ? position : Number.POSITIVE_INFINITY,
          highWatermark: position,
          chunks: [],
          aheadBytes: 0,
          failingSince: 0,
          pausedUntil: 0,
          wasReset: known !== undefined && known !== position,
        })
      }
    }
    this.#list = [...this.#partitions.values()]
    const gone = first ? undefined : Object.keys(start ?? {}).find(name => !this.#partitions.has(name) && this.#isOwn(name))
    if (gone !== undefined && failOnDataLoss) {
      throw new EngineError('KAFKA_DATA_LOSS', { partition: gone, wanted: start?.[gone] ?? 0, first: 'nothing: the partition is gone' })
    }
  }

  #isOwn(name: string): boolean {
    return Number(name.slice(name.lastIndexOf(':') + 1)) % this.#context.readerCount === this.#context.readerIndex
  }

  async #setEnds(): Promise<void> {
    this.#limited = true
    for (const topic of new Set(this.#list.map(partition => partition.topic))) {
      const own = this.#list.filter(partition => partition.topic === topic)
      const ends = await chosenOffsets(
        this.#cluster,
        topic,
        own.map(({ partition }) => partition),
        this.#options.endingOffsets,
        this.#options.endingTimes,
        'latest',
      )
      for (const partition of own) partition.end = ends.get(partition.partition) ?? partition.position
    }
  }

  async #latest(whole: boolean): Promise<SourceOffset> {
    await this.#find(null, false)
    const ends: Record<string, number> = {}
    for (const topic of new Set(this.#list.map(partition => partition.topic))) {
      const own = this.#list.filter(partition => partition.topic === topic)
      const offsets = await this.#cluster.offsets(
        topic,
        own.map(({ partition }) => partition),
        LATEST,
      )
      for (const partition of own)
        ends[partition.name] = Math.max(partition.position, offsets.get(partition.partition) ?? partition.position)
    }
    const waiting = this.#list.reduce((sum, { name, position }) => sum + ends[name] - position, 0)
    const { maxOffsetsPerTrigger } = this.#options
    if (whole || waiting <= maxOffsetsPerTrigger) return ends
    // Each partition's share is that of its backlog, as in Spark.
    return Object.fromEntries(
      this.#list.map(({ name, position }) => [name, position + Math.ceil(((ends[name] - position) * maxOffsetsPerTrigger) / waiting)]),
    )
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#closed || this.#failure !== null) return
    this.#refreshing = true
    try {
      await this.#cluster.refreshMetadata()
      await this.#find(null, false)
      this.#startLoops()
    } catch (error) {
      // The fetch loops meet the same fault, and are patient with it.
      if (!isPassing(error) && !(error instanceof EngineError)) this.#fail(error)
    } finally {
      this.#refreshing = false
    }
  }

  #leaderOf({ topic, partition }: Partition): number {
    return this.#cluster.partitionsOf(topic).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
  }

  /** One loop for each broker that leads a partition. */
  #startLoops(): void {
    for (const partition of this.#list) {
      const leader = this.#leaderOf(partition)
      if (leader < 0 || this.#loops.has(leader) || this.#closed) continue
      this.#loops.add(leader)
      this.#fetchLoop(leader)
        .catch(error => this.#fail(error))
        .finally(() => this.#loops.delete(leader))
    }
  }

  async #fetchLoop(leader: number): Promise<void> {
    const { partitionFetchBytes, maxWaitMillis, readCommitted } = this.#options
    let failingSince = 0
    let wait = 20
    while (!this.#closed && this.#failure === null) {
      const own = this.#list.filter(partition => this.#leaderOf(partition) === leader)
      if (own.length === 0) return
      const now = performance.now()
      const isPaused = own.some(({ pausedUntil }) => pausedUntil > now)
      // One that has nothing is always fetched: what the others hold may wait for the next epoch, and this one's end it.
      const most = this.#aheadBytes < ALL_AHEAD_BYTES ? AHEAD_BYTES : 1
      const hungry = own.filter(({ aheadBytes, pausedUntil }) => aheadBytes < most && pausedUntil <= now)
      if (hungry.length === 0) {
        // Decoding resumes the loop; a pause is short.
        await new Promise<void>(resolve => (isPaused ? setTimeout(resolve, 20) : this.#wakeLoops.push(resolve)))
        continue
      }
      try {
        const parts = hungry.map(({ topic, partition, fetchAt }) => ({ topic, partition, offset: fetchAt }))
        const answers = await fetchRecords(this.#cluster, leader, parts, {
          maxWaitMillis: hungry.length < own.length ? Math.min(maxWaitMillis, SHORT_WAIT_MILLIS) : maxWaitMillis,
          maxBytes: FETCH_BYTES,
          partitionBytes: partitionFetchBytes,
          readCommitted,
        })
        if (this.#closed) return
        failingSince = 0
        wait = 20
        if (await this.#receive(answers)) await this.#moved()
      } catch (error) {
        if (this.#closed) return
        if (error instanceof EngineError || !isPassing(error)) throw error
        failingSince = this.#patience(failingSince, error)
        await new Promise(resolve => setTimeout(resolve, wait))
        wait = Math.min(1000, 2 * wait)
        await this.#moved()
      }
    }
  }

  /** Some partition may have another leader. */
  async #moved(): Promise<void> {
    await this.#cluster.refreshMetadata().catch(() => {})
    this.#startLoops()
  }

  /** Since when it fails. Throws KAFKA_UNREACHABLE once that is too long. */
  #patience(since: number, reason: unknown): number {
    const now = performance.now()
    const { patienceMillis, brokers } = this.#options
    if (since > 0 && now - since > patienceMillis) {
      const text = reason instanceof Error ? reason.message : String(reason)
      throw new EngineError('KAFKA_UNREACHABLE', { brokers: brokers.join(', '), seconds: patienceMillis / 1000, reason: text }, reason)
    }
    return since > 0 ? since : now
  }

  /** Takes what a fetch brought. True if some partition met a passing fault. */
  async #receive(answers: readonly FetchedPart[]): Promise<boolean> {
    const arrivalMicros = this.#context.clock()
    let isTroubled = false
    let brought = false
    const outOfRange: Partition[] = []
    for (const answer of answers) {
      const partition = this.#partitions.get(nameOf(answer.topic, answer.partition))
      if (partition === undefined) continue
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) outOfRange.push(partition)
      else if (answer.errorCode !== 0) {
        isTroubled = true
        this.#trouble(partition, answer.errorCode)
      } else if (this.#keep(partition, answer, arrivalMicros)) brought = true
    }
    if (brought) this.#wake()
    for (const partition of outOfRange) await this.#outOfRange(partition)
    return isTroubled
  }

  /** True if there are records, or none to wait for. */
  #keep(partition: Partition, { records, aborted, highWatermark }: FetchedPart, arrivalMicros: number): boolean {
    partition.failingSince = 0
    partition.highWatermark = highWatermark
    if (records.length === 0) {
      // A log that was made anew may never come to where this epoch was to end.
      const isAtEnd = partition.chunks.length === 0 && highWatermark <= partition.fetchAt
      if (!partition.wasReset || !isAtEnd || partition.end <= partition.fetchAt || !this.#limited) return false
      partition.end = partition.fetchAt
      return true
    }
    const next = endOfBatches(records)
    if (next < 0) {
      throw new EngineError('KAFKA_BAD_DATA', { where: partition.name, offset: partition.fetchAt, what: 'a fetch without a whole batch' })
    }
    if (next <= partition.fetchAt) return false
    const cursor = new RecordCursor(records, partition.fetchAt, aborted, partition.name)
    partition.chunks.push({ cursor, bytes: records.length, arrivalMicros })
    partition.aheadBytes += records.length
    this.#aheadBytes += records.length
    partition.fetchAt = next
    return true
  }

  /** Its leader cannot serve it. Others are read on; it is tried again in a while, until the patience is over. */
  #trouble(partition: Partition, errorCode: number): void {
    if (!isPassingCode(errorCode))
      throw new EngineError('SOURCE_FAILED', { source: `kafka ${partition.name}`, reason: codeName(errorCode) })
    const now = performance.now()
    partition.failingSince = this.#patience(partition.failingSince, `${partition.name}: ${codeName(errorCode)}`)
    partition.pausedUntil = now + Math.min(500, Math.max(20, (now - partition.failingSince) / 2))
    if (errorCode === UNKNOWN_TOPIC && now - partition.failingSince > UNKNOWN_MILLIS) this.#vanished(partition)
  }

  #vanished(partition: Partition): void {
    const { name, topic, position } = partition
    if (this.#options.failOnDataLoss)
      throw new EngineError('KAFKA_DATA_LOSS', { partition: name, wanted: position, first: 'nothing: the topic is gone' })
    this.#partitions.delete(name)
    this.#list = [...this.#partitions.values()]
    this.#aheadBytes -= partition.aheadBytes
    if (!this.#list.some(other => other.topic === topic)) this.#cluster.forgetTopic(topic)
    this.#wake()
  }

  /**
   * Where to go on reading: at `offset`, unless the log has let go of it, or has been made anew. Then that is an error, or the log's
   * beginning if the user says so.
   */
  async #stillThere(topic: string, partition: number, offset: number): Promise<number> {
    const [earliest, latest] = await Promise.all([EARLIEST, LATEST].map(at => this.#cluster.offsets(topic, [partition], at)))
    const [first, last] = [earliest.get(partition) ?? 0, latest.get(partition) ?? 0]
    if (offset >= first && offset <= last) return offset
    if (this.#options.failOnDataLoss) {
      throw new EngineError('KAFKA_DATA_LOSS', { partition: nameOf(topic, partition), wanted: offset, first: `${first}, the last ${last}` })
    }
    this.lostCount += Math.max(0, first - offset)
    return first
  }

  async #outOfRange(partition: Partition): Promise<void> {
    const next = await this.#stillThere(partition.topic, partition.partition, partition.fetchAt)
    partition.fetchAt = next
    if (partition.chunks.length === 0) partition.position = next
    partition.wasReset = true
    this.#wake()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure ??=
      error instanceof EngineError
        ? error
        : new EngineError('SOURCE_FAILED', { source: 'kafka', reason: error instanceof Error ? error.message : String(error) }, error)
    this.#wake()
  }

  #resumeLoops(): void {
    const waiting = this.#wakeLoops
    this.#wakeLoops = []
    for (const resume of waiting) resume()
  }
}

/** The offset after the last whole batch; −1 if there is none. */
const endOfBatches = (records: Buffer): number => {
  let end = -1
  for (let at = 0; at + 61 <= records.length; ) {
    const next = at + 12 + records.readInt32BE(at + 8)
    if (next > records.length || next < at + 61) break
    end = records.readInt32BE(at) * 4294967296 + records.readUInt32BE(at + 4) + records.readInt32BE(at + 23) + 1
    at = next
  }
  return end
}

/** What the subscription means now. `tolerant`: topics and partitions that are gone are left out. */
const subscribedPartitions = async (
  cluster: KafkaCluster,
  { subscription }: KafkaSourceOptions,
  tolerant = false,
): Promise<Map<string, readonly number[]>> => {
  const subscribed =
    subscription.kind === 'topics'
      ? subscription.topics
      : subscription.kind === 'assign'
        ? Object.keys(subscription.partitions)
        : (await cluster.topics()).filter(topic => subscription.pattern.test(topic))
  const topics: string[] = []
  if (!tolerant) {
    await cluster.addTopics(subscribed)
    topics.push(...subscribed)
  } else {
    for (const topic of subscribed) {
      try {
        await cluster.addTopics([topic])
        topics.push(topic)
      } catch (error) {
        if (!(error instanceof EngineError && error.code === 'KAFKA_TOPIC_MISSING')) throw error
      }
    }
  }
  return new Map(
    topics.map(topic => {
      const there = cluster.partitionsOf(topic).map(({ partitionId }) => partitionId)
      if (subscription.kind !== 'assign') return [topic, there.sort((a, b) => a - b)]
      const wanted = subscription.partitions[topic]
      if (tolerant) return [topic, wanted.filter(partition => there.includes(partition))]
      const missing = wanted.find(partition => !there.includes(partition))
      if (missing !== undefined)
        throw new EngineError('KAFKA_TOPIC_MISSING', {
          topic: nameOf(topic, missing),
          candidates: there.map(partition => nameOf(topic, partition)).join(', '),
        })
      return [topic, wanted]
    }),
  )
}

const chosenOffsets = async (
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
  choice: OffsetChoice,
  times: TimeChoice,
  withoutLater: 'error' | 'latest',
): Promise<Map<number, number>> => {
  if (times !== null) return offsetsByTime(cluster, topic, partitions, times, withoutLater)
  if (typeof choice === 'string') return cluster.offsets(topic, partitions, choice === 'earliest' ? EARLIEST : LATEST)
  const chosen = new Map<number, number>()
  for (const partition of partitions) {
    const offset = choice[topic]?.[String(partition)]
    if (offset === undefined)
      throw new EngineError('BAD_OPTION', {
        option: 'startingOffsets',
        value: JSON.stringify(choice),
        expected: `an offset for ${nameOf(topic, partition)} too`,
      })
    chosen.set(partition, offset >= 0 ? offset : ((await cluster.offsets(topic, [partition], offset)).get(partition) ?? 0))
  }
  return chosen
}

const offsetsByTime = async (
  cluster: KafkaCluster,
  topic: string,
  partitions: readonly number[],
  times: number | Exclude<TimeChoice, number | null>,
  withoutLater: 'error' | 'latest',
): Promise<Map<number, number>> => {
  const chosen = new Map<number, number>()
  for (const partition of partitions) {
    const time = typeof times === 'number' ? times : times[topic]?.[String(partition)]
    const refuse = (expected: string): never => {
      throw new EngineError('BAD_OPTION', { option: 'startingOffsetsByTimestamp', value: JSON.stringify(times), expected })
    }
    if (time === undefined) return refuse(`a time for ${nameOf(topic, partition)} too`)
    let offset = (await cluster.offsets(topic, [partition], time)).get(partition) ?? -1
    if (offset < 0) {
      if (withoutLater === 'error')
        return refuse(`a time that a record of ${nameOf(topic, partition)} reaches, or startingOffsetsByTimestampStrategy latest`)
      offset = (await cluster.offsets(topic, [partition], LATEST)).get(partition) ?? 0
    }
    chosen.set(partition, offset)
  }
  return chosen
}

const labelOf = ({ subscription }: KafkaSourceOptions): string =>
  subscription.kind === 'topics'
    ? subscription.topics.join(', ')
    : subscription.kind === 'pattern'
      ? String(subscription.pattern)
      : JSON.stringify(subscription.partitions)

/** `kafka`: options as Spark's connector has them; see the README. */
export const kafkaSource: SourceConnector = {
  name: 'kafka',
  options: kafkaSourceOptionNames,
  schema: schemaOf,
  describe: async (options, _schema, streaming) => {
    const parsed = kafkaSourceOptions(options, streaming)
    const cluster = new KafkaCluster(parsed)
    try {
      await cluster.connect()
      await subscribedPartitions(cluster, parsed)
    } finally {
      await cluster.disconnect()
    }
    return {
      schema: schemaOf(options),
      home: 'eventLoop',
      rows: 'records',
      maxReaders: 1,
      replayable: true,
      label: `kafka ${labelOf(parsed)}`,
    }
  },
  open: context => new KafkaReader(context),
}
