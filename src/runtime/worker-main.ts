import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { errorToWire } from '../base/errors.ts'
import { markLoaded } from '../base/thread-load.ts'
import { loadModuleFunctions } from '../expression/user-function.ts'
import { buildBlockingHost, buildEventLoopHost } from './build-host.ts'
import type { TaskCommand, TaskReport } from './control-protocol.ts'
import type { Task } from './task.ts'
import type { HostSpec } from './task-spec.ts'

/** What the coordinator sends to a worker. */
export type WorkerMessage = { readonly kind: 'command'; readonly task: string; readonly command: TaskCommand } | { readonly kind: 'stop' }

export interface WorkerStart {
  readonly port: MessagePort
  /** To be marked when all modules are there. */
  readonly load: SharedArrayBuffer
  readonly spec: HostSpec
  /** Modules to import before anything else: they register connectors. */
  readonly modules: readonly string[]
  /** Exports that user functions refer to. */
  readonly functions: readonly { readonly url: string; readonly name: string }[]
}

/**
 * Inside a worker thread: builds the tasks of one host and runs them until they are done. The only file that knows it is on another thread.
 */
export default async ({ port, load, spec, modules, functions }: WorkerStart): Promise<void> => {
  const report = (message: TaskReport): void => port.postMessage(message)
  try {
    for (const module of modules) await import(module)
    await loadModuleFunctions(functions)
    markLoaded(load)
    if (spec.loop === 'blocking') runBlocking(port, spec, report)
    else await runOnEventLoop(port, spec, report)
  } catch (error) {
    report({ kind: 'failed', task: spec.tasks[0]?.id ?? '', error: errorToWire(error) })
  } finally {
    // Messages that are on their way still arrive; nothing more comes in.
    port.close()
  }
}

type Report = (message: TaskReport) => void

const deliver = (tasks: readonly Task[], message: WorkerMessage): boolean => {
  if (message.kind === 'stop') return false
  tasks.find(task => task.id === message.task)?.command(message.command)
  return true
}

const runOnEventLoop = async (port: MessagePort, spec: HostSpec, report: Report): Promise<void> => {
  const host = buildEventLoopHost(spec, report)
  port.on('message', (message: WorkerMessage) => {
    if (!deliver(host.tasks, message)) host.stop()
    host.wake()
  })
  await host.run()
}

const runBlocking = (port: MessagePort, spec: HostSpec, report: Report): void => {
  const host = buildBlockingHost(spec, report, tasks => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      if (!deliver(tasks, next.message as WorkerMessage)) return false
    }
    return true
  })
  host.run()
}
