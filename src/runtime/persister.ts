import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { RingReader } from 'native-free-buffers'
import { EngineError, type ErrorWire, errorToWire, reasonOf } from '../base/errors.ts'
import { type TextFile, writeAtomicallySync } from '../connector/durable-file.ts'
import { mergeToFile } from '../state/merge-file.ts'
import type { PlacedFile } from '../state/merge-state.ts'
import type { StateFile } from '../state/state-file.ts'
import { StateFileWriter } from '../state/state-file-writer.ts'
import { CHANGES_HEADER_BYTES } from './change-channel.ts'
import type { RingSpec } from './task-spec.ts'

/** What a persister is started with. Plain data and shared buffers. */
export interface PersisterSpec {
  /** Where the files go. */
  readonly folder: string
  /** Part of the files' names, so that no two attempts write one file. */
  readonly attempt: string
  /** One from each host that keeps state. */
  readonly rings: readonly RingSpec[]
  /** The doorbells of the query's hosts, and which of them is the persister's. */
  readonly bells: SharedArrayBuffer
  readonly bell: number
}

/** What the coordinator asks of a persister. Each is answered once. */
export type PersisterCommand =
  /** All tasks have sealed the epoch: make its files whole, and with `durable` wait for the disk. */
  | { readonly kind: 'finish'; readonly epoch: number; readonly durable: boolean }
  /** Write these files of the checkpoint's logs, one after another. */
  | { readonly kind: 'write'; readonly request: number; readonly files: readonly TextFile[] }
  /** Make one file of many, oldest first. */
  | { readonly kind: 'merge'; readonly files: readonly PlacedFile[]; readonly path: string; readonly name: string }

export type PersisterReply =
  | { readonly kind: 'finished'; readonly epoch: number; readonly files: readonly StateFile[] }
  | { readonly kind: 'failed'; readonly epoch: number; readonly error: ErrorWire }
  | { readonly kind: 'written'; readonly request: number; readonly error: ErrorWire | null }
  | { readonly kind: 'merged'; readonly name: string; readonly file: StateFile | null }

interface EpochFile {
  readonly operatorId: number
  readonly epoch: number
  readonly name: string
  readonly writer: StateFileWriter
}

/**
 * Writes the changes of all tasks of a query to files, one an operator and epoch, and the logs of its checkpoint, and waits for the disk
 * where neither the tasks nor the caller should. It also merges old files, and while it does so it goes on writing. Everything in it
 * blocks; it has a thread of its own.
 */
export class Persister {
  readonly #spec: PersisterSpec
  readonly #readers: readonly RingReader[]
  readonly #reply: (reply: PersisterReply) => void
  /** By ring: the pieces of a chunk whose end has not come. Chunks of several hosts must not run into each other in a file. */
  readonly #pieces: Uint8Array[][]
  readonly #open = new Map<string, EpochFile>()
  /** What went wrong in an epoch; the rest of its changes is read and dropped, so that no task waits for a disk that is full. */
  readonly #failures = new Map<number, unknown>()

  constructor(spec: PersisterSpec, reply: (reply: PersisterReply) => void) {
    this.#spec = spec
    this.#readers = spec.rings.map(ring => new RingReader(ring.buffer, ring.offset))
    this.#pieces = spec.rings.map(() => [])
    this.#reply = reply
  }

  /** Takes what is in the rings. True if there was something. */
  step(): boolean {
    let progressed = false
    for (const [r, reader] of this.#readers.entries()) {
      for (let p = reader.next(); p >= 0; p = reader.next()) {
        this.#takeFrame(reader, p, this.#pieces[r])
        reader.release()
        progressed = true
      }
    }
    return progressed
  }

  /** Does what is asked, and answers. `look` is called in the middle of what takes long. */
  command(command: PersisterCommand, look: () => void): void {
    switch (command.kind) {
      case 'finish':
        this.#finish(command.epoch, command.durable)
        return
      case 'write':
        this.#write(command.request, command.files)
        return
      case 'merge':
        this.#merge(command, look)
        return
      default:
        command satisfies never
    }
  }

  /** Closes all files as they are. */
  close(): void {
    for (const { writer } of this.#open.values()) writer.abandon()
    this.#open.clear()
  }

  #takeFrame(reader: RingReader, p: number, pieces: Uint8Array[]): void {
    const { u8, i32, f64 } = reader
    const [epoch, operatorId, rest] = [f64[p >> 3], i32[(p >> 2) + 2], i32[(p >> 2) + 3]]
    const [from, length] = [p + CHANGES_HEADER_BYTES, reader.lengthAt(p) - CHANGES_HEADER_BYTES]
    if (rest === 0 && pieces.length === 0) {
      this.#take(epoch, operatorId, u8, from, length)
      return
    }
    pieces.push(u8.slice(from, from + length))
    if (rest > 0) return
    for (const piece of pieces) this.#take(epoch, operatorId, piece, 0, piece.length)
    pieces.length = 0
  }

  #take(epoch: number, operatorId: number, bytes: Uint8Array, from: number, length: number): void {
    if (this.#failures.has(epoch)) return
    try {
      const key = `${epoch}/${operatorId}`
      let file = this.#open.get(key)
      if (file === undefined) {
        const name = `${epoch}-${operatorId}-${this.#spec.attempt}.state`
        file = { operatorId, epoch, name, writer: new StateFileWriter(join(this.#spec.folder, name)) }
        this.#open.set(key, file)
      }
      file.writer.append(bytes, from, length)
    } catch (error) {
      this.#failures.set(epoch, error)
    }
  }

  #finish(epoch: number, durable: boolean): void {
    // Whatever a task wrote before it said that it has sealed is in the rings by now.
    this.step()
    const own = [...this.#open].filter(([, file]) => file.epoch === epoch)
    const files: StateFile[] = []
    for (const [key, { operatorId, name, writer }] of own) {
      this.#open.delete(key)
      try {
        files.push({ operatorId, task: 'all', epoch, name, ...writer.finish(durable) })
      } catch (error) {
        if (!this.#failures.has(epoch)) this.#failures.set(epoch, error)
      }
    }
    const failure = this.#failures.get(epoch)
    if (!this.#failures.delete(epoch)) {
      this.#reply({ kind: 'finished', epoch, files })
      return
    }
    this.#reply({ kind: 'failed', epoch, error: failedWrite(this.#spec.folder, failure) })
  }

  #write(request: number, files: readonly TextFile[]): void {
    for (const { path, text, durability } of files) {
      try {
        writeAtomicallySync(path, text, durability)
      } catch (error) {
        this.#reply({ kind: 'written', request, error: failedWrite(path, error) })
        return
      }
    }
    this.#reply({ kind: 'written', request, error: null })
  }

  #merge({ files, path, name }: Extract<PersisterCommand, { kind: 'merge' }>, look: () => void): void {
    try {
      this.#reply({ kind: 'merged', name, file: mergeToFile(files, path, name, look) })
    } catch {
      // A merge that fails costs nothing: the parts are still there, and the next epoch tries again.
      rmSync(path, { force: true })
      this.#reply({ kind: 'merged', name, file: null })
    }
  }
}

const failedWrite = (path: string, cause: unknown): ErrorWire =>
  errorToWire(new EngineError('CHECKPOINT_FAILED', { path, reason: reasonOf(cause) }, cause))
