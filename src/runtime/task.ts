import { collectDropped } from 'native-free-buffers'
import { errorToWire } from '../base/errors.ts'
import type { SourceOffset, Ticket } from '../connector/connector.ts'
import type { CompiledChain } from '../operator/chain.ts'
import { type ChainState, EVENT_MAX, EVENT_MAX_EVER, ROWS_IN, ROWS_OUT, watermarkRegister } from '../operator/chain-state.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import { lagged } from '../operator/stateful.ts'
import type { ChangeChannel } from './change-channel.ts'
import { ChangeWriter } from './change-writer.ts'
import type { TaskCommand, TaskReport } from './control-protocol.ts'
import type { LatencyMeter } from './latency-meter.ts'
import { type InputEvents, SourceInput, type TaskInput } from './task-input.ts'
import type { TaskOutput } from './task-output.ts'
import { operatorReports, watermarkReports } from './task-reports.ts'
import type { WatermarkPolicy } from './watermark-merge.ts'

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
/** Entries sealed in a step without rows: some 3 µs, which a row that comes meanwhile waits at most. */
const IDLE_SEAL_ROWS = 32
/** Entries sealed for each row of a burst, and at least so many: so the end comes also to a task that is never idle. */
const SEAL_ROWS_PER_ROW = 0.25
const LEAST_SEAL_ROWS = 16

export interface TaskParts {
  readonly id: string
  readonly chain: CompiledChain
  readonly state: ChainState
  readonly input: TaskInput
  readonly output: TaskOutput
  readonly meter: LatencyMeter | null
  readonly watermarks: readonly { readonly watermarkId: number; readonly delayMillis: number }[]
  /** True if rows come from rings above which a watermark operator stands. */
  readonly hasInputWatermark: boolean
  /** How its own watermarks and that of its input make one. */
  readonly watermarkPolicy: WatermarkPolicy
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
  #watermark = Number.NEGATIVE_INFINITY
  #inputWatermark: number
  /** The watermark that `#usualFlow` works for. */
  readonly #flowing = new Float64Array(1)
  readonly #usualFlow: readonly Work[]
  /** The watermark that an epoch in real time began with, which the input's has yet to reach. */
  #owed = Number.NEGATIVE_INFINITY
  #sealing: { epoch: number; report: Extract<TaskReport, { kind: 'sealed' }> } | null = null
  /** The change logs of the epoch at hand and of the one that is being sealed, one an operator; they take turns. */
  #current: readonly ChangeWriter[]
  #sealed: readonly ChangeWriter[]
  #logs = false
  #latest: { request: number; ticket: Ticket<SourceOffset> }[] = []
  #opening: Ticket<void>[] = []
  #closing: Ticket<void>[] | null = null
  #isOpen = false
  #isDone = false
  #failed = false
  #hasToldEnd = false

  constructor(parts: TaskParts, opening: readonly Ticket<void>[]) {
    this.#parts = parts
    this.#limits = parts.limits ?? USUAL
    this.id = parts.id
    this.#opening = [...opening]
    this.#inputWatermark = parts.hasInputWatermark ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    const { changes, chain } = parts
    const writers = (): ChangeWriter[] =>
      changes === null ? [] : chain.operators.map(({ operatorId }) => new ChangeWriter(changes, operatorId))
    this.#current = writers()
    this.#sealed = writers()
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
      this.#sealing !== null ||
      !this.#parts.output.settled ||
      this.#parts.state.outputFull
    )
  }

  /** True if another step would go on with what is here; false may mean that only a step can tell. */
  get hasMore(): boolean {
    const { input, state } = this.#parts
    return this.#work.length > 0 || this.#sealing !== null || state.outputFull || input.backlog() > 0
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
    const rows = input.poll(chain, this.#limits.burstRows, this)
    if (rows > 0) {
      this.#afterBurst()
      progressed = true
    } else if (!this.#hasToldEnd && input.ended()) {
      this.#hasToldEnd = true
      this.#parts.report({ kind: 'ended', task: this.id })
    }
    if (this.#sealSlice(rows === 0 ? IDLE_SEAL_ROWS : Math.max(LEAST_SEAL_ROWS, Math.ceil(rows * SEAL_ROWS_PER_ROW)))) progressed = true
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
    if (watermarks.length > 0 && this.#policy?.mode === 'realTime') this.#advance()
  }

  // --- Control, in order with the rows

  onBegin(policy: EpochPolicy): void {
    const { state, chain, output } = this.#parts
    this.#policy = policy
    state.mode = policy.mode
    state.batchTimeMicros = policy.batchTimeMicros
    if (!this.#logs) {
      // From then on each barrier sets the next epoch's.
      this.#logs = true
      for (const [i, writer] of this.#current.entries()) {
        writer.begin(policy.epoch)
        const operator = chain.operators[i]
        if (operator.isTransient !== true) operator.store.log = writer
      }
    }
    for (const operator of chain.operators) operator.beginEpoch(lagged(policy, operator))
    output.beginEpoch(policy)
    if (policy.mode !== 'realTime' || policy.evictMillis <= this.#watermark) return
    if (this.#parts.hasInputWatermark) {
      // The tasks before send it on when they have put out what it makes due; until then that is not late here.
      this.#owed = policy.evictMillis
      this.#advance()
    } else {
      this.#flow(policy.evictMillis)
    }
  }

  onWatermark(millis: number): void {
    this.#inputWatermark = millis
    if (this.#policy?.mode === 'realTime') this.#advance()
  }

  onBarrier(): void {
    const policy = this.#policy
    if (policy === null) throw new Error('a barrier outside an epoch')
    // At most one epoch is being sealed: what is left of the one before is written first.
    this.#work.push(() => this.#finishSealing())
    this.#work.push(() => {
      this.#parts.state.endArrivals()
      return true
    })
    for (const operator of this.#parts.chain.operators)
      this.#work.push(() => operator.finishEpoch(lagged(policy, operator), this.#limits.cursorRows))
    this.#work.push(() => {
      this.#seal(policy)
      return true
    })
  }

  onEnd(): void {
    this.#work.push(
      () => this.#finishSealing(),
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

  #advance(): void {
    const { state, watermarks, hasInputWatermark, watermarkPolicy } = this.#parts
    const isMin = watermarkPolicy === 'min'
    let merged = isMin || hasInputWatermark ? this.#inputWatermark : Number.NEGATIVE_INFINITY
    for (let w = 0; w < watermarks.length; w++) {
      const at = watermarkRegister(w)
      const max = Math.max(state.registers[at + EVENT_MAX], state.registers[at + EVENT_MAX_EVER])
      const millis = max === Number.NEGATIVE_INFINITY ? max : Math.floor(max / 1000) - watermarks[w].delayMillis
      if (isMin ? millis < merged : millis > merged) merged = millis
    }
    if (hasInputWatermark && this.#inputWatermark >= this.#owed && merged < this.#owed) merged = this.#owed
    if (merged !== Number.POSITIVE_INFINITY && merged > this.#watermark) this.#flow(merged)
  }

  #flow(millis: number): void {
    this.#watermark = millis
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

  #seal(policy: EpochPolicy): void {
    const { chain, input, output, changes, state, watermarks } = this.#parts
    const { registers } = state
    output.barrier(policy.epoch)
    const report: Extract<TaskReport, { kind: 'sealed' }> = {
      kind: 'sealed',
      task: this.id,
      epoch: policy.epoch,
      position: input.position(),
      backlog: input.backlog(),
      counts: input.takeCounts(),
      watermarks: watermarkReports(state, watermarks),
      operators: operatorReports(chain.operators, policy, this.#watermark),
      rowsIn: registers[ROWS_IN],
      rowsOut: registers[ROWS_OUT],
    }
    registers[ROWS_IN] = 0
    registers[ROWS_OUT] = 0
    const next = this.#sealed
    this.#sealed = this.#current
    this.#current = next
    for (const writer of next) writer.begin(policy.epoch + 1)
    for (const [i, { store, isTransient }] of chain.operators.entries())
      store.beginSeal(isTransient === true ? null : (this.#current[i] ?? null))
    this.#sealing = { epoch: policy.epoch, report }
    this.#policy = null
    input.release()
    if (changes === null || chain.operators.length === 0) this.#sealSlice(this.#limits.sealRows)
    collectDropped()
  }

  /** A cursor: true once the epoch before is written. */
  #finishSealing(): boolean {
    if (this.#sealing === null) return true
    this.#sealSlice(this.#limits.sealRows)
    return false
  }

  /** Writes a slice of what changed. False if the disk is behind: then the epoch waits, the rows do not. */
  #sealSlice(rows: number): boolean {
    const sealing = this.#sealing
    if (sealing === null) return false
    const { chain, changes, report } = this.#parts
    if (changes !== null && !changes.flush()) return false
    const budget = Math.min(rows, this.#limits.sealRows)
    for (const { store } of chain.operators) if (!store.sealSlice(budget)) return true
    for (const writer of this.#sealed) writer.finish()
    if (changes !== null && !changes.flush()) return false
    this.#sealing = null
    report(sealing.report)
    return true
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
