import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Which files a stream of files consists of, in the order in which it reads them. Numbers never change: offsets are made of them. */
export class FileList {
  readonly #path: string
  readonly #logPath: string | null
  readonly files: string[] = []
  readonly #known = new Set<string>()

  /** `metadataFolder`: where the list is kept, so that a replay sees the same files in the same order. */
  constructor(path: string, metadataFolder: string | null) {
    this.#path = resolve(path)
    this.#logPath = metadataFolder === null ? null : join(metadataFolder, 'files.jsonl')
    if (this.#logPath !== null && existsSync(this.#logPath)) {
      // A torn last line was never used in an offset: offsets are written after it is synced.
      for (const line of readFileSync(this.#logPath, 'utf8').split('\n').slice(0, -1)) this.#add(JSON.parse(line) as string)
    }
  }

  #refreshing: Promise<void> = Promise.resolve()

  /**
   * Looks for files that have come, oldest first, and makes the list durable before it returns. At most `most` new ones. One look at a
   * time: two would both find a file.
   */
  refresh(most: number, latestFirst: boolean): Promise<void> {
    const turn = this.#refreshing.then(() => this.#refresh(most, latestFirst))
    this.#refreshing = turn.catch(() => {})
    return turn
  }

  async #refresh(most: number, latestFirst: boolean): Promise<void> {
    const found = (await listFiles(this.#path)).filter(({ path }) => !this.#known.has(path))
    found.sort((a, b) => (latestFirst ? -1 : 1) * (a.modified - b.modified || (a.path < b.path ? -1 : 1)))
    const fresh = found.slice(0, most).map(({ path }) => path)
    if (fresh.length === 0) return
    if (this.#logPath !== null) {
      await mkdir(dirname(this.#logPath), { recursive: true })
      const file = await open(this.#logPath, 'a')
      try {
        await file.write(fresh.map(path => `${JSON.stringify(path)}\n`).join(''))
        await file.datasync()
      } finally {
        await file.close()
      }
    }
    for (const path of fresh) this.#add(path)
  }

  #add(path: string): void {
    this.files.push(path)
    this.#known.add(path)
  }
}

/**
 * The files of a folder, of a glob in its last part, or the one file itself. Hidden ones and those that begin with an underscore are not
 * data.
 */
export const listFiles = async (path: string): Promise<{ path: string; modified: number }[]> => {
  const isGlob = /[*?]/.test(path)
  const folder = isGlob ? dirname(path) : path
  const info = await stat(folder).catch(() => null)
  if (info === null) return []
  if (info.isFile()) return [{ path: folder, modified: info.mtimeMs }]
  const pattern = isGlob ? globPattern(path.slice(folder.length + 1)) : /./
  const names = (await readdir(folder)).filter(name => !/^[._]/.test(name) && pattern.test(name))
  const files = await Promise.all(
    names.map(async name => {
      const entry = await stat(join(folder, name)).catch(() => null)
      return entry?.isFile() === true ? [{ path: join(folder, name), modified: entry.mtimeMs }] : []
    }),
  )
  return files.flat()
}

const globPattern = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  )
