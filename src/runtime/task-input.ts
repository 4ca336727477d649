import type { RingReader } from 'native-free-buffers'
import { emptyArray } from '../base/empty-array.ts'
import type { ColumnReader, ObjectReader, RecordReader, SourceOffset, SourceReader, Ticket } from '../connector/connector.ts'
import type { CompiledChain } from '../operator/chain.ts'
import { ARRIVAL, type ChainState } from '../operator/chain-state.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import { ColumnBatch } from '../record/column-batch.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import type { RowLayout } from '../record/row-layout.ts'
import { BarrierAlignment } from './barrier-alignment.ts'
import { BARRIER, DATA, END, EPOCH_BEGIN, readPolicy, WATERMARK } from './control-frame.ts'
import type { TaskCommand } from './control-protocol.ts'
import { WatermarkMerge, type WatermarkPolicy } from './watermark-merge.ts'

/** What a task's input tells the task to do, in order with the rows. */
export interface InputEvents {
  onBegin(policy: EpochPolicy): void
  onWatermark(millis: number): void
  onBarrier(): void
  onEnd(): void
}

/**
 * Where a task's rows come from. `poll` runs the chain over what is there and returns how many rows; control comes through the events, at
 * most one a poll.
 */
export interface TaskInput {
  poll(chain: CompiledChain, budget: number, events: InputEvents): number
  /** The epoch's barrier has been dealt with: reading goes on. */
  release(): void
  /** A source's position, for the checkpoint; null for rings. */
  position(): SourceOffset | null
  backlog(): number
  /** What a source counted in the epoch; null for rings. */
  takeCounts(): Readonly<Record<string, number>> | null
  /** Nothing more will ever be read, and everything that was has been processed. */
  ended(): boolean
  close(): Ticket<void> | null
}

/** Rings from the stage before. */
export class RingsInput implements TaskInput {
  readonly #readers: readonly RingReader[]
  readonly #alignment: BarrierAlignment
  readonly #merge: WatermarkMerge
  readonly #large: RecordBuffer
  readonly #state: ChainState
  #epoch = Number.NEGATIVE_INFINITY
  #turn = 0
  #ended = false

  constructor(
    readers: readonly RingReader[],
    hasWatermark: readonly boolean[],
    policy: WatermarkPolicy,
    layout: RowLayout,
    state: ChainState,
  ) {
    this.#state = state
    this.#readers = readers
    this.#alignment = new BarrierAlignment(readers.length)
    this.#merge = new WatermarkMerge(hasWatermark, policy)
    this.#large = new RecordBuffer(layout)
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    const readers = this.#readers
    let rows = 0
    for (let k = 0; k < readers.length; k++) {
      const i = (this.#turn + k) % readers.length
      if (!this.#alignment.isReadable(i)) continue
      const reader = readers[i]
      const kind = reader.peekKind()
      if (kind === 0) continue
      if (kind === DATA) {
        if (reader.atFragment) {
          const large = reader.takeFragment()
          if (large === null) continue
          this.#large.clear()
          this.#large.appendLoose(large.bytes, large.hash, large.arrivalMicros)
          rows += chain.runRecords(this.#large, 1)
        } else {
          rows += chain.runRecords(reader, budget)
        }
        reader.release()
        continue
      }
      this.#control(i, kind, reader, events)
      reader.release()
      this.#turn = i
      return rows + 1
    }
    this.#turn = (this.#turn + 1) % readers.length
    return rows
  }

  #control(input: number, kind: number, reader: RingReader, events: InputEvents): void {
    const p = reader.control()
    switch (kind) {
      case EPOCH_BEGIN: {
        const policy = readPolicy(reader.f64, p)
        if (policy.epoch <= this.#epoch) return
        this.#epoch = policy.epoch
        events.onBegin(policy)
        return
      }
      case WATERMARK: {
        const before = this.#merge.current
        const after = this.#merge.update(input, reader.f64[p >> 3])
        if (after <= before) return
        // What this closes could not have come out before the row that moved the watermark.
        this.#state.registers[ARRIVAL] = reader.arrivalMicrosAt(p)
        events.onWatermark(after)
        return
      }
      case BARRIER:
        if (this.#alignment.arrive(input)) events.onBarrier()
        return
      case END:
        this.#alignment.end(input)
        if (this.#alignment.allEnded && !this.#ended) {
          this.#ended = true
          events.onEnd()
        }
        return
      default:
        throw new Error(`a frame of unknown kind ${kind}`)
    }
  }

  release(): void {
    this.#alignment.release()
  }

  position(): null {
    return null
  }

  backlog(): number {
    return 0
  }

  takeCounts(): null {
    return null
  }

  ended(): boolean {
    return false
  }

  close(): null {
    return null
  }
}

/**
 * Rows that a program pushes one by one, without a pause: of the first so many each is measured, then one in so many. To look at the clock
 * twice takes as long as all else that is done for such a row.
 */
const SINGLES_MEASURED = 8

const NO_ROW: Record<string, unknown> = {}

/** A source, read under the coordinator's commands. */
export class SourceInput implements TaskInput {
  readonly reader: SourceReader
  readonly #buffer: RecordBuffer | null
  readonly #batch: ColumnBatch | null
  readonly #rows: Record<string, unknown>[] = []
  #nextRow = 0
  readonly #single: Record<string, unknown>[] = [NO_ROW]
  /** Rows of the batch. */
  #rowCount = 0
  /** Rows that came one by one since the source last had none. */
  #singles = 0
  readonly #commands: TaskCommand[] = []
  #policy: EpochPolicy | null = null
  #awaitingRelease = false
  #finished = false
  #isDraining = false
  readonly #clock: () => number
  readonly #state: ChainState

  /** `room`: where rows come into, a batch for a ColumnReader, a buffer for a RecordReader. */
  constructor(reader: SourceReader, room: RecordBuffer | ColumnBatch | null, clock: () => number, state: ChainState) {
    this.reader = reader
    this.#buffer = room instanceof RecordBuffer ? room : null
    this.#batch = room instanceof ColumnBatch ? room : null
    this.#clock = clock
    this.#state = state
  }

  /** Queues a begin, end or finish; they take effect in order. */
  command(command: TaskCommand): void {
    this.#commands.push(command)
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    if (this.#awaitingRelease || this.#finished) return 0
    if (this.#policy === null) return this.#begin(events)
    const left = this.#runLeftovers(chain, budget)
    if (left > 0) return left
    const next = this.#commands[0]
    if (this.#policy.mode === 'realTime') {
      // Rows that have arrived before the order to end may belong to either epoch; the sooner the barrier, the better.
      if (next?.kind === 'end' && next.epoch === this.#policy.epoch && this.#isDrained(next.drain)) {
        this.#commands.shift()
        return this.#barrier(events)
      }
    } else if (this.reader.exhausted()) {
      return this.#barrier(events)
    }
    switch (this.reader.rows) {
      case 'records':
        return this.#pollRecords(this.reader, chain, budget)
      case 'objects':
        return this.#pollObjects(this.reader, chain, budget)
      case 'columns':
        return this.#pollColumns(this.reader, chain, budget)
    }
  }

  #isDrained(drain: boolean): boolean {
    if (!drain || this.reader.drain === undefined) return true
    if (!this.#isDraining) this.reader.drain()
    this.#isDraining = true
    return this.reader.exhausted()
  }

  #begin(events: InputEvents): number {
    const command = this.#commands.shift()
    if (command === undefined) return 0
    if (command.kind === 'finish') {
      this.#finished = true
      events.onEnd()
      return 1
    }
    if (command.kind !== 'begin') return 1
    this.#policy = command.policy
    this.reader.limit(command.policy.mode === 'realTime' ? null : command.end)
    events.onBegin(command.policy)
    return 1
  }

  #barrier(events: InputEvents): number {
    this.#awaitingRelease = true
    this.#policy = null
    events.onBarrier()
    return 1
  }

  #runLeftovers(chain: CompiledChain, budget: number): number {
    if (this.#buffer !== null) {
      if (!this.#buffer.hasNext()) return 0
      const n = chain.runRecords(this.#buffer, budget)
      if (!this.#buffer.hasNext()) this.#buffer.clear()
      return n
    }
    if (this.#batch !== null) return this.#runColumns(chain)
    if (this.#nextRow === this.#rows.length) return 0
    return this.#runObjects(chain)
  }

  #pollRecords(reader: RecordReader, chain: CompiledChain, budget: number): number {
    const buffer = this.#buffer
    if (buffer === null) throw new Error('a record source without a buffer')
    buffer.arrivalMicros = this.#clock()
    const n = reader.poll(buffer, budget)
    if (n === 0) return 0
    chain.runRecords(buffer, n)
    if (!buffer.hasNext()) buffer.clear()
    return n
  }

  #pollObjects(reader: ObjectReader, chain: CompiledChain, budget: number): number {
    const n = reader.poll(this.#rows, budget)
    if (n === 0) {
      this.#singles = 0
      return 0
    }
    this.#arrived(reader, n)
    this.#runObjects(chain)
    return n
  }

  /** One row of an epoch in real time, past the reader and the rows that it handed over, of which there are none. False: not taken. */
  runRow(chain: CompiledChain, row: Record<string, unknown>): boolean {
    const { reader } = this
    if (reader.rows !== 'objects' || this.#policy?.mode !== 'realTime' || this.#commands.length > 0 || this.#rows.length > 0) return false
    this.#arrived(reader, 1)
    this.#single[0] = row
    chain.runObjects(this.#single, 0, 1)
    this.#single[0] = NO_ROW
    return true
  }

  #arrived(reader: ObjectReader, rows: number): void {
    if (rows === 1 && ++this.#singles > SINGLES_MEASURED && this.#singles % SINGLES_MEASURED !== 0) {
      this.#state.arriveUnmeasured()
      return
    }
    const arrival = reader.arrivalMicros()
    this.#state.arrive(arrival === 0 ? this.#clock() : arrival)
  }

  #pollColumns(reader: ColumnReader, chain: CompiledChain, budget: number): number {
    const batch = this.#batch
    if (batch === null) throw new Error('a column source without a batch')
    batch.clear()
    const asked = this.#clock()
    const n = reader.poll(batch, Math.min(budget, batch.capacity))
    if (n === 0) return 0
    this.#nextRow = 0
    this.#rowCount = n
    if (batch.arrivals === null) this.#state.arrive(reader.arrivalMicros() || asked)
    this.#runColumns(chain)
    return n
  }

  #runColumns(chain: CompiledChain): number {
    const from = this.#nextRow
    if (from === this.#rowCount) return 0
    this.#nextRow = chain.runColumns(from, this.#rowCount)
    const n = this.#nextRow - from
    if (this.#nextRow === this.#rowCount) this.#nextRow = this.#rowCount = 0
    return n
  }

  #runObjects(chain: CompiledChain): number {
    const from = this.#nextRow
    this.#nextRow = chain.runObjects(this.#rows, from, this.#rows.length)
    const n = this.#nextRow - from
    if (this.#nextRow === this.#rows.length) {
      emptyArray(this.#rows)
      this.#nextRow = 0
    }
    return n
  }

  /** The reader's position is that of the rows processed only when none wait in between; a barrier is taken only then. */
  position(): SourceOffset {
    return this.reader.position()
  }

  release(): void {
    this.#awaitingRelease = false
  }

  backlog(): number {
    return this.reader.backlog()
  }

  takeCounts(): Readonly<Record<string, number>> | null {
    return this.reader.takeCounts?.() ?? null
  }

  ended(): boolean {
    const noRows = this.#nextRow === (this.#batch === null ? this.#rows.length : this.#rowCount)
    return noRows && this.#buffer?.hasNext() !== true && this.reader.ended?.() === true
  }

  close(): Ticket<void> {
    return this.reader.close()
  }
}
