import { EpochWatermark } from '../../coordinator/epoch-watermark.ts'
import type { EpochPolicy } from '../../operator/epoch-policy.ts'
import { analyze } from '../../plan/analyze.ts'
import { type AnalyzedPlan, childrenOf } from '../../plan/analyzed-plan.ts'
import { conjunctsOf } from '../../plan/conjuncts.ts'
import { optimize } from '../../plan/optimize.ts'
import { planPhysical } from '../../plan/physical-plan.ts'
import { Instance, staticTablesOf } from './instance.ts'
import { JoinedSides, tortured } from './joined-sides.ts'
import type { EpochResult, RunOptions, Scenario, ScenarioEpoch } from './scenario.ts'
import type { ScriptPart } from './script-input.ts'
import { Snapshot } from './snapshot.ts'

const FIRST_MICROS = 1_700_000_000_000_000

/**
 * Runs a scenario on this thread, under a clock that moves a second an epoch. Gives what each epoch put out; in complete mode, the last
 * result of it.
 */
export const runScenario = (scenario: Scenario, options: RunOptions): EpochResult[] => {
  const { plan } = analyze(scenario.plan)
  const physical = planPhysical(options.optimizes ? optimize(plan) : plan, 1, scenario.outputMode)
  const delays = new Map(
    physical.stages.flatMap(({ ops }) =>
      ops.flatMap(op => (op.kind === 'watermark' ? [[op.watermarkId, op.delayMicros / 1000] as const] : [])),
    ),
  )
  const watermark = new EpochWatermark(delays, 'min', null)
  const snapshot = new Snapshot()
  let nowMicros = FIRST_MICROS
  let epoch = 0
  const { stage, sides } = tortured(physical)
  const tables = staticTablesOf(physical)
  const joined = sides.length === 0 ? null : new JoinedSides(physical, scenario.outputMode, () => nowMicros, delays)
  const fresh = (): Instance => new Instance(stage, tables, scenario.outputMode, options, () => nowMicros, snapshot)
  let instance = fresh()

  const runEpoch = (part: ScenarioEpoch) => {
    const { mode, rows } = part
    const policy: EpochPolicy = {
      epoch: epoch++,
      mode,
      batchTimeMicros: nowMicros,
      lateMillis: watermark.exists ? watermark.lateMillis : Number.NEGATIVE_INFINITY,
      evictMillis: watermark.exists ? watermark.evictMillis : Number.NEGATIVE_INFINITY,
    }
    const begin: ScriptPart[] =
      joined !== null && mode === 'realTime' && watermark.exists ? [{ rows: [], watermark: policy.evictMillis }] : []
    const parts = joined === null ? [{ rows, watermark: null }] : [...begin, ...joined.take(part, nowMicros, policy.evictMillis)]
    const { rows: put, sealed, changes } = instance.run(policy, parts)
    watermark.advance(joined === null ? sealed.watermarks : joined.reports, mode)
    if (options.restores) {
      for (const [operatorId, chunks] of changes) snapshot.apply(operatorId, chunks)
      instance = fresh()
    }
    return { put, operators: sealed.operators }
  }

  return scenario.epochs.map((whole): EpochResult => {
    const { mode, rows, sources } = whole
    nowMicros += 1_000_000
    const parts =
      mode === 'realTime' && options.restores && rows.length > 0
        ? rows.map((row, i) => ({ mode, rows: [row], sources: sources?.slice(i, i + 1) }))
        : [whole]
    const done = parts.map(runEpoch)
    const last = done[done.length - 1]
    const total = (count: (report: (typeof last.operators)[number]) => number): number =>
      done.flatMap(({ operators }) => operators).reduce((sum, report) => sum + count(report), 0)
    return {
      rows: scenario.outputMode === 'complete' ? last.put : done.flatMap(({ put }) => put),
      late: total(report => report.rowsDroppedByWatermark),
      duplicates: total(report => report.duplicatesDropped),
      stateRows: last.operators.reduce((sum, { rowsTotal }) => sum + rowsTotal, 0),
    }
  })
}

/** True if the optimizer has rows left out before a watermark sees them that come to it in the plan as it is. */
export const movesWatermark = (scenario: Scenario): boolean => {
  const { plan } = analyze(scenario.plan)
  return conditionsBelowWatermarks(optimize(plan)) !== conditionsBelowWatermarks(plan)
}

const conditionsBelowWatermarks = (plan: AnalyzedPlan, isBelow = false): number => {
  const own = plan.kind === 'filter' && isBelow ? conjunctsOf(plan.condition).length : 0
  const below = isBelow || plan.kind === 'watermark'
  return childrenOf(plan).reduce((sum, child) => sum + conditionsBelowWatermarks(child, below), own)
}
