import { collectDropped } from 'native-free-buffers'
import { errorToWire } from '../base/errors.ts'
import type { SourceOffset, Ticket } from '../connector/connector.ts'
import type { CompiledChain } from '../operator/chain.ts'
import { ROWS_IN, ROWS_OUT } from '../operator/chain-state.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import { lagged } from '../operator/stateful.ts'
import type { ChangeChannel } from './change-channel.ts'
import type { TaskCommand, TaskReport } from './control-protocol.ts'
import { EpochSeal } from './epoch-seal.ts'
import type { LatencyMeter } from './latency-meter.ts'
import { type InputEvents, SourceInput, type TaskInput } from './task-input.ts'
import type { TaskOutput } from './task-output.ts'
import { operatorReports, watermarkReports } from './task-reports.ts'
import { TaskWatermark, type WatermarkParts } from './task-watermark.ts'

export type StepResult = 'progressed' | 'idle' | 'done'

/** How much a task does in one step before it looks at everything else. */
export interface StepLimits {
  readonly burstRows: number
  /** Entries that emission or eviction may visit. */
  readonly cursorRows: number
  /** Entries sealed while rows flow, after a full burst; fewer after a smaller one. */
  readonly sealRows: number
}

/** 256 entries are sealed in some 25 µs. */
const USUAL: StepLimits = { burstRows: 1024, cursorRows: 1024, sealRows: 256 }
/**
 * V8 optimises a function that it finds hot for its next call, and the loop that runs just then as well if that goes on long enough. Should
 * the function's own optimised code be thrown away after that, as when a branch is taken for the first time, each later call begins in
 * baseline code, with a box for every double of a row, and goes over to the loop's code after one turn, before V8 has counted anything: it
 * stays so. The first bursts are too short for their loop to be optimised.
 */
const COLD_BURSTS = 196_608
const COLD_BURST_ROWS = 16
/** Entries sealed in a step without rows: some 3 µs, which a row that comes meanwhile waits at most. */
const IDLE_SEAL_ROWS = 32
/** Entries sealed for each row of a burst, and at least so many: so the end comes also to a task that is never idle. */
const SEAL_ROWS_PER_ROW = 0.25
const LEAST_SEAL_ROWS = 16

export interface TaskParts extends WatermarkParts {
  readonly id: string
  readonly chain: CompiledChain
  readonly input: TaskInput
  readonly output: TaskOutput
  readonly meter: LatencyMeter | null
  /** Takes what changes in the state; null if it is not kept. */
  readonly changes: ChangeChannel | null
  readonly report: (report: TaskReport) => void
  /** Tests make them tiny, so that everything that can be interrupted is. */
  readonly limits?: StepLimits
}

/** What a task does next, when it is not simply reading. Each is a cursor: called until it says true. */
type Work = () => boolean

/**
 * One chain of operators for one partition, as a state machine. `step` never blocks. Order of duties: move output on; finish what an
 * epoch's end or a watermark has begun; read; seal a slice of state. Nothing waits for a checkpoint: the barrier freezes the list of
 * changes, and rows of the next epoch flow while it is written.
 */
export class Task implements InputEvents {
  readonly id: string
  readonly #parts: TaskParts
  readonly #limits: StepLimits
  #work: Work[] = []
  #policy: EpochPolicy | null = null
  readonly #watermark: TaskWatermark
  /** The watermark that `#usualFlow` works for. */
  readonly #flowing = new Float64Array(1)
  readonly #usualFlow: readonly Work[]
  readonly #seal: EpochSeal
  #latest: { request: number; ticket: Ticket<SourceOffset> }[] = []
  #opening: Ticket<void>[] = []
  #closing: Ticket<void>[] | null = null
  #isOpen = false
  #isDone = false
  #failed = false
  #hasToldEnd = false
  #coldBursts = COLD_BURSTS

  constructor(parts: TaskParts, opening: readonly Ticket<void>[]) {
    this.#parts = parts
    this.#limits = parts.limits ?? USUAL
    this.id = parts.id
    this.#opening = [...opening]
    this.#watermark = new TaskWatermark(parts)
    this.#seal = new EpochSeal(parts.chain.operators, parts.changes, parts.report, this.#limits.sealRows)
    this.#usualFlow = this.#flowWork(() => this.#flowing[0])
  }

  get failed(): boolean {
    return this.#failed
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** True while something asynchronous is under way that nothing but polling will notice. */
  get isWaiting(): boolean {
    return (
      this.#opening.length > 0 ||
      this.#latest.length > 0 ||
      this.#closing !== null ||
      this.#seal.isUnderWay ||
      !this.#parts.output.settled ||
      this.#parts.state.outputFull
    )
  }

  /** True if another step would go on with what is here; false may mean that only a step can tell. */
  get hasMore(): boolean {
    const { input, state } = this.#parts
    return this.#work.length > 0 || this.#seal.isUnderWay || state.outputFull || input.backlog() > 0
  }

  command(command: TaskCommand): void {
    const { input } = this.#parts
    if (!(input instanceof SourceInput)) throw new Error(`task ${this.id} reads no source`)
    switch (command.kind) {
      case 'latest':
        this.#latest.push({ request: command.request, ticket: input.reader.latest(command.whole) })
        return
      case 'committed':
        input.reader.committed(command.offset)
        return
      default:
        input.command(command)
    }
  }

  /** Does a bounded piece of work. Errors end the task and are reported. */
  step(): StepResult {
    if (this.#isDone) return 'done'
    try {
      return this.#step()
    } catch (error) {
      this.#fail(error)
      return 'done'
    }
  }

  /**
   * Does for one row of its source what `step` would, if there is nothing else that a step would do. False: there is, and the row was not
   * taken. What follows from the row is left to steps.
   */
  runRow(row: Record<string, unknown>): boolean {
    if (!this.#isOpen || this.#isDone || this.#work.length > 0 || this.isWaiting) return false
    const { input, chain } = this.#parts
    try {
      if (!(input instanceof SourceInput) || !input.runRow(chain, row)) return false
      this.#afterBurst()
    } catch (error) {
      this.#fail(error)
    }
    return true
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#isDone = true
    this.#parts.report({ kind: 'failed', task: this.id, error: errorToWire(error) })
  }

  /** Gives up at once: releases source and sink. */
  abandon(): Ticket<void>[] {
    this.#isDone = true
    return this.#closeAll()
  }

  #step(): StepResult {
    const { output, chain, input, state } = this.#parts
    if (!this.#isOpen) {
      if (!this.#opened()) return 'idle'
      this.#isOpen = true
    }
    if (this.#closing !== null) return this.#closed()
    let progressed = output.step()
    this.#answer()
    if (state.outputFull) return progressed ? 'progressed' : 'idle'
    if (this.#work.length > 0) {
      if (this.#work[0]()) this.#work.shift()
      this.#afterBurst()
      return 'progressed'
    }
    const { burstRows } = this.#limits
    const rows = input.poll(chain, this.#coldBursts > 0 ? Math.min(COLD_BURST_ROWS, burstRows) : burstRows, this)
    if (rows > 0) {
      if (this.#coldBursts > 0) this.#coldBursts--
      this.#afterBurst()
      progressed = true
    } else if (!this.#hasToldEnd && input.ended()) {
      this.#hasToldEnd = true
      this.#parts.report({ kind: 'ended', task: this.id })
    }
    if (this.#seal.slice(rows === 0 ? IDLE_SEAL_ROWS : Math.max(LEAST_SEAL_ROWS, Math.ceil(rows * SEAL_ROWS_PER_ROW)))) progressed = true
    return progressed ? 'progressed' : 'idle'
  }

  #opened(): boolean {
    for (const ticket of this.#opening) {
      if (!ticket.done) return false
      if (ticket.error !== undefined) throw ticket.error
    }
    this.#opening = []
    this.#parts.report({ kind: 'ready', task: this.id, position: this.#parts.input.position() })
    return true
  }

  #answer(): void {
    const prepared = this.#parts.output.takePrepared()
    if (prepared !== null) this.#parts.report({ kind: 'prepared', task: this.id, epoch: prepared.epoch, token: prepared.token })
    const first = this.#latest[0]
    if (first === undefined || !first.ticket.done) return
    this.#latest.shift()
    if (first.ticket.error !== undefined) throw first.ticket.error
    this.#parts.report({ kind: 'latest', task: this.id, request: first.request, offset: first.ticket.value ?? {} })
  }

  #afterBurst(): void {
    const { meter, output, watermarks } = this.#parts
    output.step()
    meter?.burst()
    if (watermarks.length > 0 && this.#policy?.mode === 'realTime' && this.#watermark.advance()) this.#flow(this.#watermark.millis)
  }

  // --- Control, in order with the rows

  onBegin(policy: EpochPolicy): void {
    const { state, chain, output } = this.#parts
    this.#policy = policy
    state.mode = policy.mode
    state.batchTimeMicros = policy.batchTimeMicros
    this.#seal.begin(policy.epoch)
    for (const operator of chain.operators) operator.beginEpoch(lagged(policy, operator))
    output.beginEpoch(policy)
    if (policy.mode !== 'realTime' || policy.evictMillis <= this.#watermark.millis) return
    if (this.#parts.hasInputWatermark) {
      // The tasks before send it on when they have put out what it makes due; until then that is not late here.
      this.#watermark.owedMillis = policy.evictMillis
      if (this.#watermark.advance()) this.#flow(this.#watermark.millis)
    } else {
      this.#watermark.millis = policy.evictMillis
      this.#flow(policy.evictMillis)
    }
  }

  onWatermark(millis: number): void {
    this.#watermark.inputMillis = millis
    if (this.#policy?.mode === 'realTime' && this.#watermark.advance()) this.#flow(this.#watermark.millis)
  }

  onBarrier(): void {
    const policy = this.#policy
    if (policy === null) throw new Error('a barrier outside an epoch')
    // At most one epoch is being sealed: what is left of the one before is written first.
    this.#work.push(() => this.#seal.finish())
    this.#work.push(() => {
      this.#parts.state.endArrivals()
      return true
    })
    for (const operator of this.#parts.chain.operators)
      this.#work.push(() => operator.finishEpoch(lagged(policy, operator), this.#limits.cursorRows))
    this.#work.push(() => {
      this.#endEpoch(policy)
      return true
    })
  }

  onEnd(): void {
    this.#work.push(
      () => this.#seal.finish(),
      () => {
        this.#parts.output.end()
        return true
      },
      () => this.#parts.output.settled,
      () => {
        this.#closing = this.#closeAll()
        return true
      },
    )
  }

  // --- Watermarks

  /** The watermark has moved. */
  #flow(millis: number): void {
    if (this.#work.length > 0) {
      this.#work.push(...this.#flowWork(() => millis))
      return
    }
    // This is so often, once a burst, that closures of its own each time would be most of a task's garbage.
    this.#flowing[0] = millis
    for (let i = 0; i < this.#usualFlow.length; i++) this.#work.push(this.#usualFlow[i])
  }

  /** What a watermark has the operators do, and then the output. */
  #flowWork(millis: () => number): Work[] {
    const { chain, output } = this.#parts
    const advance = chain.operators.map(operator => () => operator.advance(millis() - operator.flags.lagMillis, this.#limits.cursorRows))
    return [
      ...advance,
      () => {
        output.watermark(millis())
        return true
      },
    ]
  }

  // --- The end of an epoch

  #endEpoch(policy: EpochPolicy): void {
    const { chain, input, output, changes, state, watermarks } = this.#parts
    const { registers } = state
    output.barrier(policy.epoch)
    const report: TaskReport = {
      kind: 'sealed',
      task: this.id,
      epoch: policy.epoch,
      position: input.position(),
      backlog: input.backlog(),
      counts: input.takeCounts(),
      watermarks: watermarkReports(state, watermarks),
      operators: operatorReports(chain.operators, policy, this.#watermark.millis),
      rowsIn: registers[ROWS_IN],
      rowsOut: registers[ROWS_OUT],
    }
    registers[ROWS_IN] = 0
    registers[ROWS_OUT] = 0
    this.#seal.freeze(policy.epoch, report)
    this.#policy = null
    input.release()
    if (changes === null || chain.operators.length === 0) this.#seal.slice(this.#limits.sealRows)
    collectDropped()
  }

  #closeAll(): Ticket<void>[] {
    const { input, output } = this.#parts
    return [input.close(), output.close()].filter(ticket => ticket !== null)
  }

  #closed(): StepResult {
    this.#parts.output.step()
    for (const ticket of this.#closing ?? []) {
      if (!ticket.done) return 'idle'
      if (ticket.error !== undefined) throw ticket.error
    }
    this.#isDone = true
    this.#parts.report({ kind: 'done', task: this.id })
    return 'done'
  }
}
