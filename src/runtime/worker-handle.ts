import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import type { Doorbell } from 'native-free-buffers'
import { Piscina } from 'piscina'
import { EngineError, reasonOf } from '../base/errors.ts'
import { hasLoaded, markLoaded, newLoad } from '../base/thread-load.ts'
import { workerArguments } from '../base/worker-arguments.ts'
import { bellOf } from './bells.ts'
import type { TaskCommand, TaskReport } from './control-protocol.ts'
import type { PersisterCommand, PersisterReply, PersisterSpec } from './persister.ts'
import type { PersisterMessage, PersisterStart } from './persister-main.ts'
import type { HostSpec } from './task-spec.ts'
import type { WorkerMessage, WorkerStart } from './worker-main.ts'

/** A worker's file: built JavaScript, also when this file runs from its TypeScript source (in tests). */
const built = (beside: URL, name: string): string => {
  const path = fileURLToPath(beside)
  return existsSync(path) ? path : fileURLToPath(new URL(`../../dist/runtime/${name}`, import.meta.url))
}

const workerFile = (): string => built(new URL('./worker-main.js', import.meta.url), 'worker-main.js')
const persisterFile = (): string => built(new URL('./persister-main.js', import.meta.url), 'persister-main.js')

/** A thread that has not loaded its modules after so long is ended all the same. */
const LOADING_MILLIS = 5000
const LOOK_MILLIS = 5

/** Resolves when all of these threads may be ended. */
export const untilLoaded = async (loads: readonly SharedArrayBuffer[]): Promise<void> => {
  for (let waited = 0; waited < LOADING_MILLIS && !loads.every(hasLoaded); waited += LOOK_MILLIS)
    await new Promise(resolve => setTimeout(resolve, LOOK_MILLIS))
}

/**
 * The threads of one attempt of a query, one per host and one for the persister: a pool of endless tasks. The only file outside the workers
 * that knows that threads exist.
 */
export class WorkerPool {
  readonly #pool: Piscina
  readonly #ports = new Map<number, { postMessage(message: WorkerMessage): void; close(): void }>()
  #persister: ((message: PersisterMessage) => void) | null = null
  readonly #bells = new Map<number, Doorbell>()
  readonly #loads: SharedArrayBuffer[] = []
  #closing = false

  /** `threads`: how many will be started. */
  constructor(threads: number, resourceLimits: { maxOldGenerationSizeMb?: number } = {}) {
    this.#pool = new Piscina({
      filename: workerFile(),
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The workers' event loops must run: their tasks hold sockets and files.
      atomics: 'disabled',
      resourceLimits,
      execArgv: workerArguments(),
      // What a query prints, and what it was started with, is the caller's.
      env: process.env as Record<string, string>,
    })
    // A thread that has died is not replaced, its whole attempt is: Piscina would start others in its place, even in a pool that has been
    // destroyed if the thread's exit comes late, and nobody would ever end those.
    this.#pool.options.minThreads = 0
  }

  /** Operating-system and Node thread ids, for tests that kill one. */
  get threads(): Piscina['threads'] {
    return this.#pool.threads
  }

  /** Starts a host. Reports come until its tasks are done; a thread that dies is reported as WORKER_DIED. */
  start(
    spec: HostSpec,
    modules: readonly string[],
    functions: WorkerStart['functions'],
    onReport: (report: TaskReport) => void,
    onDeath: (error: unknown) => void,
  ): void {
    const { port1, port2 } = new MessageChannel()
    port1.on('message', onReport)
    this.#ports.set(spec.host, port1)
    this.#bells.set(spec.host, bellOf(spec.bells, spec.host))
    const load = this.#expectLoad()
    const start: WorkerStart = { port: port2, load, spec, modules, functions }
    this.#pool.run(start, { transferList: [port2] }).catch((error: unknown) => {
      // It has died, perhaps of that.
      markLoaded(load)
      if (!this.#closing) onDeath(died(spec.host, error))
    })
  }

  /** Starts the thread that writes state. Returns what sends it a message. Its death is reported as WORKER_DIED. */
  startPersister(
    spec: PersisterSpec,
    onReply: (reply: PersisterReply) => void,
    onDeath: (error: unknown) => void,
  ): (command: PersisterCommand) => void {
    const { port1, port2 } = new MessageChannel()
    port1.on('message', onReply)
    const bell = bellOf(spec.bells, spec.bell)
    this.#persister = message => {
      port1.postMessage(message)
      bell.ring()
      if (message.kind === 'stop') port1.close()
    }
    const load = this.#expectLoad()
    const start: PersisterStart = { port: port2, load, spec }
    this.#pool.run(start, { transferList: [port2], filename: persisterFile() }).catch((error: unknown) => {
      // It has died, perhaps of that.
      markLoaded(load)
      if (!this.#closing) onDeath(died('persister', error))
    })
    return this.#persister
  }

  send(host: number, task: string, command: TaskCommand): void {
    this.#ports.get(host)?.postMessage({ kind: 'command', task, command })
    // A host that is parked on its doorbell has no event loop that could see the message.
    this.#bells.get(host)?.ring()
  }

  /** Ends all threads, whatever they do, as soon as they have loaded. */
  async destroy(): Promise<void> {
    this.#closing = true
    await untilLoaded(this.#loads)
    for (const port of this.#ports.values()) {
      port.postMessage({ kind: 'stop' })
      port.close()
    }
    this.#persister?.({ kind: 'stop' })
    await this.#pool.destroy()
  }

  #expectLoad(): SharedArrayBuffer {
    const load = newLoad()
    this.#loads.push(load)
    return load
  }
}

const died = (host: number | string, error: unknown): EngineError =>
  new EngineError('WORKER_DIED', { host, reason: reasonOf(error) }, error)
