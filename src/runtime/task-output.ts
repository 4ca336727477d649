import { emptyArray } from '../base/empty-array.ts'
import type { ObjectWriterSink, RecordWriterSink, SinkToken, Ticket } from '../connector/connector.ts'
import { ARRIVAL, type ChainState } from '../operator/chain-state.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import { BARRIER, END, EPOCH_BEGIN, WATERMARK } from './control-frame.ts'
import type { LatencyMeter } from './latency-meter.ts'
import type { RingOutlet } from './ring-outlet.ts'

/** Where a chain's rows go. Never blocks; `full` says that the task must not read. */
export interface TaskOutput {
  /** Passes on what it can. True if something moved. */
  step(): boolean
  beginEpoch(policy: EpochPolicy): void
  watermark(millis: number): void
  /** The epoch's rows are all here. */
  barrier(epoch: number): void
  /** The token of an epoch that is prepared now, once each; null while none is. */
  takePrepared(): { epoch: number; token: SinkToken } | null
  /** No epoch is still being prepared. */
  readonly settled: boolean
  end(): void
  close(): Ticket<void> | null
}

/** Rings to the next stage. */
export class RingsOutput implements TaskOutput {
  readonly #outlets: readonly RingOutlet[]
  readonly #state: ChainState
  readonly settled = true

  constructor(outlets: readonly RingOutlet[], state: ChainState) {
    this.#outlets = outlets
    this.#state = state
  }

  step(): boolean {
    const wasFull = this.#state.outputFull
    let full = false
    for (const outlet of this.#outlets) if (!outlet.flush()) full = true
    this.#state.outputFull = full
    return wasFull && !full
  }

  beginEpoch(policy: EpochPolicy): void {
    for (const outlet of this.#outlets) outlet.beginEpoch(EPOCH_BEGIN, policy)
  }

  watermark(millis: number): void {
    for (const outlet of this.#outlets) {
      outlet.arrivalMicros = this.#state.registers[ARRIVAL]
      outlet.control(WATERMARK, millis)
    }
  }

  barrier(epoch: number): void {
    for (const outlet of this.#outlets) outlet.control(BARRIER, epoch)
  }

  takePrepared(): null {
    return null
  }

  end(): void {
    for (const outlet of this.#outlets) outlet.control(END, 0)
  }

  close(): null {
    return null
  }
}

/** What both kinds of sink do alike: they prepare epochs and account for latency. */
abstract class SinkOutput<S extends RecordWriterSink | ObjectWriterSink> implements TaskOutput {
  protected readonly sink: S
  protected readonly state: ChainState
  protected readonly meter: LatencyMeter
  #preparing: { epoch: number; ticket: Ticket<SinkToken> }[] = []

  constructor(sink: S, state: ChainState, meter: LatencyMeter) {
    this.sink = sink
    this.state = state
    this.meter = meter
  }

  abstract offerAll(): void
  abstract readonly waiting: boolean

  step(): boolean {
    if (this.waiting) this.offerAll()
    const moved = this.sink.step()
    this.state.outputFull = this.waiting
    this.meter.settle(this.sink.acknowledgedCount())
    return moved
  }

  beginEpoch(policy: EpochPolicy): void {
    this.sink.beginEpoch(policy.epoch)
  }

  watermark(): void {}

  barrier(epoch: number): void {
    this.#preparing.push({ epoch, ticket: this.sink.prepare(epoch) })
  }

  takePrepared(): { epoch: number; token: SinkToken } | null {
    const first = this.#preparing[0]
    if (first === undefined || !first.ticket.done) return null
    this.#preparing.shift()
    if (first.ticket.error !== undefined) throw first.ticket.error
    return { epoch: first.epoch, token: first.ticket.value }
  }

  get settled(): boolean {
    return this.#preparing.length === 0
  }

  end(): void {}

  close(): Ticket<void> {
    return this.sink.close()
  }
}

/** A sink that takes records. */
export class RecordSinkOutput extends SinkOutput<RecordWriterSink> {
  readonly buffer: RecordBuffer

  constructor(sink: RecordWriterSink, buffer: RecordBuffer, state: ChainState, meter: LatencyMeter) {
    super(sink, state, meter)
    this.buffer = buffer
  }

  get waiting(): boolean {
    return this.buffer.hasNext()
  }

  offerAll(): void {
    this.sink.offer(this.buffer)
    if (!this.buffer.hasNext()) this.buffer.clear()
  }
}

/** A sink that takes objects. A row goes to it at once, from inside the generated code, unless earlier ones still wait. */
export class ObjectSinkOutput extends SinkOutput<ObjectWriterSink> {
  readonly #backlog: Record<string, unknown>[] = []
  #head = 0

  get waiting(): boolean {
    return this.#head < this.#backlog.length
  }

  push(row: Record<string, unknown>): void {
    if (this.#head === this.#backlog.length && this.sink.offer(row)) return
    this.#backlog.push(row)
    this.state.outputFull = true
  }

  offerAll(): void {
    while (this.#head < this.#backlog.length && this.sink.offer(this.#backlog[this.#head])) this.#head++
    if (this.#head < this.#backlog.length) return
    emptyArray(this.#backlog)
    this.#head = 0
  }
}
