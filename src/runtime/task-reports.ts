import {
  type ChainState,
  EVENT_COUNT,
  EVENT_MAX,
  EVENT_MAX_EVER,
  EVENT_MIN,
  EVENT_SUM,
  watermarkRegister,
} from '../operator/chain-state.ts'
import { Deduplicate } from '../operator/deduplicate.ts'
import type { EpochPolicy } from '../operator/epoch-policy.ts'
import { lagged, type StatefulOperator } from '../operator/stateful.ts'
import type { OperatorReport, WatermarkReport } from './control-protocol.ts'

/** What each watermark operator of a task has seen in the epoch that ends. Its counts begin anew. */
export const watermarkReports = (state: ChainState, watermarks: readonly { readonly watermarkId: number }[]): WatermarkReport[] =>
  watermarks.map(({ watermarkId }, w) => {
    const at = watermarkRegister(w)
    const r = state.registers
    r[at + EVENT_MAX_EVER] = Math.max(r[at + EVENT_MAX_EVER], r[at + EVENT_MAX])
    const report = {
      watermarkId,
      maxMicros: r[at + EVENT_MAX],
      minMicros: r[at + EVENT_MIN],
      sumMicros: r[at + EVENT_SUM],
      count: r[at + EVENT_COUNT],
      maxEverMicros: r[at + EVENT_MAX_EVER],
    }
    state.resetEventTimes(w)
    return report
  })

/** What each operator with state has done in the epoch that ends. Its counts begin anew. `watermark`: the task's, where it flows. */
export const operatorReports = (operators: readonly StatefulOperator[], policy: EpochPolicy, watermark: number): OperatorReport[] =>
  operators
    .filter(operator => operator.isTransient !== true)
    .map(operator => {
      const { store, flags } = operator
      const flows = policy.mode === 'realTime'
      const { lateMillis, evictMillis } = lagged(flows ? { ...policy, evictMillis: watermark } : policy, operator)
      const report: OperatorReport = {
        operatorId: operator.operatorId,
        name: operator.name,
        rowsTotal: store.size,
        rowsUpdated: store.updatedCount,
        rowsRemoved: store.removedCount,
        rowsDroppedByWatermark: flags.dropped[0],
        duplicatesDropped: operator instanceof Deduplicate ? operator.duplicates[0] : 0,
        usedBytes: store.usedBytes + (operator.ownBytes ?? 0),
        timed: store.buckets !== null,
        lateMillis: flows ? flags.lateMillis : lateMillis,
        evictMillis,
        waitMillis: flags.waitMillis,
      }
      store.updatedCount = 0
      store.removedCount = 0
      flags.dropped[0] = 0
      if (operator instanceof Deduplicate) operator.duplicates[0] = 0
      return report
    })
