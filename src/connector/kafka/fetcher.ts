import { EngineError, reasonOf } from '../../base/errors.ts'
import type { KafkaCluster } from './cluster.ts'
import type { KafkaSourceOptions } from './kafka-options.ts'
import { isPassing } from './kafkajs.ts'
import { stillThere } from './lost-records.ts'
import { codeName, type FetchedPart, fetchRecords, fetchRequest, isPassingCode, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC } from './requests.ts'
import { partitionName, type SourcePartition } from './source-partition.ts'

/** Fetched and not yet decoded, of one partition; a partition that has more is left out of the next fetch. */
const AHEAD_BYTES = 4 * 1024 * 1024
/** The same of all partitions: then only those are fetched that have nothing. */
const ALL_AHEAD_BYTES = 64 * 1024 * 1024
/** How long a fetch waits for records while some partition has been left out of it, which may want more in the meantime. */
const SHORT_WAIT_MILLIS = 5
const FETCH_BYTES = 10 * 1024 * 1024
/** How long a topic may be unknown to its broker, as after a creation, before it counts as gone. */
const UNKNOWN_MILLIS = 5000

const sleep = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))

/** Whom a fetcher fetches for. */
export interface FetchClient {
  /** As they are now. */
  readonly partitions: ReadonlyMap<string, SourcePartition>
  /** There is something to hand over: from inside the socket's call. */
  arrived(): void
  /** The topic is gone, and the user does not mind. */
  vanished(partition: SourcePartition): void
  failed(error: unknown): void
}

/**
 * Keeps partitions supplied: one long poll at a time for each broker that leads some, ahead of the decoding within bounds. The next request
 * is on its way while what the last one brought is decoded.
 */
export class Fetcher {
  readonly #cluster: KafkaCluster
  readonly #options: KafkaSourceOptions
  readonly #clock: () => number
  readonly #client: FetchClient
  /** Brokers that are being polled. */
  readonly #leaders = new Set<number>()
  #sleepers: (() => void)[] = []
  #isOver = false

  constructor(cluster: KafkaCluster, options: KafkaSourceOptions, clock: () => number, client: FetchClient) {
    this.#cluster = cluster
    this.#options = options
    this.#clock = clock
    this.#client = client
  }

  /**
   * Polls every broker that leads a partition; those that are polled already go on, and look again at what they lead: a partition that is
   * new to one that rests would wait for the others' rows to be decoded.
   */
  start(): void {
    this.resume()
    for (const { topic, partition } of this.#client.partitions.values()) {
      const leader = this.#cluster.leaderOf(topic, partition)
      if (leader < 0 || this.#leaders.has(leader) || this.#isOver) continue
      this.#leaders.add(leader)
      this.#poll(leader).catch(error => this.#fail(error))
    }
  }

  /** Some of what was ahead has been decoded. */
  resume(): void {
    if (this.#sleepers.length === 0) return
    const sleepers = this.#sleepers
    this.#sleepers = []
    for (const wake of sleepers) wake()
  }

  close(): void {
    this.#isOver = true
    this.resume()
  }

  async #poll(leader: number): Promise<void> {
    const request = fetchRequest(this.#options.clientId)
    const { partitionFetchBytes: partitionBytes, maxWaitMillis, readCommitted } = this.#options
    let failingSince = 0
    for (let turn = 0; !this.#isOver; turn++) {
      const own = [...this.#client.partitions.values()].filter(
        ({ topic, partition }) => this.#cluster.leaderOf(topic, partition) === leader,
      )
      if (own.length === 0) {
        // In one step with the look: a `start` that came in between would leave to this poll what it no longer looks for.
        this.#leaders.delete(leader)
        return
      }
      const now = performance.now()
      const hungry = this.#hungry(own, turn, now)
      if (hungry.length === 0) {
        await this.#rest(own, now)
        continue
      }
      try {
        const limits = {
          maxWaitMillis: hungry.length < own.length ? Math.min(maxWaitMillis, SHORT_WAIT_MILLIS) : maxWaitMillis,
          maxBytes: FETCH_BYTES,
          partitionBytes,
          readCommitted,
        }
        const { isTroubled, outOfRange } = await fetchRecords(this.#cluster, leader, request, hungry, limits, answers =>
          this.#receive(answers),
        )
        failingSince = 0
        for (const partition of outOfRange) await this.#findAgain(partition)
        if (isTroubled) await this.#lookForLeaders()
      } catch (error) {
        if (this.#isOver) return
        if (error instanceof EngineError || !isPassing(error)) throw error
        failingSince = this.#patience(failingSince, error)
        await sleep(pauseOf(failingSince))
        await this.#lookForLeaders()
      }
    }
  }

  /**
   * Those that have room. One that has nothing is always fetched: what the others hold may wait for the next epoch, and this one's end it.
   * Each comes first in turn: what is larger than a fetch's bounds comes only for the first.
   */
  #hungry(own: readonly SourcePartition[], turn: number, now: number): SourcePartition[] {
    let ahead = 0
    for (const { aheadBytes } of this.#client.partitions.values()) ahead += aheadBytes
    const most = ahead < ALL_AHEAD_BYTES ? AHEAD_BYTES : 1
    const hungry = own.filter(({ aheadBytes, pausedUntil }) => aheadBytes < most && pausedUntil <= now)
    const first = turn % Math.max(1, hungry.length)
    return first === 0 ? hungry : [...hungry.slice(first), ...hungry.slice(0, first)]
  }

  /** Decoding ends the rest, or a pause is over. `now`: as it was for `#hungry`; a pause that ended since then would never end the rest. */
  #rest(own: readonly SourcePartition[], now: number): Promise<void> {
    return own.some(({ pausedUntil }) => pausedUntil > now) ? sleep(20) : new Promise(resolve => this.#sleepers.push(resolve))
  }

  /** Takes what a fetch brought. */
  #receive(answers: readonly FetchedPart[]): { isTroubled: boolean; outOfRange: SourcePartition[] } {
    const outOfRange: SourcePartition[] = []
    let isTroubled = false
    let brought = false
    if (this.#isOver) return { isTroubled, outOfRange }
    const arrivalMicros = this.#clock()
    const bytes = answers.reduce((sum, { records }) => sum + records.length, 0)
    for (const answer of answers) {
      const partition = this.#client.partitions.get(partitionName(answer.topic, answer.partition))
      if (partition === undefined) continue
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) outOfRange.push(partition)
      else if (answer.errorCode !== 0) {
        isTroubled = true
        this.#trouble(partition, answer.errorCode)
      } else if (partition.keep(answer, bytes, arrivalMicros)) brought = true
    }
    if (brought) this.#client.arrived()
    return { isTroubled, outOfRange }
  }

  /** Its leader cannot serve it. Others are read on; it is tried again in a while, until the patience is over. */
  #trouble(partition: SourcePartition, errorCode: number): void {
    if (!isPassingCode(errorCode))
      throw new EngineError('SOURCE_FAILED', { source: `kafka ${partition.name}`, reason: codeName(errorCode) })
    partition.failingSince = this.#patience(partition.failingSince, `${partition.name}: ${codeName(errorCode)}`)
    partition.pausedUntil = performance.now() + pauseOf(partition.failingSince)
    if (errorCode !== UNKNOWN_TOPIC || performance.now() - partition.failingSince < UNKNOWN_MILLIS) return
    if (this.#options.failOnDataLoss) {
      const { name, position } = partition
      throw new EngineError('KAFKA_DATA_LOSS', { partition: name, wanted: position, first: 'nothing: the topic is gone' })
    }
    this.#client.vanished(partition)
  }

  async #findAgain(partition: SourcePartition): Promise<void> {
    const { topic, fetchAt } = partition
    const found = await stillThere(this.#cluster, this.#options, topic, new Map([[partition.partition, fetchAt]]))
    const next = found.get(partition.partition) ?? fetchAt
    if (this.#isOver) return
    // There after all: a leader that is new may have said so, and will know better in a moment.
    if (next === fetchAt) partition.pausedUntil = performance.now() + 100
    else partition.reset(next)
    this.#client.arrived()
  }

  /** Some partition may have another one. */
  async #lookForLeaders(): Promise<void> {
    await this.#cluster.refreshMetadata().catch(() => {})
    this.start()
  }

  /** Since when it fails. Throws KAFKA_UNREACHABLE once that is too long. */
  #patience(since: number, reason: unknown): number {
    const now = performance.now()
    const { patienceMillis, brokers } = this.#options
    if (since > 0 && now - since > patienceMillis) {
      const text = reasonOf(reason)
      throw new EngineError('KAFKA_UNREACHABLE', { brokers: brokers.join(', '), seconds: patienceMillis / 1000, reason: text }, reason)
    }
    return since > 0 ? since : now
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.close()
    this.#client.failed(error)
  }
}

/** Longer the longer it fails. */
const pauseOf = (failingSince: number): number => Math.min(1000, Math.max(20, (performance.now() - failingSince) / 2))
