import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../base/errors.ts'
import { jsonRowEncoder } from '../expression/json-rows.ts'
import { JsonWriter } from '../expression/json-writer.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import type { RecordWriterSink, SinkCommitter, SinkConnector, SinkContext, SinkToken, Ticket } from './connector.ts'
import { syncFolder, writeAll, writeAtomically } from './durable-file.ts'
import { committedFiles, type FileEntry, filesOf, LOG, logEntries, logText } from './file-log.ts'
import { requiredOption } from './options.ts'
import { ticketOf } from './promise-ticket.ts'

/**
 * JSON lines, exactly once. Each writer puts an epoch's rows into one file, whole and synced before the epoch is prepared. A file counts
 * only once the epoch's entry in the folder's log names it, which is written by one rename.
 */
const COMPACT_EVERY = 10
const FLUSH_BYTES = 1024 * 1024
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Gives what the disk refuses a code. */
const diskError = (error: unknown, path: string): EngineError => {
  if (error instanceof EngineError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new EngineError('SINK_DISK_FULL', { path }, error)
    : new EngineError('SINK_FAILED', { path, reason: message }, error)
}

const onDisk = <T>(path: string, work: Promise<T>): Promise<T> =>
  work.catch(error => {
    throw diskError(error, path)
  })

class JsonFileWriter implements RecordWriterSink {
  readonly rows = 'records'
  readonly #folder: string
  readonly #name: (epoch: number) => string
  readonly #lines = new JsonWriter()
  readonly #encode: ReturnType<typeof jsonRowEncoder>
  #epoch = 0
  #file: { handle: FileHandle; name: string; size: number } | null = null
  #queue: Promise<void> = Promise.resolve()
  #waitingBytes = 0
  #failure: unknown = null
  #offered = 0
  #acknowledged = 0

  constructor(context: SinkContext) {
    this.#folder = requiredOption(context.options, 'path', 'json')
    const part = String(context.writerIndex).padStart(5, '0')
    this.#name = epoch => `part-${part}-${String(epoch).padStart(8, '0')}-${context.attempt}.json`
    this.#encode = jsonRowEncoder(context.schema, this.#lines)
  }

  open(): Ticket<void> {
    // The log is there before the first file: without one, all files of a folder are read.
    const made = mkdir(join(this.#folder, LOG), { recursive: true })
    return ticketOf(
      onDisk(
        this.#folder,
        made.then(first => (first === undefined ? undefined : syncFolder(this.#folder))),
      ),
    )
  }

  beginEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  offer(rows: RecordBuffer): void {
    if (this.#failure !== null) throw this.#failure
    while (this.#waitingBytes < MAX_WAITING_BYTES) {
      const p = rows.next()
      if (p < 0) return
      this.#encode(rows, p)
      this.#offered++
      if (this.#lines.length > FLUSH_BYTES) this.#flush()
    }
  }

  step(): boolean {
    if (this.#failure !== null) throw this.#failure
    return false
  }

  prepare(epoch: number): Ticket<SinkToken> {
    this.#flush()
    const offered = this.#offered
    const finished = this.#queue.then(async (): Promise<FileEntry | null> => {
      if (this.#failure !== null) throw this.#failure
      const file = this.#file
      this.#file = null
      if (file !== null) {
        try {
          await file.handle.datasync()
        } finally {
          await file.handle.close()
        }
        await syncFolder(this.#folder)
      }
      this.#acknowledged = offered
      return file === null ? null : { path: file.name, size: file.size }
    })
    this.#queue = finished.then(
      () => undefined,
      error => this.#fail(error),
    )
    this.#epoch = epoch + 1
    return ticketOf(onDisk(this.#folder, finished))
  }

  offeredCount(): number {
    return this.#offered
  }

  acknowledgedCount(): number {
    return this.#acknowledged
  }

  close(): Ticket<void> {
    return ticketOf(
      this.#queue.then(async () => {
        const file = this.#file
        this.#file = null
        if (file === null) return
        await file.handle.close()
        // Nobody will prepare its epoch any more.
        await rm(join(this.#folder, file.name), { force: true })
      }),
    )
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const bytes = this.#lines.scratch.u8.slice(0, this.#lines.length)
    this.#lines.clear()
    this.#waitingBytes += bytes.length
    const name = this.#name(this.#epoch)
    this.#queue = this.#queue
      .then(async () => {
        this.#file ??= { handle: await open(join(this.#folder, name), 'w'), name, size: 0 }
        await writeAll(this.#file.handle, bytes)
        this.#file.size += bytes.length
        this.#waitingBytes -= bytes.length
      })
      .catch(error => this.#fail(error))
  }

  #fail(error: unknown): void {
    this.#failure ??= diskError(error, this.#folder)
  }
}

class JsonFileCommitter implements SinkCommitter {
  readonly #folder: string
  readonly #complete: boolean

  constructor(folder: string, complete: boolean) {
    this.#folder = folder
    this.#complete = complete
  }

  async commit(epoch: number, tokens: readonly SinkToken[]): Promise<void> {
    const added = (tokens as readonly (FileEntry | null)[]).filter(token => token !== null)
    const log = join(this.#folder, LOG)
    const compact = (epoch + 1) % COMPACT_EVERY === 0 || this.#complete
    const name = join(log, compact ? `${epoch}.compact` : String(epoch))
    if ((await stat(name).catch(() => null)) !== null) return
    const before = compact && !this.#complete ? await committedFiles(this.#folder, epoch - 1) : []
    await onDisk(log, this.#write(log, name, logText(this.#folder, [...before, ...added])))
    if (compact) await onDisk(log, this.#removeOld(epoch))
  }

  async recover(epoch: number): Promise<void> {
    const held = Math.max(-1, ...(await logEntries(this.#folder)).map(entry => entry.epoch))
    if (held > epoch) {
      const path = this.#folder
      throw epoch < 0 ? new EngineError('OUTPUT_EXISTS', { path }) : new EngineError('OUTPUT_AHEAD', { path, held, epoch })
    }
    const kept = new Set((await committedFiles(this.#folder, Number.POSITIVE_INFINITY)).map(entry => entry.path))
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const match = /^part-\d+-(\d+)-.*\.json$/.exec(name)
      if (match !== null && Number(match[1]) > epoch && !kept.has(name)) await rm(join(this.#folder, name), { force: true })
    }
  }

  async close(): Promise<void> {}

  async #write(log: string, name: string, text: string): Promise<void> {
    if ((await mkdir(log, { recursive: true })) !== undefined) await syncFolder(this.#folder)
    await writeAtomically(name, text)
  }

  /**
   * Entries before a compacted one say nothing that it does not. In complete mode it takes the place of their files as well. The last few
   * stay for those who are reading.
   */
  async #removeOld(epoch: number): Promise<void> {
    for (const entry of await logEntries(this.#folder)) {
      if (entry.epoch >= epoch - COMPACT_EVERY) return
      if (this.#complete) for (const { path } of await filesOf(this.#folder, entry)) await rm(join(this.#folder, path), { force: true })
      await rm(join(this.#folder, LOG, entry.name), { force: true })
    }
  }
}

export const jsonSink: SinkConnector = {
  name: 'json',
  options: ['path'],
  describe: async options => ({
    home: 'eventLoop',
    rows: 'records',
    maxWriters: Number.MAX_SAFE_INTEGER,
    guarantee: 'exactly-once',
    outputModes: ['append', 'complete'],
    label: `json ${requiredOption(options, 'path', 'json')}`,
  }),
  open: context => new JsonFileWriter(context),
  committer: options => new JsonFileCommitter(requiredOption(options, 'path', 'json'), options.outputMode === 'complete'),
}
