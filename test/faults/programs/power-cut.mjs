// What a power cut may take from a disk: bytes written since a file's last sync; and files made, renamed or removed since the last sync of
// their folder, the latest first. It knows the changes of one thread.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync } = fs

export class PowerCut {
  #random
  /** Bytes that are safe, by path. */
  #safe = new Map()
  /** Changes of names, oldest first. */
  #names = []
  #copies = null
  #copied = 0

  /** `random` gives 0 ≤ x < 1. */
  constructor(random) {
    this.#random = random
  }

  // Each of these is called before a change, and gives what is to be called after it.

  /** A file is opened for writing. */
  open(path, flags) {
    const isNew = !existsSync(path)
    return () => {
      if (isNew) this.#name(path, () => rmSync(path, { force: true }))
      if (flags !== 'a') this.#safe.set(path, 0)
      else if (!this.#safe.has(path)) this.#safe.set(path, sizeOf(path))
    }
  }

  /** A file gets another name. */
  link(from, to) {
    return () => {
      this.#name(to, () => rmSync(to, { force: true }))
      this.#safe.set(to, this.#safe.get(from) ?? sizeOf(from))
    }
  }

  rename(from, to) {
    const before = this.#copy(to)
    return () => {
      this.#name(to, () => {
        renameSync(to, from)
        if (before !== null) copyFileSync(before, to)
      })
      this.#safe.set(to, this.#safe.get(from) ?? sizeOf(to))
      this.#safe.delete(from)
    }
  }

  rm(path) {
    const before = this.#copy(path)
    return () => {
      if (before !== null) this.#name(path, () => copyFileSync(before, path))
      this.#safe.delete(path)
    }
  }

  /** After a file or a folder has been synced. */
  sync(path) {
    if (statSync(path).isDirectory()) this.#names = this.#names.filter(name => name.folder !== path)
    else this.#safe.set(path, sizeOf(path))
  }

  /** Takes what a cut takes. */
  strike() {
    const random = this.#random
    for (const [path, safe] of this.#safe) {
      const size = sizeOf(path)
      if (size > safe) truncateSync(path, safe + Math.floor(random() * (size - safe + 1)))
    }
    const kept = new Map()
    for (const { folder } of this.#names) kept.set(folder, (kept.get(folder) ?? 0) + 1)
    for (const [folder, count] of kept) kept.set(folder, Math.floor(random() * (count + 1)))
    const lost = this.#names.filter(({ folder }) => {
      const left = kept.get(folder)
      kept.set(folder, left - 1)
      return left <= 0
    })
    for (const { undo } of lost.reverse()) undo()
  }

  #name(path, undo) {
    this.#names.push({ folder: dirname(path), undo })
  }

  #copy(path) {
    if (!existsSync(path)) return null
    this.#copies ??= mkdtempSync(join(tmpdir(), 'walkway-cut-'))
    const copy = join(this.#copies, String(this.#copied++))
    copyFileSync(path, copy)
    return copy
  }
}

const sizeOf = path => (existsSync(path) ? statSync(path).size : 0)
