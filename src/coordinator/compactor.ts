import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { markLoaded, newLoad } from '../base/thread-load.ts'
import { workerArguments } from '../base/worker-arguments.ts'
import { untilLoaded } from '../runtime/worker-handle.ts'
import type { MergeTask } from '../state/merge-worker.ts'
import type { StateFile } from '../state/state-file.ts'
import type { MergeFiles } from './state-files.ts'

/** So many change files of one operator make a merge worth while. */
const MANY_FILES = 16
/** A base is merged again only when what changed since is at least half as large. */
const GROWTH = 0.5

const workerFile = (): string => {
  const beside = fileURLToPath(new URL('../state/merge-worker.js', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/state/merge-worker.js', import.meta.url))
}

/**
 * Keeps recovery bounded: has change files merged into one, by the persister or on a thread of its own, while rows flow. A merged file
 * takes the place of its parts in the next manifest; they are deleted only after that is durable.
 */
export class Compactor {
  readonly #folder: string
  #pool: Piscina | null = null
  /** Of the thread of the last merge on that pool. */
  #loads: SharedArrayBuffer[] = []
  #running: { readonly name: string } | null = null
  #done: { readonly replaced: ReadonlySet<string>; readonly merged: StateFile } | null = null

  constructor(folder: string) {
    this.#folder = folder
  }

  /** True for the file that a merge is writing, or has written and `apply` has not yet put in: nothing names it, but it is needed. */
  isInWork(name: string): boolean {
    return this.#running?.name === name || this.#done?.merged.name === name
  }

  /** A merge of files that the query no longer goes by, after a restart, must not be put in. */
  forget(): void {
    this.#done = null
    this.#running = null
  }

  /** The list with a finished merge put in. */
  apply(files: readonly StateFile[]): readonly StateFile[] {
    const done = this.#done
    if (done === null) return files
    this.#done = null
    const first = files.findIndex(file => done.replaced.has(file.name))
    if (first < 0) return files
    const rest = files.filter(file => !done.replaced.has(file.name))
    return [...rest.slice(0, first), done.merged, ...rest.slice(first)]
  }

  /** Starts a merge if one is worth while and none is running. Does not block. `merge`: who does it; null: a thread of our own. */
  consider(files: readonly StateFile[], merge: MergeFiles | null): void {
    if (this.#running !== null || this.#done !== null) return
    // All tasks together: at another parallelism a key moves from one task's files to another's, and which of them is newer only the order
    // of the whole list tells.
    const groups = new Map<number, StateFile[]>()
    for (const file of files) groups.set(file.operatorId, [...(groups.get(file.operatorId) ?? []), file])
    for (const group of groups.values()) {
      const [base, ...changes] = group
      const changed = changes.reduce((sum, file) => sum + file.bytes, 0)
      if (group.length < MANY_FILES || (changed < GROWTH * base.bytes && group.length < 8 * MANY_FILES)) continue
      void this.#merge(group, merge ?? this.#mergeHere)
      return
    }
  }

  async close(): Promise<void> {
    await untilLoaded(this.#loads)
    await this.#pool?.destroy()
    this.#pool = null
    this.#loads = []
  }

  readonly #mergeHere: MergeFiles = async (files, path, name) => {
    this.#pool ??= new Piscina({ filename: workerFile(), minThreads: 0, maxThreads: 1, idleTimeout: 1000, execArgv: workerArguments() })
    const load = newLoad()
    this.#loads = [load]
    try {
      return (await this.#pool.run({ files, path, name, load } satisfies MergeTask)) as StateFile
    } finally {
      markLoaded(load)
    }
  }

  async #merge(group: readonly StateFile[], merge: MergeFiles): Promise<void> {
    const last = group[group.length - 1]
    const name = `${last.epoch}-${last.operatorId}-all-${randomUUID().slice(0, 8)}.state`
    const running = { name }
    this.#running = running
    try {
      const files = group.map(file => ({ path: join(this.#folder, file.name), file }))
      const merged = await merge(files, join(this.#folder, name), name)
      if (this.#running === running) this.#done = { replaced: new Set(group.map(file => file.name)), merged }
    } catch {
      // A merge that fails costs nothing: the parts are still there, and the next epoch tries again.
    } finally {
      if (this.#running === running) this.#running = null
    }
  }
}
