import { errorFromWire } from '../../base/errors.ts'
import { objectReader, objectWriter } from '../../expression/object-codec.ts'
import { type CompiledChain, compileChain } from '../../operator/chain.ts'
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
import { onlyStage, staticTablesOf } from '../torture/instance.ts'

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
  #failure: Error | null = null
  #epoch = 0

  constructor(physical: PhysicalPlan, outputMode: OutputMode, mode: BenchMode, input: 'records' | 'objects') {
    const stage = onlyStage(physical)
    const watermarks = stage.ops.filter(op => op.kind === 'watermark')
    const state = new ChainState(watermarks.length, () => performance.timeOrigin * 1000)
    this.#mode = mode
    this.#input = new PassInput(stage.inputSchema, input)
    this.#output = new CountingOutput(stage.outputSchema)
    this.inputSchema = stage.inputSchema
    this.isTimed = watermarks.length > 0
    this.chain = compileChain({
      name: 'bench',
      input:
        input === 'records'
          ? { kind: 'records', layout: RowLayout.of(stage.inputSchema) }
          : { kind: 'objects', schema: stage.inputSchema, columns: stage.inputSchema.fields.map((_, i) => i) },
      inputSchema: stage.inputSchema,
      ops: stage.ops,
      output: { kind: 'records', layout: this.#output.buffer.layout, out: this.#output.buffer },
      outputMode,
      state,
      tables: staticTablesOf(physical),
      isFull: () => state.outputFull,
    })
    this.#task = new Task(
      {
        id: 'bench',
        chain: this.chain,
        state,
        input: this.#input,
        output: this.#output,
        meter: null,
        watermarks: watermarks.map(op => ({ watermarkId: op.watermarkId, delayMillis: op.delayMicros / 1000 })),
        hasInputWatermark: false,
        watermarkPolicy: 'min',
        changes: null,
        report: report => {
          if (report.kind === 'failed') this.#failure = errorFromWire(report.error)
          if (report.kind === 'sealed') this.#evict(report.watermarks.map(({ maxEverMicros }) => maxEverMicros))
        },
      },
      [],
    )
  }

  /** Rows that came out, ever. */
  get rowsOut(): number {
    return this.#output.count
  }

  /** Makes rows ready for `run`, as records or as they are. */
  prepare(rows: readonly UserRow[]): void {
    this.#input.prepare(rows)
  }

  /** Runs what was prepared; in micro-batches as one epoch, else inside one that does not end. */
  run(): void {
    if (this.#mode === 'microBatch' || this.#epoch === 0) this.#input.begin(this.#policy())
    this.#input.start(this.#mode === 'microBatch')
    while (this.#task.step() === 'progressed') {}
    if (this.#failure !== null) throw this.#failure
  }

  /** Reads what comes out from now on; for the check of an answer. */
  collect(): UserRow[] {
    return this.#output.collect()
  }

  #evictMillis = Number.NEGATIVE_INFINITY
  #lateMillis = Number.NEGATIVE_INFINITY
  readonly #delays: readonly number[] = []

  #policy(): EpochPolicy {
    return {
      epoch: this.#epoch++,
      mode: this.#mode,
      batchTimeMicros: performance.timeOrigin * 1000,
      lateMillis: this.#lateMillis,
      evictMillis: this.#evictMillis,
    }
  }

  #evict(largest: readonly number[]): void {
    this.#lateMillis = this.#evictMillis
    for (const [w, micros] of largest.entries())
      this.#evictMillis = Math.max(this.#evictMillis, Math.floor(micros / 1000) - (this.#delays[w] ?? 0))
  }
}

class PassInput implements TaskInput {
  readonly #buffer: RecordBuffer | null
  readonly #write: ReturnType<typeof objectWriter>
  #rows: readonly UserRow[] = []
  #policy: EpochPolicy | null = null
  #next = 0
  #endsEpoch = false
  #awaitingRelease = false

  constructor(schema: StructType, kind: 'records' | 'objects') {
    this.#buffer = kind === 'records' ? new RecordBuffer(RowLayout.of(schema)) : null
    this.#write = objectWriter(schema)
  }

  prepare(rows: readonly UserRow[]): void {
    this.#rows = rows
    this.#next = rows.length
    if (this.#buffer === null) return
    this.#buffer.clear()
    for (const row of rows) this.#write(row, this.#buffer)
  }

  begin(policy: EpochPolicy): void {
    this.#policy = policy
  }

  start(endsEpoch: boolean): void {
    this.#next = 0
    this.#endsEpoch = endsEpoch
    this.#buffer?.rewind()
  }

  poll(chain: CompiledChain, budget: number, events: InputEvents): number {
    if (this.#awaitingRelease) return 0
    if (this.#policy !== null) {
      const policy = this.#policy
      this.#policy = null
      events.onBegin(policy)
      return 1
    }
    const from = this.#next
    if (from < this.#rows.length) {
      const to = Math.min(from + budget, this.#rows.length)
      this.#next = this.#buffer === null ? chain.runObjects(this.#rows, from, to) : from + chain.runRecords(this.#buffer, to - from)
      return this.#next - from
    }
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
  #collected: UserRow[] | null = null

  constructor(schema: StructType) {
    this.buffer = new RecordBuffer(RowLayout.of(schema))
    this.#read = objectReader(schema)
  }

  collect(): UserRow[] {
    this.#collected = []
    return this.#collected
  }

  step(): boolean {
    const { buffer } = this
    if (buffer.isEmpty) return false
    this.count += buffer.rowCount
    if (this.#collected !== null) for (let p = buffer.next(); p >= 0; p = buffer.next()) this.#collected.push(this.#read(buffer, p))
    buffer.clear()
    return true
  }

  stopCollecting(): void {
    this.#collected = null
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
