import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAllSync } from '../state/state-file-writer.ts'

/** Writes all of it. A disk that is nearly full takes a part, and reports no error before the next write. */
export const writeAll = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
}

/** Makes what was created, renamed or removed in a folder survive a power cut. Does nothing where folders cannot be synced. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r').catch(() => null)
  if (folder === null) return
  try {
    await folder.sync()
  } catch (error) {
    if (!cannotSyncFolders(error)) throw error
  } finally {
    await folder.close()
  }
}

const cannotSyncFolders = (error: unknown): boolean =>
  ['EPERM', 'EINVAL', 'EISDIR', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')

/**
 * How well a file must be kept: `renamed`: it, and that it is there, survive a power cut; `written`: if it is there, it is whole; `no`:
 * only the process may die.
 */
export type Durability = 'renamed' | 'written' | 'no'

const encoder = new TextEncoder()

/** A small file that appears whole or not at all. */
export interface TextFile {
  readonly path: string
  readonly text: string
  readonly durability: Durability
}

/** Whole or not at all: a temporary file, synced, then renamed. */
export const writeAtomically = async (path: string, text: string, durability: Durability = 'renamed'): Promise<void> => {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w')
  try {
    await writeAll(file, encoder.encode(text))
    if (durability !== 'no') await file.datasync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  if (durability === 'renamed') await syncFolder(dirname(path))
}

/** The same, on a thread that may block. */
export const writeAtomicallySync = (path: string, text: string, durability: Durability): void => {
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    writeAllSync(file, encoder.encode(text))
    if (durability !== 'no') fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  if (durability === 'renamed') syncFolderSync(dirname(path))
}

const syncFolderSync = (path: string): void => {
  let folder: number
  try {
    folder = openSync(path, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(folder)
  } catch (error) {
    if (!cannotSyncFolders(error)) throw error
  } finally {
    closeSync(folder)
  }
}
