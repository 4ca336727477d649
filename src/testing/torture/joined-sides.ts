import type { OutputMode } from '../../plan/logical-plan.ts'
import type { PhysicalPlan, Stage } from '../../plan/physical-plan.ts'
import { type StructType, structType } from '../../record/data-type.ts'
import type { WatermarkReport } from '../../runtime/control-protocol.ts'
import { onlyStage } from '../single-chain.ts'
import { Instance, staticTablesOf } from './instance.ts'
import { type ScenarioEpoch, undisturbed } from './scenario.ts'
import type { ScriptPart } from './script-input.ts'

/** The stage under torture: the only one, or the one in which streams meet that have no state before. */
export const tortured = (physical: PhysicalPlan): { readonly stage: Stage; readonly sides: readonly Stage[] } => {
  const { stages } = physical
  if (stages.length === 1) return { stage: onlyStage(physical), sides: [] }
  const last = stages[stages.length - 1]
  // Rows go over as objects, and both sides may have a column of the same name.
  const stage = { ...last, inputSchema: numbered(last.inputSchema) }
  const sides = stages.slice(0, -1).map(side => ({ ...side, outputSchema: numbered(side.outputSchema) }))
  if (sides.some(({ input, ops }) => input.kind !== 'source' || ops.some(op => 'operatorId' in op))) {
    throw new Error('it must be one chain of operators, over one source or streams without state')
  }
  return { stage, sides }
}

const numbered = ({ fields }: StructType): StructType => structType(fields.map((f, i) => ({ ...f, name: `${i} ${f.name}` })))

/**
 * What the stages before a join or a union send it: each row as they make it, and in real time the least of their watermarks behind it,
 * as it comes through the rings. They have no state, so they are not disturbed.
 */
export class JoinedSides {
  readonly #sides: readonly Instance[]
  readonly #delays: ReadonlyMap<number, number>
  readonly #reports = new Map<number, WatermarkReport>()
  #epoch = 0

  constructor(physical: PhysicalPlan, outputMode: OutputMode, nowMicros: () => number, delays: ReadonlyMap<number, number>) {
    const tables = staticTablesOf(physical)
    this.#sides = tortured(physical).sides.map(stage => new Instance(stage, tables, outputMode, undisturbed, nowMicros, null))
    this.#delays = delays
  }

  /** What the operators of event time have seen so far. */
  get reports(): readonly WatermarkReport[] {
    return [...this.#reports.values()]
  }

  /** The parts that a row and its watermark are. `floor`: the watermark that the epoch began with. */
  take({ mode, rows, sources }: ScenarioEpoch, batchTimeMicros: number, floor: number): ScriptPart[] {
    return rows.map((row, i): ScriptPart => {
      const policy = {
        epoch: this.#epoch++,
        mode: 'microBatch' as const,
        batchTimeMicros,
        lateMillis: Number.NEGATIVE_INFINITY,
        evictMillis: Number.NEGATIVE_INFINITY,
      }
      const made = this.#sides[sources?.[i] ?? 0].run(policy, [{ rows: [row], watermark: null }])
      for (const report of made.sealed.watermarks) this.#reports.set(report.watermarkId, report)
      return { rows: made.rows, watermark: mode === 'realTime' && this.#delays.size > 0 ? this.#watermark(floor) : null }
    })
  }

  #watermark(floor: number): number {
    const each = [...this.#delays].map(([id, delay]) => {
      const seen = this.#reports.get(id)?.maxEverMicros ?? Number.NEGATIVE_INFINITY
      return Math.floor(seen / 1000) - delay
    })
    return Math.max(floor, Math.min(...each))
  }
}
