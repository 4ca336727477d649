import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname, join, parse, resolve, sep } from 'node:path'
import { CheckedLines } from '../base/checked-text.ts'
import { EngineError, reasonOf } from '../base/errors.ts'
import { syncFolder, writeAll } from './durable-file.ts'
import { committedFiles, LOG } from './file-log.ts'

/** One file of a stream of files. `partition`: the columns that the names of its folders give, as `day=1` does. */
export interface ListedFile {
  readonly path: string
  /** Millis since 1970. */
  readonly modified: number
  readonly partition: Readonly<Record<string, string | null>>
}

export interface FileListOptions {
  /** What comes later and is so much older than the newest file is left out. */
  readonly maxAgeMillis: number
  readonly latestFirst: boolean
}

/** Which files a stream of files consists of, in the order in which it reads them. Numbers never change: offsets are made of them. */
export class FileList {
  readonly #path: string
  readonly #logPath: string | null
  readonly #log = new CheckedLines()
  readonly #options: FileListOptions
  readonly files: ListedFile[] = []
  readonly #known = new Set<string>()
  #newest = Number.NEGATIVE_INFINITY

  /** `metadataFolder`: where the list is kept, so that a replay sees the same files in the same order. Throws CHECKPOINT_DAMAGED. */
  constructor(path: string, metadataFolder: string | null, options: FileListOptions) {
    this.#path = resolve(path)
    this.#options = options
    this.#logPath = metadataFolder === null ? null : join(metadataFolder, 'files.jsonl')
    if (this.#logPath !== null && existsSync(this.#logPath)) {
      for (const entry of this.#log.unseal(this.#logPath, readFileSync(this.#logPath, 'utf8'))) this.#add(entry as ListedFile)
    }
  }

  /** CHECKPOINT_DAMAGED if an offset, which counts files of the list, tells of more than there are; else null. */
  lacks(count: number): EngineError | null {
    const { length } = this.files
    return this.#logPath === null || count <= length
      ? null
      : new EngineError('CHECKPOINT_DAMAGED', { path: this.#logPath, reason: `it lists ${length} files, and an offset counts ${count}` })
  }

  #refreshing: Promise<void> = Promise.resolve()

  /**
   * Looks for files that have come, and makes the list durable before it returns. At most `most` new ones. One look at a time: two would
   * both find a file. Rejects with CHECKPOINT_FAILED.
   */
  refresh(most: number): Promise<void> {
    const turn = this.#refreshing.then(() => this.#refresh(most))
    this.#refreshing = turn.catch(() => {})
    return turn
  }

  async #refresh(most: number): Promise<void> {
    if (most <= 0) return
    const { maxAgeMillis, latestFirst } = this.#options
    // All that a first look finds is taken; later ones go by the newest file, not by a clock, as Spark's do.
    const oldest = this.#newest - maxAgeMillis
    const found = (await listFiles(this.#path)).filter(({ path, modified }) => modified >= oldest && !this.#known.has(path))
    found.sort((a, b) => (latestFirst ? -1 : 1) * (a.modified - b.modified || (a.path < b.path ? -1 : 1)))
    const fresh = found.slice(0, most)
    if (fresh.length === 0) return
    if (this.#logPath !== null) await this.#append(this.#logPath, fresh)
    for (const entry of fresh) this.#add(entry)
  }

  /** A failure ends the reader: what it leaves behind is cut off by the next one. */
  async #append(path: string, entries: readonly ListedFile[]): Promise<void> {
    try {
      const isNew = this.#log.bytes === 0
      if (isNew) await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'a')
      try {
        // What a crash has left of a line must not become part of the next.
        await file.truncate(this.#log.bytes)
        await writeAll(file, new TextEncoder().encode(entries.map(entry => this.#log.seal(entry)).join('')))
        await file.datasync()
      } finally {
        await file.close()
      }
      if (isNew) await syncFolder(dirname(path))
    } catch (error) {
      throw new EngineError('CHECKPOINT_FAILED', { path, reason: reasonOf(error) }, error)
    }
  }

  #add(entry: ListedFile): void {
    this.files.push(entry)
    this.#known.add(entry.path)
    this.#newest = Math.max(this.#newest, entry.modified)
  }
}

/**
 * The files of a folder, of everything that a glob matches (files, and folders with what lies in them), or the one file itself. Below a
 * folder only folders named `column=value` are looked into. Hidden ones and those that begin with an underscore are not data. Of the output of
 * a query, which has a log, only what the log names counts.
 */
export const listFiles = async (path: string): Promise<ListedFile[]> => {
  const full = resolve(path)
  const { root } = parse(full)
  const isGlob = /[*?[{]/.test(path) && (await stat(path).catch(() => null)) === null
  const roots = isGlob ? await matching([root], full.slice(root.length).split(sep)) : [path]
  return (await Promise.all(roots.map(filesOf))).flat()
}

/** All paths that the parts of a glob lead to from some folders. */
const matching = async (folders: readonly string[], [part, ...rest]: readonly string[]): Promise<readonly string[]> => {
  if (part === undefined) return folders
  if (part === '') return matching(folders, rest)
  if (!/[*?[{]/.test(part)) {
    return matching(
      folders.map(folder => join(folder, part)),
      rest,
    )
  }
  const pattern = globPattern(part)
  const next = await Promise.all(
    folders.map(async folder => (await entriesOf(folder)).filter(name => pattern.test(name)).map(name => join(folder, name))),
  )
  return matching(next.flat(), rest)
}

const filesOf = async (root: string): Promise<ListedFile[]> => {
  const info = await stat(root).catch(() => null)
  if (info === null) return []
  if (info.isFile()) return [{ path: root, modified: info.mtimeMs, partition: {} }]
  const hasLog = (await stat(join(root, LOG)).catch(() => null)) !== null
  return hasLog ? filesInLog(root) : filesIn(root, {})
}

const filesInLog = async (folder: string): Promise<ListedFile[]> => {
  const committed = await committedFiles(folder, Number.POSITIVE_INFINITY)
  const listed = committed.map(async ({ path }): Promise<ListedFile> => {
    const file = join(folder, path)
    // One that is named and missing has its turn, and is found to be missing then.
    return { path: file, modified: (await stat(file).catch(() => null))?.mtimeMs ?? 0, partition: {} }
  })
  return Promise.all(listed)
}

const filesIn = async (folder: string, partition: ListedFile['partition']): Promise<ListedFile[]> => {
  const found = await Promise.all(
    (await entriesOf(folder)).map(async name => {
      const path = join(folder, name)
      const entry = await stat(path).catch(() => null)
      if (entry?.isFile() === true) return [{ path, modified: entry.mtimeMs, partition }]
      const column = /^([^=]+)=(.*)$/.exec(name)
      return column === null ? [] : filesIn(path, { ...partition, [unescapePath(column[1])]: partitionValue(column[2]) })
    }),
  )
  return found.flat()
}

/** Nothing if it is no folder, or gone. */
const entriesOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => [])).filter(name => !/^[._]/.test(name))

/** Hive's word for null in the name of a folder. */
const partitionValue = (text: string): string | null => (text === '__HIVE_DEFAULT_PARTITION__' ? null : unescapePath(text))

const unescapePath = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** Hadoop's globs: `*`, `?`, `[ab]`, `[^a]`, `{one,two}`. */
const globPattern = (glob: string): RegExp =>
  new RegExp(
    `^${glob.replace(/\*|\?|\[([!^]?)([^\]]+)\]|\{([^}]*)\}|[^\w\s-]/g, (text: string, not?: string, among?: string, choices?: string) => {
      if (text === '*') return '.*'
      if (text === '?') return '.'
      if (among !== undefined) return `[${not === '' ? '' : '^'}${among.replace(/[\\^]/g, '\\$&')}]`
      if (choices !== undefined) return `(?:${choices.split(',').map(escaped).join('|')})`
      return escaped(text)
    })}$`,
  )

const escaped = (text: string): string => text.replace(/[.+*?^$(){}|[\]\\]/g, '\\$&')
