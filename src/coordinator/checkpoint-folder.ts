import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../base/errors.ts'
import type { SinkToken, SourceOffset } from '../connector/connector.ts'
import { writeAtomically } from '../connector/file-sink.ts'
import type { StateFile } from '../state/state-file.ts'

/** How many old entries of the logs are kept, as Spark's minBatchesToRetain. */
const RETAIN = 100

/** What `offsets/N` says. In micro-batch it is the plan of the epoch, written before it runs; in real time what the epoch was, written after. */
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
  /** Largest event time seen by each watermark operator, micros; null for none. */
  readonly eventMaxMicros: Readonly<Record<string, number | null>>
  readonly positions: Readonly<Record<string, SourceOffset>>
  readonly tokens: readonly SinkToken[]
  /** All state files, oldest first. */
  readonly files: readonly StateFile[]
}

/**
 * A query's checkpoint: Spark's `metadata`, `offsets/`, `commits/` and `sources/`, and our own `state/`. Every file appears whole, by rename; data is synced before
 * anything names it. An epoch is prepared when its manifest is there, and committed when `commits/N` is.
 */
export class CheckpointFolder {
  readonly path: string
  readonly id: string

  private constructor(path: string, id: string) {
    this.path = path
    this.id = id
  }

  /** Opens or makes the folder and takes its lock. Throws CHECKPOINT_IN_USE. */
  static async open(path: string): Promise<CheckpointFolder> {
    for (const part of ['offsets', 'commits', 'sources', 'state']) await mkdir(join(path, part), { recursive: true })
    await lock(path)
    const metadata = join(path, 'metadata')
    let id = randomUUID() as string
    if (existsSync(metadata)) id = parse<{ id: string }>(metadata, await readFile(metadata, 'utf8')).id
    else await writeAtomically(metadata, JSON.stringify({ id }))
    return new CheckpointFolder(path, id)
  }

  stateFolder(): string {
    return join(this.path, 'state')
  }

  sourceFolder(sourceId: string): string {
    return join(this.path, 'sources', sourceId)
  }

  async writeOffsets(epoch: number, entry: OffsetEntry): Promise<void> {
    const header = {
      batchWatermarkMs: entry.watermarkMillis,
      batchTimestampMs: entry.batchTimeMillis,
      conf: {},
      mode: entry.mode,
      lateWatermarkMs: entry.lateMillis,
    }
    const lines = Object.entries(entry.ends).map(([sourceId, offset]) => JSON.stringify({ source: sourceId, offset }))
    await writeAtomically(join(this.path, 'offsets', String(epoch)), ['v1', JSON.stringify(header), ...lines].join('\n'))
  }

  /** Null if the epoch was never planned. */
  readOffsets(epoch: number): OffsetEntry | null {
    const path = join(this.path, 'offsets', String(epoch))
    if (!existsSync(path)) return null
    const [version, header, ...lines] = readFileSync(path, 'utf8').split('\n')
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
    await writeAtomically(join(this.path, 'commits', String(epoch)), `v1\n${JSON.stringify({ nextBatchWatermarkMs: nextWatermarkMillis })}`)
  }

  /** The last epoch in the commit log, or -1. */
  async lastCommit(): Promise<number> {
    return Math.max(-1, ...(await numbers(join(this.path, 'commits'))))
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await writeAtomically(join(this.stateFolder(), `${manifest.epoch}.manifest`), JSON.stringify(manifest, bigintAsText))
  }

  /** The newest manifest, or null in a first run. A damaged one is refused: what came after it was committed on its strength. */
  async newestManifest(): Promise<Manifest | null> {
    const epochs = (await readdir(this.stateFolder())).flatMap(name => (/^\d+\.manifest$/.test(name) ? [Number.parseInt(name, 10)] : []))
    if (epochs.length === 0) return null
    const path = join(this.stateFolder(), `${Math.max(...epochs)}.manifest`)
    const manifest = parse<Manifest>(path, await readFile(path, 'utf8'))
    if (manifest.version !== 1)
      throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: `its version is ${String(manifest.version)}, this engine reads 1` })
    return manifest
  }

  /** Removes log entries and state files that no restart will ask for. */
  async purge(manifest: Manifest): Promise<void> {
    for (const part of ['offsets', 'commits']) {
      for (const epoch of await numbers(join(this.path, part))) {
        if (epoch < manifest.epoch - RETAIN) await rm(join(this.path, part, String(epoch)), { force: true })
      }
    }
    const kept = new Set(manifest.files.map(file => file.name))
    for (const name of await readdir(this.stateFolder())) {
      const epoch = Number.parseInt(name, 10)
      const stale = name.endsWith('.manifest') ? epoch < manifest.epoch - 1 : !kept.has(name) && epoch < manifest.epoch - 1
      if (stale) await rm(join(this.stateFolder(), name), { force: true })
    }
  }

  async close(): Promise<void> {
    await rm(join(this.path, 'lock'), { force: true })
    held.delete(this.path)
  }
}

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

const parse = <T>(path: string, text: string): T => {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it is not whole' }, error)
  }
}

const numbers = async (folder: string): Promise<number[]> => (await readdir(folder)).filter(name => /^\d+$/.test(name)).map(Number)

/** Folders that queries of this process have. */
const held = new Set<string>()

const lock = async (path: string): Promise<void> => {
  const file = join(path, 'lock')
  const owner = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN
  if (held.has(path) || (Number.isInteger(owner) && owner !== process.pid && isAlive(owner))) {
    throw new EngineError('CHECKPOINT_IN_USE', { path, pid: owner })
  }
  held.add(path)
  await writeFile(file, String(process.pid))
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
