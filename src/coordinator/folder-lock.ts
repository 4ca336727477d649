import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../base/errors.ts'

/**
 * Who has a checkpoint: `lock` names a process. A process number is used again after its process has died, in a container within a moment,
 * so where the platform tells (Linux) the lock also holds when that process began and in which boot: a lock whose process is not the one
 * that took it is stale.
 */
interface Owner {
  readonly pid: number
  /** Null where the platform does not tell. */
  readonly began: string | null
}

/** Folders that queries of this thread have. */
const held = new Set<string>()

/** Takes the lock of a folder, given by its real path. Throws CHECKPOINT_IN_USE. */
export const lockFolder = async (path: string): Promise<void> => {
  if (held.has(path)) throw new EngineError('CHECKPOINT_IN_USE', { path, pid: process.pid })
  held.add(path)
  try {
    await take(path)
  } catch (error) {
    held.delete(path)
    throw error
  }
}

export const unlockFolder = async (path: string): Promise<void> => {
  await rm(join(path, 'lock'), { force: true })
  held.delete(path)
}

const take = async (path: string): Promise<void> => {
  const file = join(path, 'lock')
  const own: Owner = { pid: process.pid, began: beganAt(process.pid) }
  for (;;) {
    if (await create(file, JSON.stringify(own))) return removeLitter(path)
    const text = await readFile(file, 'utf8').catch(() => null)
    if (text === null) continue
    const owner = parseOwner(text)
    if (owner !== null && holds(owner, own)) throw new EngineError('CHECKPOINT_IN_USE', { path, pid: owner.pid })
    // Of several that find the lock stale only one can move it away; what it moved must be what it had read.
    const stale = join(path, `lock.${randomUUID()}`)
    const moved = await rename(file, stale).then(
      () => true,
      () => false,
    )
    if (!moved) continue
    const isSame = (await readFile(stale, 'utf8').catch(() => null)) === text
    if (!isSame) await rename(stale, file).catch(() => {})
    await rm(stale, { force: true })
  }
}

/** What is so old was left behind by a process that died while it took the lock; one that is taking it now is younger. */
const LITTER_MILLIS = 60_000

const removeLitter = async (path: string): Promise<void> => {
  for (const name of await readdir(path)) {
    if (!name.startsWith('lock.')) continue
    const info = await stat(join(path, name)).catch(() => null)
    if (info !== null && info.mtimeMs < Date.now() - LITTER_MILLIS) await rm(join(path, name), { force: true })
  }
}

/** Makes the file, whole from its first moment. False if it is there. */
const create = async (file: string, text: string): Promise<boolean> => {
  const own = `${file}.${randomUUID()}`
  try {
    await writeFile(own, text)
    await link(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(own, { force: true })
  }
}

const parseOwner = (text: string): Owner | null => {
  try {
    const { pid, began } = JSON.parse(text) as Partial<Owner>
    return Number.isInteger(pid) && pid !== undefined && pid > 0 ? { pid, began: began ?? null } : null
  } catch {
    return null
  }
}

/** True if the process that took the lock lives. */
const holds = (owner: Owner, own: Owner): boolean => {
  if (owner.began !== null) return owner.began === beganAt(owner.pid)
  // Nothing but the number: our own is that of a dead process, or this thread would have it.
  return owner.pid !== own.pid && isAlive(owner.pid)
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process began, in ticks of a boot; null if it is not there, or if nobody can tell. */
const beganAt = (pid: number): string | null => {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; the fields behind it are 3, 4, …; the 22nd is the start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : `${boot} ${fields[19]}`
  } catch {
    return null
  }
}
