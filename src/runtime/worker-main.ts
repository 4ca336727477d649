import type { MessagePort } from 'node:worker_threads'
import { errorToWire } from '../base/errors.ts'
import { registerModuleFunction } from '../expression/user-function.ts'
import { buildHost } from './build-host.ts'
import type { TaskCommand, TaskReport } from './control-protocol.ts'
import type { HostSpec } from './task-spec.ts'

/** What the coordinator sends to a worker. */
export type WorkerMessage = { readonly kind: 'command'; readonly task: string; readonly command: TaskCommand } | { readonly kind: 'stop' }

export interface WorkerStart {
  readonly port: MessagePort
  readonly spec: HostSpec
  /** Modules to import before anything else: they register connectors. */
  readonly modules: readonly string[]
  /** Exports that user functions refer to. */
  readonly functions: readonly { readonly url: string; readonly name: string }[]
}

/** Inside a worker thread: builds the tasks of one host and runs them until they are done. The only file that knows it is on another thread. */
export default async ({ port, spec, modules, functions }: WorkerStart): Promise<void> => {
  const report = (message: TaskReport, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, [...transfer])
  try {
    for (const module of modules) await import(module)
    for (const { url, name } of functions) registerModuleFunction(url, name, ((await import(url)) as Record<string, unknown>)[name])
    const host = buildHost(spec, report)
    port.on('message', (message: WorkerMessage) => {
      if (message.kind === 'stop') host.stop()
      else host.tasks.find(task => task.id === message.task)?.command(message.command)
      host.wake()
    })
    await host.run()
  } catch (error) {
    report({ kind: 'failed', task: spec.tasks[0]?.id ?? '', error: errorToWire(error) })
  } finally {
    // Messages that are on their way still arrive; nothing more comes in.
    port.close()
  }
}
