import { errorFromWire } from '../base/errors.ts'
import type { TextFile } from '../connector/durable-file.ts'
import type { PersisterCommand, PersisterReply } from '../runtime/persister.ts'
import type { PlacedFile } from '../state/merge-state.ts'
import type { StateFile } from '../state/state-file.ts'
import type { StateWriter } from './state-files.ts'

interface Waiting<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** The coordinator's side of the persister's thread: commands go there, answers become promises. The bytes never come by here. */
export class PersisterClient implements StateWriter {
  readonly #send: (command: PersisterCommand) => void
  readonly #epochs = new Map<number, Waiting<StateFile[]>>()
  readonly #writes = new Map<number, Waiting<void>>()
  readonly #merges = new Map<string, Waiting<StateFile>>()
  #request = 0
  #failure: unknown = null

  constructor(send: (command: PersisterCommand) => void) {
    this.#send = send
  }

  finish(epoch: number, durable: boolean): Promise<StateFile[]> {
    return this.#ask(this.#epochs, epoch, { kind: 'finish', epoch, durable })
  }

  readonly write = (files: readonly TextFile[]): Promise<void> => {
    const request = this.#request++
    return this.#ask(this.#writes, request, { kind: 'write', request, files })
  }

  readonly merge = (files: readonly PlacedFile[], path: string, name: string): Promise<StateFile> =>
    this.#ask(this.#merges, name, { kind: 'merge', files, path, name })

  async abandon(): Promise<void> {
    this.fail(new Error('the attempt is over'))
  }

  /** The thread is gone: nobody will answer. */
  fail(error: unknown): void {
    this.#failure = error
    for (const { reject } of [...this.#epochs.values(), ...this.#writes.values(), ...this.#merges.values()]) reject(error)
    this.#epochs.clear()
    this.#writes.clear()
    this.#merges.clear()
  }

  onReply(reply: PersisterReply): void {
    switch (reply.kind) {
      case 'finished':
        this.#take(this.#epochs, reply.epoch)?.resolve([...reply.files])
        return
      case 'failed':
        this.#take(this.#epochs, reply.epoch)?.reject(errorFromWire(reply.error))
        return
      case 'written': {
        const waiting = this.#take(this.#writes, reply.request)
        if (reply.error === null) waiting?.resolve()
        else waiting?.reject(errorFromWire(reply.error))
        return
      }
      case 'merged': {
        const waiting = this.#take(this.#merges, reply.name)
        if (reply.file === null) waiting?.reject(new Error(`the merge to ${reply.name} failed`))
        else waiting?.resolve(reply.file)
        return
      }
      default:
        reply satisfies never
    }
  }

  #ask<K, T>(asked: Map<K, Waiting<T>>, key: K, command: PersisterCommand): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure)
        return
      }
      asked.set(key, { resolve, reject })
      this.#send(command)
    })
  }

  #take<K, T>(asked: Map<K, Waiting<T>>, key: K): Waiting<T> | undefined {
    const waiting = asked.get(key)
    asked.delete(key)
    return waiting
  }
}
