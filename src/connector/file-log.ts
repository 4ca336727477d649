import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../base/errors.ts'

/**
 * The log of an output folder, `_spark_metadata`: an entry for each epoch, named by its number, with the files that the epoch added; from
 * time to time one named `N.compact`, with all files up to then. What no entry names does not count. Spark reads such a folder as it is.
 */
export const LOG = '_spark_metadata'

/** A file by its name in the folder. */
export interface FileEntry {
  readonly path: string
  readonly size: number
}

export interface LogEntry {
  readonly name: string
  readonly epoch: number
  readonly compact: boolean
}

/** What an entry says. */
export const logText = (folder: string, files: readonly FileEntry[]): string =>
  ['v1', ...files.map(file => JSON.stringify(logLine(folder, file)))].join('\n')

const logLine = (folder: string, { path, size }: FileEntry) => ({
  path: `file://${join(folder, path)}`,
  size,
  isDir: false,
  modificationTime: 0,
  blockReplication: 1,
  blockSize: 33554432,
  action: 'add',
})

/** What the log consists of, oldest first; nothing if there is none. */
export const logEntries = async (folder: string): Promise<LogEntry[]> =>
  (await readdir(join(folder, LOG)).catch(() => []))
    .filter(name => /^\d+(\.compact)?$/.test(name))
    .map(name => ({ name, epoch: Number.parseInt(name, 10), compact: name.endsWith('.compact') }))
    .sort((a, b) => a.epoch - b.epoch)

/** The files that are visible in a folder: those that the log names up to an epoch. Throws OUTPUT_DAMAGED. */
export const committedFiles = async (folder: string, upTo: number): Promise<FileEntry[]> => {
  for (let look = 1; ; look++) {
    const entries = (await logEntries(folder)).filter(entry => entry.epoch <= upTo)
    const lastCompact = entries.findLastIndex(entry => entry.compact)
    const current = entries.slice(Math.max(0, lastCompact))
    for (const [i, { epoch }] of current.entries()) {
      const expected = current[0].epoch + i
      if (epoch !== expected)
        throw new EngineError('OUTPUT_DAMAGED', { path: join(folder, LOG, String(expected)), reason: 'it is missing' })
    }
    try {
      return (await Promise.all(current.map(entry => filesOf(folder, entry)))).flat()
    } catch (error) {
      // A query that is writing has removed old entries since the look: newer ones are there.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || look === LOOKS) throw error
    }
  }
}

const LOOKS = 5

/** The files that an entry names. Throws OUTPUT_DAMAGED. */
export const filesOf = async (folder: string, { name }: LogEntry): Promise<FileEntry[]> => {
  const path = join(folder, LOG, name)
  const [version, ...lines] = (await readFile(path, 'utf8')).split('\n')
  if (version !== 'v1') throw new EngineError('OUTPUT_DAMAGED', { path, reason: `it begins with ${version}` })
  return lines.flatMap((line, i) => (line === '' ? [] : [fileEntry(path, line, i + 2)]))
}

const fileEntry = (path: string, line: string, number: number): FileEntry => {
  try {
    const { path: file, size } = JSON.parse(line) as FileEntry
    return { path: file.slice(file.lastIndexOf('/') + 1), size }
  } catch (error) {
    throw new EngineError('OUTPUT_DAMAGED', { path, reason: `its line ${number} is no entry` }, error)
  }
}
