import { systemClock } from '../../base/clock.ts'
import { errorFromWire } from '../../base/errors.ts'
import { EpochWatermark } from '../../coordinator/epoch-watermark.ts'
import { objectReader } from '../../expression/object-codec.ts'
import type { CompiledChain } from '../../operator/chain.ts'
import type { ChainInput } from '../../operator/chain-spec.ts'
import { ChainState } from '../../operator/chain-state.ts'
import type { EpochPolicy } from '../../operator/epoch-policy.ts'
import type { OutputMode } from '../../plan/logical-plan.ts'
import type { PhysicalPlan } from '../../plan/physical-plan.ts'
import type { StructType } from '../../record/data-type.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import { Task } from '../../runtime/task.ts'
import type { InputEvents, TaskInput } from '../../runtime/task-input.ts'
import type { TaskOutput } from '../../runtime/task-output.ts'
import { type RowFeed, type RowForm, rowFeed } from '../row-feed.ts'
import { compileSingle, onlyStage } from '../single-chain.ts'
import { staticTablesOf } from '../torture/instance.ts'
import { PreparedColumns } from './prepared-columns.ts'

/** The modes that can be measured; see `mode` of BenchSpec. */
export type BenchMode = 'realTime' | 'microBatch'

/** One task over one chain of operators, between rows that are ready and an output that counts. */
export class BenchChain {
  readonly chain: CompiledChain
  readonly inputSchema: StructType
  /** Whether rows grow too old when they come again. */
  readonly isTimed: boolean
  readonly #task: Task
  readonly #input: PassInput
  readonly #output: CountingOutput
  readonly #mode: BenchMode
  readonly #watermark: EpochWatermark
  #failure: Error | null = null
  #epoch = 0

  /** `mostRows`: how many are ever made ready at once. */
  constructor(physical: PhysicalPlan, outputMode: OutputMode, mode: BenchMode, input: RowForm, mostRows: number) {
    const stage = onlyStage(physical)
    const watermarks = stage.ops
      .filter(op => op.kind === 'watermark')
      .map(({ watermarkId, delayMicros }) => ({ watermarkId, delayMillis: delayMicros / 1000 }))
    const state = new ChainState(watermarks.length, systemClock())
    this.#mode = mode
    this.#watermark = new EpochWatermark(new Map(watermarks.map(w => [w.watermarkId, w.delayMillis])), 'min', null)
    this.#input = new PassInput(stage.inputSchema, input, mostRows)
    this.#output = new CountingOutput(stage.outputSchema)
    this.inputSchema = stage.inputSchema
    this.isTimed = watermarks.length > 0
    const { buffer } = this.#output
    this.chain = compileSingle('bench', stage, staticTablesOf(physical), outputMode, {
      input: this.#input.chainInput,
      output: { kind: 'records', layout: buffer.layout, out: buffer },
      state,
    })
    this.#task = new Task(
      {
        id: 'bench',
        chain: this.chain,
        state,
        input: this.#input,
        output: this.#output,
        meter: null,
        watermarks,
        hasInputWatermark: false,
        watermarkPolicy: 'min',
        changes: null,
        report: report => {
          if (report.kind === 'failed') this.#failure = errorFromWire(report.error)
          if (report.kind === 'sealed') this.#watermark.advance(report.watermarks, mode)
        },
      },
      [],
    )
  }

  /** Rows that came out, ever. */
  get rowsOut(): number {
    return this.#output.count
  }

  /** Makes rows ready for `run`, in the form in which they come in. */
  prepare(rows: readonly UserRow[]): void {
    this.#input.prepare(rows)
  }

  /** Runs what was prepared: as one epoch in micro-batches, else inside one that does not end. */
  run(): void {
    const ends = this.#mode === 'microBatch'
    this.#input.start(ends || this.#epoch === 0 ? this.#nextPolicy() : null, ends)
    while (this.#task.step() === 'progressed') {}
    if (this.#failure !== null) throw this.#failure
  }

  /** The same, and gives the rows that came out. */
  runAndRead(): UserRow[] {
    const rows: UserRow[] = []
    this.#output.collected = rows
    this.run()
    this.#output.collected = null
    return rows
  }

  #nextPolicy(): EpochPolicy {
    const { exists, lateMillis, evictMillis } = this.#watermark
    return {
      epoch: this.#epoch++,
      mode: this.#mode,
      batchTimeMicros: systemClock()(),
      lateMillis: exists ? lateMillis : Number.NEGATIVE_INFINITY,
      evictMillis: exists ? evictMillis : Number.NEGATIVE_INFINITY,
    }
  }
}

class PassInput implements TaskInput {
  readonly #feed: RowFeed
  #rowCount = 0
  #policy: EpochPolicy | null = null
  #endsEpoch = false
  #awaitingRelease = false

  constructor(schema: StructType, form: RowForm, mostRows: number) {
    this.#feed = form === 'columns' ? new PreparedColumns(schema, mostRows) : rowFeed(schema, form, 1)
  }

  get chainInput(): ChainInput {
    return this.#feed.chainInput
  }

  prepare(rows: readonly UserRow[]): void {
    this.#rowCount = rows.length
    this.#feed.set(rows)
  }

  /** The rows again, after the beginning of an epoch if there is one, before its end if so asked. */
  start(policy: EpochPolicy | null, endsEpoch: boolean): void {
    this.#policy = policy
    this.#endsEpoch = endsEpoch
    this.#feed.rewind()
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    if (this.#awaitingRelease) return 0
    if (this.#policy !== null) {
      const policy = this.#policy
      this.#policy = null
      events.onBegin(policy)
      return 1
    }
    if (this.#feed.next < this.#rowCount) return this.#feed.run(chain, budget, this.#rowCount)
    if (!this.#endsEpoch) return 0
    this.#endsEpoch = false
    this.#awaitingRelease = true
    events.onBarrier()
    return 1
  }

  release(): void {
    this.#awaitingRelease = false
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

/** Takes every row as a record, as the ring to another task does, and forgets it at the end of the burst. */
class CountingOutput implements TaskOutput {
  readonly buffer: RecordBuffer
  readonly settled = true
  count = 0
  readonly #read: ReturnType<typeof objectReader>
  collected: UserRow[] | null = null

  constructor(schema: StructType) {
    this.buffer = new RecordBuffer(RowLayout.of(schema))
    this.#read = objectReader(schema)
  }

  step(): boolean {
    const { buffer } = this
    if (buffer.isEmpty) return false
    this.count += buffer.rowCount
    if (this.collected !== null) for (let p = buffer.next(); p >= 0; p = buffer.next()) this.collected.push(this.#read(buffer, p))
    buffer.clear()
    return true
  }

  beginEpoch(): void {}

  watermark(): void {}

  barrier(): void {
    this.step()
  }

  takePrepared(): null {
    return null
  }

  end(): void {}

  close(): null {
    return null
  }
}
