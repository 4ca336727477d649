import { errorFromWire } from '../../base/errors.ts'
import { objectWriter } from '../../expression/object-codec.ts'
import type { CompiledChain } from '../../operator/chain.ts'
import { ChainState } from '../../operator/chain-state.ts'
import type { EpochPolicy } from '../../operator/epoch-policy.ts'
import { StaticTable } from '../../operator/static-table.ts'
import type { OutputMode } from '../../plan/logical-plan.ts'
import { type PhysicalPlan, planPhysical, type Stage } from '../../plan/physical-plan.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import { reportChanges } from '../../runtime/change-channel.ts'
import type { TaskReport } from '../../runtime/control-protocol.ts'
import { Task } from '../../runtime/task.ts'
import { compileSingle, onlyStage } from '../single-chain.ts'
import { type RunOptions, undisturbed } from './scenario.ts'
import { ScriptInput, type ScriptPart } from './script-input.ts'
import { SlotOutput } from './slot-output.ts'
import type { Snapshot } from './snapshot.ts'

export type Sealed = Extract<TaskReport, { kind: 'sealed' }>

/** What the task of an instance is never asked to exceed before its epoch ends: a loop without an end is a failure, not a hang. */
const MOST_STEPS = 5_000_000

/** One task over a chain of operators, with its input and output in the kit's hands. A real task: only the ends are ours. */
export class Instance {
  readonly chain: CompiledChain
  readonly #task: Task
  readonly #input: ScriptInput
  readonly #output: SlotOutput
  #reports: TaskReport[] = []

  constructor(
    stage: Stage,
    tables: ReadonlyMap<number, StaticTable>,
    outputMode: OutputMode,
    options: RunOptions,
    nowMicros: () => number,
    snapshot: Snapshot | null,
  ) {
    const watermarks = stage.ops.filter(op => op.kind === 'watermark')
    const state = new ChainState(watermarks.length, nowMicros)
    this.#input = new ScriptInput(stage.inputSchema, options.input, state)
    this.#output = new SlotOutput(stage.outputSchema, options.output, options.oneSlot, state)
    this.chain = compileSingle('torture', stage, tables, outputMode, {
      input: this.#input.chainInput,
      output: this.#output.chainOutput,
      state,
    })
    for (const operator of this.chain.operators) {
      snapshot?.restore(operator)
      operator.store.updatedCount = 0
    }
    const { burstRows, cursorRows, sealRows } = options
    const report = (report: TaskReport): void => {
      this.#reports.push(report)
    }
    this.#task = new Task(
      {
        id: 'torture',
        chain: this.chain,
        state,
        input: this.#input,
        output: this.#output,
        meter: null,
        watermarks: watermarks.map(op => ({ watermarkId: op.watermarkId, delayMillis: op.delayMicros / 1000 })),
        hasInputWatermark: stage.input.kind === 'stages',
        watermarkPolicy: 'min',
        changes: options.restores ? reportChanges('torture', report) : null,
        report,
        limits: { burstRows, cursorRows, sealRows },
      },
      [],
    )
  }

  /** Runs one epoch to the end of its checkpoint. Returns what it put out, what the task said of it, and what changed. */
  run(policy: EpochPolicy, parts: readonly ScriptPart[]): { rows: UserRow[]; sealed: Sealed; changes: Map<number, Uint8Array[]> } {
    this.#input.epoch(policy, parts)
    for (let steps = 0; ; steps++) {
      if (steps === MOST_STEPS) throw new Error(`epoch ${policy.epoch} does not come to an end`)
      this.#task.step()
      const reports = this.#reports
      const failed = reports.find(report => report.kind === 'failed')
      if (failed !== undefined) throw errorFromWire(failed.error)
      const sealed = reports.find(report => report.kind === 'sealed')
      if (sealed === undefined) continue
      const changes = new Map<number, Uint8Array[]>()
      for (const report of reports)
        if (report.kind === 'changes') changes.set(report.operatorId, [...(changes.get(report.operatorId) ?? []), report.chunk])
      this.#reports = []
      return { rows: this.#output.rows.splice(0), sealed, changes }
    }
  }
}

/** The static tables of a plan, read. */
export const staticTablesOf = (physical: PhysicalPlan): Map<number, StaticTable> =>
  new Map(physical.tables.map(({ tableId, plan, keys }) => [tableId, tableOf(planPhysical(plan, 1, 'append'), keys)]))

/** The static side of a join, computed by a batch of its own. */
const tableOf = (physical: PhysicalPlan, keys: PhysicalPlan['tables'][number]['keys']): StaticTable => {
  const stage = onlyStage(physical)
  const { input, outputSchema } = stage
  if (input.kind !== 'local') throw new Error('a static table must be rows in the plan itself')
  const policy: EpochPolicy = {
    epoch: 0,
    mode: 'batch',
    batchTimeMicros: 0,
    lateMillis: Number.NEGATIVE_INFINITY,
    evictMillis: Number.NEGATIVE_INFINITY,
  }
  const instance = new Instance(stage, new Map(), 'append', undisturbed, () => 0, null)
  const { rows } = instance.run(policy, [{ rows: input.rows, watermark: null }])
  const buffer = new RecordBuffer(RowLayout.of(outputSchema))
  const write = objectWriter(outputSchema)
  for (const row of rows) write(row, buffer)
  return new StaticTable(outputSchema, buffer, keys)
}
