import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError, reasonOf } from '../base/errors.ts'
import { type TextFile, writeAll } from '../connector/durable-file.ts'
import type { PlacedFile } from '../state/merge-state.ts'
import { STATE_HEADER_BYTES, STATE_TRAILER_BYTES, type StateFile, stateHeader, stateTrailer, updateCrc } from '../state/state-file.ts'

interface OpenFile {
  readonly operatorId: number
  readonly task: string
  readonly epoch: number
  readonly name: string
  handle: FileHandle | null
  bytes: number
  crc: number
  queue: Promise<void>
}

/** Who writes the state of an attempt's tasks to files. */
export interface StateWriter {
  /** Makes an epoch's files whole and durable; the folder itself is synced with the manifest that names them. Throws CHECKPOINT_FAILED. */
  finish(epoch: number, durable: boolean): Promise<StateFile[]>
  /** Writes small files one after another; null if the coordinator must do that itself. Rejects with CHECKPOINT_FAILED. */
  readonly write: WriteTexts | null
  /** Merges files, oldest first, into one, durably; null if somebody else must do that. Rejects if it failed. */
  readonly merge: MergeFiles | null
  /** Gives up what is not finished. */
  abandon(): Promise<void>
}

export type WriteTexts = (files: readonly TextFile[]) => Promise<void>
export type MergeFiles = (files: readonly PlacedFile[], path: string, name: string) => Promise<StateFile>

/**
 * Writes state that the caller's own thread keeps, as inline queries do, one file per operator, task and epoch, as it comes in, by the
 * platform's I/O threads: such a query starts no thread of its own for it.
 */
export class StateFiles implements StateWriter {
  readonly write = null
  readonly merge = null
  readonly #folder: string
  readonly #attempt: string
  readonly #open = new Map<string, OpenFile>()

  constructor(folder: string, attempt: string) {
    this.#folder = folder
    this.#attempt = attempt
  }

  append(operatorId: number, task: string, epoch: number, chunk: Uint8Array): void {
    const key = `${epoch}/${operatorId}/${task}`
    let file = this.#open.get(key)
    if (file === undefined) {
      const name = `${epoch}-${operatorId}-${task}-${this.#attempt}.state`
      file = { operatorId, task, epoch, name, handle: null, bytes: STATE_HEADER_BYTES, crc: 0, queue: Promise.resolve() }
      this.#open.set(key, file)
    }
    const target = file
    target.bytes += chunk.length
    target.queue = target.queue.then(async () => {
      if (target.handle === null) {
        target.handle = await open(join(this.#folder, target.name), 'w')
        await writeAll(target.handle, stateHeader())
      }
      target.crc = updateCrc(target.crc, chunk)
      await writeAll(target.handle, chunk)
    })
    // The failure is met in `finish`; until then it must not count as unhandled.
    target.queue.catch(() => {})
  }

  async finish(epoch: number, durable: boolean): Promise<StateFile[]> {
    const own = [...this.#open].filter(([, file]) => file.epoch === epoch)
    for (const [key] of own) this.#open.delete(key)
    const results = await Promise.allSettled(own.map(([, file]) => complete(file, durable)))
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      const { reason } = result as { reason: unknown }
      throw new EngineError('CHECKPOINT_FAILED', { path: this.#folder, reason: reasonOf(reason) }, reason)
    }
    return own.map(([, file]) => ({
      operatorId: file.operatorId,
      task: file.task,
      epoch,
      name: file.name,
      bytes: file.bytes + STATE_TRAILER_BYTES,
      crc: file.crc,
    }))
  }

  async abandon(): Promise<void> {
    for (const file of this.#open.values()) {
      await file.queue.catch(() => {})
      await file.handle?.close().catch(() => {})
    }
    this.#open.clear()
  }
}

const complete = async (file: OpenFile, durable: boolean): Promise<void> => {
  try {
    await file.queue
    if (file.handle === null) return
    await writeAll(file.handle, stateTrailer(file.crc))
    if (durable) await file.handle.datasync()
  } finally {
    await file.handle?.close()
  }
}
