import { Doorbell } from 'native-free-buffers'
import { type Clock, systemClock } from '../base/clock.ts'
import { StaticTable } from '../operator/static-table.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { buildTask } from './build-task.ts'
import type { TaskReport } from './control-protocol.ts'
import { EventLoopHost } from './event-loop-host.ts'
import { restoreTask } from './restore-task.ts'
import type { HostSpec } from './task-spec.ts'

export const BELL_STRIDE = 128

/** Builds all tasks of one host on this thread. Throws EngineErrors for what cannot be built. */
export const buildHost = (
  spec: HostSpec,
  report: (report: TaskReport, transfer?: readonly ArrayBuffer[]) => void,
  clock: Clock = systemClock(),
): EventLoopHost => {
  const tables = new Map(
    spec.tables.map(table => {
      const rows = new RecordBuffer(RowLayout.of(table.schema), table.bytes.length + 64)
      rows.load(table.bytes)
      return [table.tableId, new StaticTable(table.schema, rows, table.keys)] as const
    }),
  )
  let host: EventLoopHost | null = null
  const wake = (): void => host?.wake()
  const built = spec.tasks.map(task => buildTask(task, spec, { clock, tables, report, wake, restore: restoreTask }))
  host = new EventLoopHost(
    built.map(({ task }) => task),
    {
      idle: spec.idle,
      bell: new Doorbell(spec.bells, spec.host * BELL_STRIDE),
      timed: built.some(({ timed }) => timed),
    },
  )
  return host
}
