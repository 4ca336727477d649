import { type Doorbell, RingWriter } from 'native-free-buffers'
import { type Clock, systemClock } from '../base/clock.ts'
import { StaticTable } from '../operator/static-table.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { bellOf } from './bells.ts'
import { BlockingHost } from './blocking-host.ts'
import { buildTask, type TaskEnvironment } from './build-task.ts'
import { RingChanges } from './change-channel.ts'
import type { TaskReport } from './control-protocol.ts'
import { EventLoopHost } from './event-loop-host.ts'
import { restoreTask } from './restore-task.ts'
import type { Task } from './task.ts'
import type { HostSpec } from './task-spec.ts'

type Report = (report: TaskReport) => void

/** What its tasks' sources and sinks call. */
type Hooks = Pick<TaskEnvironment, 'wake' | 'runNow' | 'runRow' | 'runSlice'>

/**
 * The tasks of one host, built on this thread. `timed`: some task must be asked by the clock whether it has rows. Throws EngineErrors for
 * what cannot be built.
 */
const buildTasks = (spec: HostSpec, report: Report, clock: Clock, hooks: Hooks): { tasks: Task[]; bell: Doorbell; timed: boolean } => {
  const tables = new Map(
    spec.tables.map(table => {
      const rows = new RecordBuffer(RowLayout.of(table.schema), table.bytes.length + 64)
      rows.load(table.bytes)
      return [table.tableId, new StaticTable(table.schema, rows, table.keys)] as const
    }),
  )
  const changes =
    spec.changes === null
      ? null
      : new RingChanges(new RingWriter(spec.changes.buffer, spec.changes.offset), bellOf(spec.bells, spec.changes.bell))
  const built: ReturnType<typeof buildTask>[] = []
  try {
    for (const task of spec.tasks) built.push(buildTask(task, spec, { clock, tables, report, changes, ...hooks, restore: restoreTask }))
  } catch (error) {
    for (const { task } of built) task.abandon()
    throw error
  }
  return {
    tasks: built.map(({ task }) => task),
    bell: bellOf(spec.bells, spec.host),
    timed: built.some(({ timed }) => timed),
  }
}

/** A host whose tasks live among timers, sockets and messages. */
export const buildEventLoopHost = (spec: HostSpec, report: Report, clock: Clock = systemClock(spec.clockBase)): EventLoopHost => {
  let host: EventLoopHost | null = null
  const { tasks, bell, timed } = buildTasks(spec, report, clock, {
    wake: () => host?.wake(),
    runNow: () => host?.runNow(),
    runRow: row => host?.runRow(row) ?? false,
    runSlice: () => host?.runSlice(),
  })
  host = new EventLoopHost(tasks, { idle: spec.idle, bell, timed })
  return host
}

/** A host that owns its thread. `receive` looks whether the coordinator has said something. */
export const buildBlockingHost = (spec: HostSpec, report: Report, receive: (tasks: readonly Task[]) => boolean): BlockingHost => {
  const { tasks, bell, timed } = buildTasks(spec, report, systemClock(spec.clockBase), {
    wake: () => {},
    runNow: () => {},
    runRow: () => false,
    runSlice: () => {},
  })
  return new BlockingHost(tasks, { idle: spec.idle, bell, timed, receive: () => receive(tasks) })
}
