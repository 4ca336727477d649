import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileSpec } from './format.ts'

/**
 * The folders of a case's file sources. All hang below one symbolic link: several files appear in one moment when the link is turned to a
 * copy of the tree that has them. Each file is newer than the one before by a second, or by what the case says.
 */
export class FileFeed {
  readonly #home = mkdtempSync(join(tmpdir(), 'walkway-conformance-files-'))
  readonly #stepMillis: number
  readonly #held = new Map<string, FileSpec[]>()
  #tree = 0
  #modified = 1_700_000_000_000

  constructor(stepMillis: number) {
    this.#stepMillis = stepMillis
    mkdirSync(this.#treePath())
    symlinkSync(this.#treePath(), this.#root())
  }

  /** Where a source reads: its folder, and the glob below it. */
  pathOf(source: string, glob: string): string {
    const folder = join(this.#root(), source)
    if (!existsSync(folder)) mkdirSync(folder)
    return join(folder, glob)
  }

  add(file: FileSpec): void {
    const held = this.#held.get(file.source)
    if (held === undefined) this.#put(this.#treePath(), file)
    else held.push(file)
  }

  addAtOnce(files: readonly FileSpec[]): void {
    const before = this.#treePath()
    this.#tree++
    cpSync(before, this.#treePath(), { recursive: true, preserveTimestamps: true })
    for (const file of files) this.#put(this.#treePath(), file)
    const next = join(this.#home, 'next')
    symlinkSync(this.#treePath(), next)
    renameSync(next, this.#root())
  }

  hold(source: string): void {
    if (!this.#held.has(source)) this.#held.set(source, [])
  }

  release(source: string): void {
    const held = this.#held.get(source) ?? []
    this.#held.delete(source)
    this.addAtOnce(held)
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }

  #root(): string {
    return join(this.#home, 'root')
  }

  #treePath(): string {
    return join(this.#home, `tree-${this.#tree}`)
  }

  /** Written under a name that no source looks at, and renamed when it is whole. */
  #put(tree: string, { source, name, dir = '', content, ageStepMs }: FileSpec): void {
    const folder = join(tree, source, dir)
    mkdirSync(folder, { recursive: true })
    const unfinished = join(folder, `.${name}`)
    writeFileSync(unfinished, content)
    this.#modified += ageStepMs ?? this.#stepMillis
    utimesSync(unfinished, this.#modified / 1000, this.#modified / 1000)
    renameSync(unfinished, join(folder, name))
  }
}
