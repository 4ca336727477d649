import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { sealText, unsealText } from '../base/checked-text.ts'
import { EngineError, reasonOf } from '../base/errors.ts'
import type { SinkToken, SourceOffset } from '../connector/connector.ts'
import { type Durability, type TextFile, writeAtomically } from '../connector/durable-file.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'
import type { StateFile } from '../state/state-file.ts'
import { lockFolder, unlockFolder } from './folder-lock.ts'
import type { WriteTexts } from './state-files.ts'

/** How many old entries of the logs are kept, as Spark's minBatchesToRetain. */
const RETAIN = 100

/**
 * What `offsets/N` says. In micro-batch it is the plan of the epoch, written before it runs; in real time what the epoch was, written
 * after.
 */
export interface OffsetEntry {
  readonly mode: string
  /** The watermark that evicts in the epoch. */
  readonly watermarkMillis: number
  readonly lateMillis: number
  readonly batchTimeMillis: number
  /** Where each source ends, by its id. */
  readonly ends: Readonly<Record<string, SourceOffset>>
}

/** What is true once an epoch is prepared: all that a restart needs. */
export interface Manifest {
  readonly version: 1
  readonly epoch: number
  readonly signature: unknown
  readonly watermarkMillis: number
  readonly lateMillis: number
  /** Absent in checkpoints from before it was kept. */
  readonly watermarkPolicy?: WatermarkPolicy
  readonly positions: Readonly<Record<string, SourceOffset>>
  readonly tokens: readonly SinkToken[]
  /** All state files, oldest first. */
  readonly files: readonly StateFile[]
}

/**
 * A query's checkpoint: Spark's `metadata`, `offsets/`, `commits/` and `sources/`, and our own `state/`. Every file appears whole, by
 * rename, and ends with its checksum; data is synced before anything names it. An epoch is prepared when its manifest is there, and
 * committed when `commits/N` is. The manifest of epoch −1 says where the sources stood when the query first began. Whatever cannot be
 * written is CHECKPOINT_FAILED.
 */
export class CheckpointFolder {
  readonly path: string
  readonly id: string
  readonly #isDurable: boolean
  /** Who writes the logs; null: we ourselves. */
  writer: WriteTexts | null = null

  private constructor(path: string, id: string, isDurable: boolean) {
    this.path = path
    this.id = id
    this.#isDurable = isDurable
  }

  /** Opens or makes the folder and takes its lock. Throws CHECKPOINT_IN_USE, CHECKPOINT_DAMAGED, CHECKPOINT_FAILED. */
  static async open(location: string, durability: 'power' | 'process' = 'power'): Promise<CheckpointFolder> {
    const path = await writing(resolve(location), async () => {
      for (const part of ['offsets', 'commits', 'sources', 'state']) await mkdir(join(location, part), { recursive: true })
      return realpath(location)
    })
    await writing(path, () => lockFolder(path))
    try {
      return new CheckpointFolder(path, await identity(path), durability === 'power')
    } catch (error) {
      await unlockFolder(path)
      throw error
    }
  }

  stateFolder(): string {
    return join(this.path, 'state')
  }

  manifestPath(epoch: number): string {
    return join(this.stateFolder(), `${epoch}.manifest`)
  }

  sourceFolder(sourceId: string): string {
    return join(this.path, 'sources', sourceId)
  }

  /** The plan of an epoch that has not run yet: after a crash it must be the same. */
  async writePlan(epoch: number, entry: OffsetEntry): Promise<void> {
    await this.#write(this.#offsets(epoch, entry, 'renamed'))
  }

  #offsets(epoch: number, entry: OffsetEntry, durability: Durability): TextFile {
    const header = {
      batchWatermarkMs: entry.watermarkMillis,
      batchTimestampMs: entry.batchTimeMillis,
      conf: {},
      mode: entry.mode,
      lateWatermarkMs: entry.lateMillis,
    }
    const lines = Object.entries(entry.ends).map(([sourceId, offset]) => JSON.stringify({ source: sourceId, offset }))
    return this.#text(join('offsets', String(epoch)), ['v1', JSON.stringify(header), ...lines].join('\n'), durability)
  }

  /** Null if the epoch was never planned. */
  readOffsets(epoch: number): OffsetEntry | null {
    const path = join(this.path, 'offsets', String(epoch))
    if (!existsSync(path)) return null
    const [version, header, ...lines] = unsealText(path, readFileSync(path, 'utf8')).split('\n')
    if (version !== 'v1' || header === undefined) throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: `it begins with ${version}` })
    const facts = parse<{ batchWatermarkMs: number; batchTimestampMs: number; mode: string; lateWatermarkMs: number }>(path, header)
    const ends = lines.map(line => parse<{ source: string; offset: SourceOffset }>(path, line))
    return {
      mode: facts.mode,
      watermarkMillis: facts.batchWatermarkMs,
      lateMillis: facts.lateWatermarkMs,
      batchTimeMillis: facts.batchTimestampMs,
      ends: Object.fromEntries(ends.map(({ source, offset }) => [source, offset])),
    }
  }

  async writeCommit(epoch: number, nextWatermarkMillis: number): Promise<void> {
    const text = `v1\n${JSON.stringify({ nextBatchWatermarkMs: nextWatermarkMillis })}`
    // A commit that a power cut takes away is made again: the manifest says that it is due.
    await this.#write(this.#text(join('commits', String(epoch)), text, 'written'))
  }

  /** The last epoch in the commit log, or -1. */
  async lastCommit(): Promise<number> {
    const last = Math.max(-1, ...(await numbers(join(this.path, 'commits'))))
    const path = join(this.path, 'commits', String(last))
    if (last >= 0) unsealText(path, await readFile(path, 'utf8'))
    return last
  }

  /** From then on the epoch is prepared. `ran`: what it was, for `offsets/N`, if that was not planned. */
  async writeManifest(manifest: Manifest, ran: OffsetEntry | null): Promise<void> {
    const text = JSON.stringify(manifest, bigintAsText)
    const file = this.#text(join('state', `${manifest.epoch}.manifest`), text, 'renamed')
    await this.#write(file, ...(ran === null ? [] : [this.#offsets(manifest.epoch, ran, 'written')]))
  }

  /** The newest manifest, or null in a first run. A damaged one is refused: what came after it was committed on its strength. */
  async newestManifest(): Promise<Manifest | null> {
    const epochs = (await readdir(this.stateFolder())).flatMap(name => (MANIFEST.test(name) ? [Number.parseInt(name, 10)] : []))
    if (epochs.length === 0) return null
    const path = this.manifestPath(Math.max(...epochs))
    const manifest = parse<Manifest>(path, unsealText(path, await readFile(path, 'utf8')))
    if (manifest.version !== 1)
      throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: `its version is ${String(manifest.version)}, this engine reads 1` })
    return manifest
  }

  /** Removes log entries and state files that no restart will ask for. `inWork`: a file that is still being written. */
  async purge(manifest: Manifest, inWork: (name: string) => boolean): Promise<void> {
    for (const part of ['offsets', 'commits']) {
      for (const epoch of await numbers(join(this.path, part))) {
        if (epoch < manifest.epoch - RETAIN) await rm(join(this.path, part, String(epoch)), { force: true })
      }
    }
    const kept = new Set(manifest.files.map(file => file.name))
    for (const name of await readdir(this.stateFolder())) {
      const epoch = Number.parseInt(name, 10)
      const stale = MANIFEST.test(name) ? epoch < manifest.epoch - 1 : !kept.has(name) && !inWork(name) && epoch < manifest.epoch - 1
      if (stale) await rm(join(this.stateFolder(), name), { force: true })
    }
  }

  /** Removes what dead attempts have left: while nothing runs, only what the newest manifest names is of use. */
  async clean(manifest: Manifest): Promise<void> {
    const kept = new Set([`${manifest.epoch}.manifest`, ...manifest.files.map(file => file.name)])
    for (const name of await readdir(this.stateFolder())) if (!kept.has(name)) await rm(join(this.stateFolder(), name), { force: true })
    for (const part of ['offsets', 'commits']) {
      for (const name of await readdir(join(this.path, part))) {
        if (name.endsWith('.tmp')) await rm(join(this.path, part, name), { force: true })
      }
    }
  }

  async close(): Promise<void> {
    await unlockFolder(this.path)
  }

  #text(name: string, text: string, durability: Durability): TextFile {
    return { path: join(this.path, name), text: sealText(text), durability: this.#isDurable ? durability : 'no' }
  }

  async #write(...files: TextFile[]): Promise<void> {
    if (this.writer !== null) await this.writer(files)
    else for (const { path, text, durability } of files) await writing(path, () => writeAtomically(path, text, durability))
  }
}

const MANIFEST = /^(-1|\d+)\.manifest$/

/** Gives what the disk refuses a code. */
const writing = async <T>(path: string, what: () => Promise<T>): Promise<T> => {
  try {
    return await what()
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError('CHECKPOINT_FAILED', { path, reason: reasonOf(error) }, error)
  }
}

/** The query's id, which all runs on the folder share. */
const identity = async (path: string): Promise<string> => {
  const metadata = join(path, 'metadata')
  if (existsSync(metadata)) {
    const { id, crc32: crc } = parse<{ id: string; crc32: string }>(metadata, await readFile(metadata, 'utf8'))
    // One line of JSON, as Spark has it; so its checksum is a field.
    unsealText(metadata, `${id}\ncrc32 ${crc}\n`)
    return id
  }
  if ((await readdir(join(path, 'state'))).some(name => MANIFEST.test(name)))
    throw new EngineError('CHECKPOINT_DAMAGED', { path: metadata, reason: 'it is missing' })
  const id = randomUUID()
  const crc = sealText(id).trimEnd().slice(-8)
  await writing(metadata, () => writeAtomically(metadata, JSON.stringify({ id, crc32: crc })))
  return id
}

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

const parse = <T>(path: string, text: string): T => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it is not whole' }, error)
  }
  if (typeof value !== 'object' || value === null) throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it is no object' })
  return value as T
}

const numbers = async (folder: string): Promise<number[]> => (await readdir(folder)).filter(name => /^\d+$/.test(name)).map(Number)
