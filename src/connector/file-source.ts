import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { EngineError, reasonOf } from '../base/errors.ts'
import { jsonRowDecoder } from '../expression/json-rows.ts'
import { allNullable, field, type StructType, stringType, structType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { RowWriter } from '../record/row-writer.ts'
import type { ConnectorOptions, RecordReader, SourceConnector, SourceContext, SourceOffset, Ticket } from './connector.ts'
import { FileList, type ListedFile, listFiles } from './file-list.ts'
import { booleanOption, choiceOption, durationOption, givenSchema, integerOption, requiredOption } from './options.ts'
import { ticketOf } from './promise-ticket.ts'

/** An offset is a file's number times this, plus how many of its lines have been read. */
const LINES_PER_FILE = 2 ** 32
const CHUNK_BYTES = 256 * 1024
const MAX_LINE_BYTES = 16 * 1024 * 1024
const RESCAN_MILLIS = 20

const MAX_AGE_MILLIS = 7 * 86_400_000

/** How many files have been read at least in part below an offset. */
const filesBelow = (offset: number): number => Math.ceil(offset / LINES_PER_FILE)

type LineDecoder = (u8: Uint8Array, offset: number, length: number, out: RecordBuffer) => 'row' | 'blank' | 'malformed'

/** The decoder for files with these columns in the names of their folders. */
type DecoderOf = (partition: ListedFile['partition']) => LineDecoder

/** Reads files line by line, one after the other. The disk is read ahead asynchronously; `poll` only decodes what has arrived. */
class FileReader implements RecordReader {
  readonly rows = 'records'
  readonly #list: FileList
  readonly #decoderOf: DecoderOf
  readonly #mostPerTrigger: number
  /** With the newest first, what does not fit an epoch may yet be overtaken by what comes, and gets no number before its turn. */
  readonly #numbersLate: boolean
  readonly #failFast: boolean
  readonly #ignoresMissing: boolean
  #wake: () => void = () => {}
  #file = 0
  #line = 0
  #limit: number | null = null
  #handle: FileHandle | null = null
  #decode: LineDecoder | null = null
  /** Bytes read and not yet decoded, and how far. */
  #bytes = new Uint8Array(0)
  #at = 0
  #skipLines = 0
  #atEnd = false
  #reading = false
  /** What the disk is busy with. */
  #pending: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #lastScan = 0
  #closed = false
  #scanned = false
  #malformed = 0
  #missing = 0

  constructor(context: SourceContext, format: string, decoderOf: DecoderOf) {
    const { options } = context
    this.#decoderOf = decoderOf
    this.#mostPerTrigger = integerOption(options, 'maxFilesPerTrigger', Number.POSITIVE_INFINITY, 1)
    const latestFirst = booleanOption(options, 'latestFirst', false)
    this.#numbersLate = context.streaming && latestFirst && this.#mostPerTrigger !== Number.POSITIVE_INFINITY
    this.#list = new FileList(requiredOption(options, 'path', format), context.metadataFolder, {
      // What is old has its turn last: Spark, too, has no limit of age here.
      maxAgeMillis: this.#numbersLate ? Number.POSITIVE_INFINITY : durationOption(options, 'maxFileAge', MAX_AGE_MILLIS),
      latestFirst,
    })
    this.#ignoresMissing = booleanOption(options, 'ignoreMissingFiles', false)
    this.#failFast = malformedMode(options) === 'FAILFAST'
  }

  open(start: SourceOffset | null): Ticket<void> {
    const offset = start?.['0'] ?? 0
    this.#file = Math.floor(offset / LINES_PER_FILE)
    this.#line = this.#skipLines = offset % LINES_PER_FILE
    const lack = this.#list.lacks(filesBelow(offset))
    return ticketOf(lack !== null ? Promise.reject(lack) : this.#scan(this.#numbersLate ? 0 : Number.POSITIVE_INFINITY))
  }

  onReady(wake: () => void): void {
    this.#wake = wake
  }

  poll(out: RecordBuffer, budget: number): number {
    if (this.#failure !== null) throw this.#failure
    let count = 0
    while (count < budget && !this.#atLimit()) {
      const end = this.#bytes.indexOf(10, this.#at)
      if (end < 0 && !(this.#atEnd && this.#at < this.#bytes.length)) {
        if (!this.#atEnd) break
        this.#nextFile()
        if (this.#handle === null) break
        continue
      }
      const stop = end < 0 ? this.#bytes.length : end
      count += this.#takeLine(this.#at, stop, out)
      this.#at = stop + 1
    }
    this.#readAhead()
    return count
  }

  position(): SourceOffset {
    return { '0': this.#file * LINES_PER_FILE + this.#line }
  }

  latest(whole: boolean): Ticket<SourceOffset> {
    const read = this.#file + (this.#line > 0 ? 1 : 0)
    const most = whole ? Number.POSITIVE_INFINITY : read + this.#mostPerTrigger
    const look = this.#scan(this.#numbersLate ? most - this.#list.files.length : Number.POSITIVE_INFINITY)
    return ticketOf(
      look.then(() => {
        const end = Math.min(this.#list.files.length, most)
        return { '0': Math.max(end * LINES_PER_FILE, this.#file * LINES_PER_FILE + this.#line) }
      }),
    )
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
    // A plan of an epoch, from before a crash, may count on files that are missing: it would wait for them for ever.
    if (this.#limit !== null) this.#failure ??= this.#list.lacks(filesBelow(this.#limit))
  }

  exhausted(): boolean {
    if (this.#failure !== null) return false
    return this.#limit === null ? this.#scanned && this.#file >= this.#list.files.length : this.#atLimit()
  }

  arrivalMicros(): number {
    return 0
  }

  backlog(): number {
    return this.#list.files.length - this.#file
  }

  takeCounts(): Readonly<Record<string, number>> {
    const counts = { numMalformedRows: this.#malformed, numMissingFiles: this.#missing }
    this.#malformed = this.#missing = 0
    return counts
  }

  committed(): void {}

  close(): Ticket<void> {
    this.#closed = true
    return ticketOf(
      this.#pending.then(async () => {
        const handle = this.#handle
        this.#handle = null
        await handle?.close()
      }),
    )
  }

  #atLimit(): boolean {
    return this.#limit !== null && this.#file * LINES_PER_FILE + this.#line >= this.#limit
  }

  #takeLine(from: number, to: number, out: RecordBuffer): number {
    this.#line++
    if (this.#skipLines > 0) {
      this.#skipLines--
      this.#line = Math.max(this.#line - 1, 0)
      return 0
    }
    const end = to > from && this.#bytes[to - 1] === 13 ? to - 1 : to
    const result = this.#decoder()(this.#bytes, from, end - from, out)
    if (result !== 'malformed') return result === 'row' ? 1 : 0
    this.#malformed++
    if (this.#failFast) {
      const text = new TextDecoder().decode(this.#bytes.subarray(from, Math.min(end, from + 200)))
      throw new EngineError('MALFORMED_JSON', { text: `${text} (line ${this.#line} of ${this.#list.files[this.#file].path})` })
    }
    return 1
  }

  #decoder(): LineDecoder {
    this.#decode ??= this.#decoderOf(this.#list.files[this.#file].partition)
    return this.#decode
  }

  #nextFile(): void {
    const handle = this.#handle
    this.#decode = null
    this.#handle = null
    // All of it has been read; a disk that says no to that would end the process.
    handle?.close().catch(() => {})
    this.#file++
    this.#line = 0
    this.#skipLines = 0
    this.#reset()
  }

  #reset(): void {
    this.#bytes = new Uint8Array(0)
    this.#at = 0
    this.#atEnd = false
  }

  #readAhead(): void {
    if (this.#reading || this.#closed || this.#failure !== null) return
    if (this.#file >= this.#list.files.length) {
      // Real time: look for new files now and then.
      if (this.#limit === null && performance.now() - this.#lastScan > RESCAN_MILLIS) this.#work(() => this.#scan())
      return
    }
    if (this.#atEnd || this.#bytes.length - this.#at > CHUNK_BYTES) return
    this.#work(() => this.#readChunk())
  }

  #work(what: () => Promise<void>): void {
    this.#reading = true
    this.#pending = what()
      .catch(error => {
        this.#failure = error
      })
      .finally(() => {
        this.#reading = false
        this.#wake()
      })
  }

  async #scan(most = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#list.refresh(most)
    this.#lastScan = performance.now()
    this.#scanned = true
  }

  async #readChunk(): Promise<void> {
    const { path } = this.#list.files[this.#file]
    try {
      this.#handle ??= await open(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(path, error)
      if (!this.#ignoresMissing) throw new EngineError('FILE_VANISHED', { path }, error)
      this.#missing++
      this.#atEnd = true
      return
    }
    const kept = this.#bytes.length - this.#at
    if (kept > MAX_LINE_BYTES) throw new EngineError('LINE_TOO_LONG', { path, limit: MAX_LINE_BYTES })
    const chunk = new Uint8Array(kept + CHUNK_BYTES)
    const { bytesRead } = await this.#handle.read(chunk, kept, CHUNK_BYTES).catch(error => {
      throw unreadable(path, error)
    })
    // The position may have moved while the disk was busy.
    const rest = this.#bytes.subarray(this.#at)
    const next = rest.length === kept ? chunk : new Uint8Array(rest.length + bytesRead)
    if (rest.length !== kept) next.set(chunk.subarray(kept, kept + bytesRead), rest.length)
    next.set(rest, 0)
    this.#bytes = next.subarray(0, rest.length + bytesRead)
    this.#at = 0
    if (bytesRead === 0) this.#atEnd = true
  }
}

const unreadable = (path: string, error: unknown): EngineError =>
  new EngineError('FILE_UNREADABLE', { path, reason: reasonOf(error) }, error)

/** What is to become of lines that are no rows. Throws BAD_OPTION. */
const malformedMode = (options: ConnectorOptions) =>
  choiceOption(options, 'mode', 'PERMISSIVE', ['PERMISSIVE', 'DROPMALFORMED', 'FAILFAST'])

const describeFiles = async (format: string, options: ConnectorOptions, schema: StructType | null, streaming: boolean) => {
  const path = requiredOption(options, 'path', format)
  integerOption(options, 'maxFilesPerTrigger', 1, 1)
  durationOption(options, 'maxFileAge', 0)
  booleanOption(options, 'latestFirst', false)
  booleanOption(options, 'ignoreMissingFiles', false)
  malformedMode(options)
  if (!streaming && (await listFiles(path)).length === 0) throw new EngineError('PATH_NOT_FOUND', { path })
  return {
    schema: allNullable(givenSchema(format, schema)),
    home: 'eventLoop',
    rows: 'records',
    maxReaders: 1,
    replayable: true,
    label: `${format} ${path}`,
  } as const
}

/** Decoders differ only by what the folders' names say, which is the same for many files. */
const remembered = (make: DecoderOf): DecoderOf => {
  const made = new Map<string, LineDecoder>()
  return partition => {
    const key = JSON.stringify(partition)
    const decoder = made.get(key) ?? make(partition)
    made.set(key, decoder)
    return decoder
  }
}

const FILE_OPTIONS = ['path', 'maxFilesPerTrigger', 'latestFirst', 'maxFileAge', 'ignoreMissingFiles'] as const

/**
 * `json`: one object a line. Options: path, maxFilesPerTrigger, latestFirst, maxFileAge, ignoreMissingFiles, mode (PERMISSIVE, DROPMALFORMED,
 * FAILFAST). A column of the schema that a folder's name gives (`day=1`) is read from there.
 */
export const jsonSource: SourceConnector = {
  name: 'json',
  options: [...FILE_OPTIONS, 'mode'],
  schema: (_options, given) => allNullable(givenSchema('json', given)),
  describe: (options, schema, streaming) => describeFiles('json', options, schema, streaming),
  open: context => {
    const mode = malformedMode(context.options)
    const decoderOf = remembered(partition => jsonRowDecoder(context.schema, context.columns, mode === 'PERMISSIVE', partition))
    return new FileReader(context, 'json', decoderOf)
  },
}

const textSchema = structType([field('value', stringType, true)])

/** `text`: each line is a row with the column `value`. Options: path, maxFilesPerTrigger, latestFirst, maxFileAge, ignoreMissingFiles. */
export const textSource: SourceConnector = {
  name: 'text',
  options: FILE_OPTIONS,
  schema: () => textSchema,
  describe: (options, _schema, streaming) => describeFiles('text', options, textSchema, streaming),
  open: context => {
    const writer = new RowWriter(RowLayout.of(structType(context.columns.map(ordinal => textSchema.fields[ordinal]))))
    const isRead = context.columns.length > 0
    return new FileReader(context, 'text', () => (u8, offset, length, out) => {
      writer.start(out, (isRead ? length : 0) + 8)
      if (isRead) writer.setBytes(0, u8, offset, length)
      writer.finish()
      return 'row'
    })
  },
}
